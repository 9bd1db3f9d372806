"""What SIGHUP reads again: certificates and the operator's routing file. Shell.

Each part stands alone: one that cannot be read keeps what it had, and the others are read.
"""

from collections.abc import Callable, Mapping

import structlog

from server.errors import ServerError
from sip.errors import SipError

Parts = Mapping[str, Callable[[], None]]
"""From the name of a part to what reads it again, or raises and changes nothing."""

log = structlog.get_logger("server")


def reload_parts(parts: Parts) -> None:
    """Read every part again, and write in the log which were and why others were not."""
    for part, read in parts.items():
        try:
            read()
        except (ServerError, SipError) as error:
            log.error("not-reloaded", part=part, error=str(error))
        except Exception as error:  # a signal must not end the server
            log.error("not-reloaded", part=part, exc_info=error)
        else:
            log.info("reloaded", part=part)
    if not parts:
        log.info("nothing-to-reload")

"""The record of the `message-summary` package (RFC 3842 §3). Pure."""

from typing import Final

from presence.errors import BadBody
from presence.package import EventPackage, PackageState
from presence.packages.message_summary.body import (
    CONTENT_TYPE,
    BadSummary,
    Summary,
    combine,
    read,
    write,
)
from sip.uri import AoR

NAME: Final = "message-summary"
DEFAULT_EXPIRES: Final = 3600
"""Seconds (RFC 3842 §3.4)."""
MIN_INTERVAL: Final = 1.0
"""Seconds between two NOTIFYs (RFC 3842 §3.11)."""
NOTHING_WAITS: Final = write(Summary(waiting=False, account="", counts=()))


def message_summary_package(*, min_interval: float = MIN_INTERVAL) -> EventPackage:
    """The record; only the owner may watch unless the settings say more (AUT-11)."""
    return EventPackage(
        name=NAME,
        content_types=(CONTENT_TYPE,),
        compose=compose,
        default_expires=DEFAULT_EXPIRES,
        default_policy="block",
        min_interval=min_interval,
        publish_types=(CONTENT_TYPE,),
        check_body=check_body,
    )


def compose(aor: AoR, state: PackageState) -> bytes:
    """One mailbox as it is, several as one whose account is the user or group itself."""
    summaries = [read(one.body) for one in state.publications]
    if not summaries:
        return NOTHING_WAITS
    return write(summaries[0] if len(summaries) == 1 else combine(summaries, aor))


def check_body(body: bytes, content_type: str, aor: AoR) -> None:
    """Raise BadBody unless `body` follows the grammar (RFC 3842 §5.2)."""
    try:
        read(body)
    except BadSummary as error:
        raise BadBody(str(error)) from None

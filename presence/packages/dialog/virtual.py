"""The one virtual dialog that strangers see (RFC 4235 §3.6, §3.7.2), and whether a user is in a
call at all. Pure."""

from collections.abc import Iterable
from typing import Final, Literal

from presence.packages.dialog.document import CallState, cut, write
from presence.packages.dialog.line import advance, reports
from store.values import Publication

VIRTUAL: Final[Literal["virtual"]] = "virtual"
"""`Decision.grant` of a watcher who may know that there is a call, and nothing else of it."""
IN_A_CALL: Final = b'<dialog id="virtual"><state>confirmed</state></dialog>'


def virtual(entity: str, document: bytes) -> bytes:
    """What is left of `document`: `confirmed` for any dialog that is not over."""
    live = any(dialog.state is not CallState.TERMINATED for dialog in cut(document))
    return write(entity, (IN_A_CALL,) if live else ())


def confirmed(publications: Iterable[Publication]) -> bool:
    """Whether any dialog of these publications of the `dialog` package is in the confirmed state.

    What one publisher says to be over is over, whatever another says of the same dialog.
    """
    _, dialogs = advance((), reports(publications))
    return any(dialog.state is CallState.CONFIRMED for dialog in dialogs)

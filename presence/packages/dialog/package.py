"""The record of the `dialog` package (RFC 4235 §3). Pure but for the lines it remembers."""

from collections.abc import Mapping
from typing import Final

from presence.errors import BadBody, Forbidden
from presence.package import EventPackage, PackageState
from presence.packages.dialog.document import (
    CONTENT_TYPE,
    DIALOG,
    ROOT,
    STATE,
    STATES,
    write,
)
from presence.packages.dialog.line import Lines
from presence.packages.dialog.phones import Phones, Quirks
from presence.packages.dialog.request import admit, reader
from presence.packages.dialog.telling import tell
from presence.packages.dialog.virtual import VIRTUAL, virtual
from presence.packages.entity import is_of
from presence.packages.xml_body import read_body
from presence.policy.policy import SubHandling
from presence.view import View
from sip.uri import AoR

NAME: Final = "dialog"
DEFAULT_EXPIRES: Final = 3600
"""Seconds, for all dialogs of a user (RFC 4235 §3.4)."""
MIN_INTERVAL: Final = 1.0
"""Seconds between two NOTIFYs (RFC 4235 §3.10)."""
MAX_DIALOGS: Final = 100
"""Of one publication."""


def dialog_package(
    *,
    min_interval: float = MIN_INTERVAL,
    phones: Mapping[str, Quirks] | None = None,
    lines: Lines | None = None,
) -> EventPackage:
    """The record; `phones` are what the operator says of User-Agents, by how they begin."""
    known = lines or Lines()

    def compose(aor: AoR, state: PackageState) -> bytes:
        if not state.publications:
            return write(aor, ())
        return write(aor, [one.described for one in known.hear(aor, state.publications)])

    def hear(aor: AoR, state: PackageState) -> None:
        if state.publications:
            known.hear(aor, state.publications)

    return EventPackage(
        name=NAME,
        content_types=(CONTENT_TYPE,),
        compose=compose,
        default_expires=DEFAULT_EXPIRES,
        min_interval=min_interval,
        publish_types=(CONTENT_TYPE,),
        check_body=check_body,
        hear=hear,
        render=render,
        tell=tell,
        tell_types=frozenset({CONTENT_TYPE}),
        admit=admit,
        read_content=reader(Phones(phones or {})),
    )


def render(aor: AoR, state: PackageState, document: bytes, view: View) -> bytes:
    """The document, or of it what a stranger may see (RFC 4235 §3.6)."""
    if view.grant in (VIRTUAL, SubHandling.POLITE_BLOCK):
        return virtual(aor, document)
    return document


def check_body(body: bytes, content_type: str, aor: AoR) -> None:
    """Raise BadBody unless `body` is valid dialog information, Forbidden unless it is of `aor`.

    The dialogs of a publication are all that its publisher knows, whatever its `state` says.
    """
    root = read_body(
        body, root=ROOT, named="dialog-info of urn:ietf:params:xml:ns:dialog-info", by="dialog-info"
    )
    dialogs = root.findall(DIALOG)
    if len(dialogs) > MAX_DIALOGS:
        raise BadBody(f"more than {MAX_DIALOGS} dialogs")
    for dialog in dialogs:
        state = (dialog.findtext(STATE) or "").strip().lower()
        if state not in STATES:
            raise BadBody(f"the state {state[:20]!r} is none of {', '.join(STATES)}")
    if not is_of(root.get("entity") or "", aor):
        raise Forbidden("the entity is another user")

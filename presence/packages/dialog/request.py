"""What a SUBSCRIBE to `dialog` asks for (RFC 4235 §3.2, §3.3). Pure.

Its Event header may name one dialog, or those of one INVITE, and ask for session descriptions.
Its User-Agent says what class of phone it is, its Contact in which dialogs it is a party
itself. The last two are kept as the content of the subscription, in two lines.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from presence.errors import BadRequest
from presence.package import ReadContent
from presence.packages.dialog.phones import Phones, Quirks
from sip.dialog import contact_of
from sip.errors import ParseError
from sip.message import Request
from sip.parameters import Parameters
from sip.uri import SipUri, parse_uri

CALL_ID: Final = "call-id"
TO_TAG: Final = "to-tag"
FROM_TAG: Final = "from-tag"
WITH_SESSIONS: Final = "include-session-description"


class Wanted(NamedTuple):
    """Which dialogs one subscription is about, and how they are told."""

    call_id: str = ""
    """"" for all dialogs."""
    local_tag: str = ""
    """What `to-tag` is matched against."""
    remote_tag: str = ""
    """What `from-tag` is matched against; "" for every dialog of the INVITE."""
    sessions: bool = False
    """Session descriptions are told too."""
    quirks: Quirks = Quirks()
    contact: str = ""
    """The subscriber's own Contact URI."""


def admit(request: Request) -> None:
    """Refuse dialog identifiers that identify nothing (RFC 4235 §3.2). Raises BadRequest."""
    event = request.event
    assert event is not None, "find_package has read it"
    given = event.parameters
    if (TO_TAG in given or FROM_TAG in given) and CALL_ID not in given:
        raise BadRequest("a tag names a dialog together with a call-id only")
    if CALL_ID in given and not (given.value(CALL_ID) and given.value(TO_TAG)):
        raise BadRequest("a call-id names a dialog together with a to-tag only")


def reader(phones: Phones) -> ReadContent:
    """The `read_content` of the package."""

    def read_content(request: Request, before: str) -> str:
        contact = before.partition("\n")[2]
        if request.get("contact") is not None:
            contact = contact_of(request)
        return f"{phones.quirks(request.get('user-agent'))}\n{contact}"

    return read_content


def wanted(parameters: str, content: str) -> Wanted:
    """What the Event parameters and the kept content of a subscription come to."""
    given = Parameters.parse(parameters)
    quirks, _, contact = content.partition("\n")
    return Wanted(
        call_id=given.value(CALL_ID) or "",
        local_tag=given.value(TO_TAG) or "",
        remote_tag=given.value(FROM_TAG) or "",
        sessions=WITH_SESSIONS in given,
        quirks=Quirks.parse(quirks or "standard"),
        contact=contact,
    )


def equals(contact: str) -> Callable[[str], bool]:
    """Whether a remote target is the subscriber itself (RFC 4235 §3.3, RFC 3261 §19.1.4)."""
    own = _sip(contact)

    def is_own(target: str) -> bool:
        other = _sip(target)
        return own is not None and other is not None and own.equivalent(other)

    return is_own


def _sip(text: str) -> SipUri | None:
    try:
        uri = parse_uri(text)
    except ParseError:
        return None
    return uri if isinstance(uri, SipUri) else None

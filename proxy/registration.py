"""What one REGISTER asks for, read from the message once (RFC 3261 §10.3).

Pure. Only what the request says by itself is judged here; what depends on the bindings that
are there already is `proxy.registrar`. Intervals are whole seconds. What every
REGISTER makes are named tuples: frozen dataclasses cost it 2 us more.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from proxy.errors import (
    BadExtension,
    BadRegistration,
    IntervalTooBrief,
    LoopingContact,
    TooManyContacts,
)
from proxy.outbound import INVALID_HOST, applies
from sip.address import NameAddr
from sip.errors import ParseError
from sip.grammar import is_storable
from sip.message import Request
from sip.parameters import Parameters
from sip.uri import AoR

DEFAULT_EXPIRES: Final = 3600
"""For a contact with no expiry, and for a malformed one (RFC 3261 §10.2.1.1)."""
BRIEF: Final = 3600
"""Only intervals below an hour may be refused as too brief (§10.3 step 7)."""
SUPPORTED: Final = frozenset({"path", "outbound", "gruu"})
"""Option tags that a REGISTER may require."""
SCHEMES: Final = frozenset({"sip", "sips", "tel", "mailto", "im", "pres"})
"""Schemes a contact may have; only sip and sips are relayed to."""
MAX_USER_AGENT: Final = 255
"""Characters of the User-Agent that are kept."""
MAX_REG_ID: Final = 2**31 - 1
MAX_AOR: Final = 512
"""Octets; what more than one of these lengths bounds is a key of the database."""
MAX_CALL_ID: Final = 512
MAX_CONTACT: Final = 1024
MAX_INSTANCE: Final = 255
MAX_PARAMETERS: Final = 2048
"""Octets of the parameters of one Contact value: callers' preferences are matched with them."""
MAX_PATH: Final = 4096
"""Octets of all its values."""
_PLAIN_CONTACT: Final = re.compile(
    r"sip:[A-Za-z0-9\-_.+]+@[A-Za-z0-9.\-]*[A-Za-z0-9](?::(?:[1-9]\d{0,3}|[1-5]\d{4}))?"
    r"(?:;transport=(?:udp|tcp))?"
)
"""What most contacts look like: right without being taken apart (measured: 4 us a REGISTER)."""
_Q_VALUE: Final = re.compile(r"0(?:\.[0-9]{0,20})?|1(?:\.0{0,20})?")
"""As in RFC 3261 §25.1, but for more digits than three."""
_MAX_DIGITS: Final = 20
"""Longer numbers are beyond every bound; Python refuses to read the longest."""
_NOT_KEPT: Final = ("expires", "pub-gruu", "temp-gruu")
"""Contact parameters that are ours to say (RFC 3261 §10.3 step 8, RFC 5627 §5.1)."""
_ENDS_OF_HOST: Final = ("", ":", ";", " ")
_NO_TAGS: Final[frozenset[str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the registrar's settings."""

    min_expires: int
    max_expires: int
    max_contacts: int
    """Bindings of one address-of-record."""


class Wanted(NamedTuple):
    """One Contact value of the request."""

    contact: str
    expires: int
    """Granted seconds; 0 removes."""
    q: float | None
    instance: str
    reg_id: int | None
    """Of a flow; None unless there is an instance and Outbound applies (RFC 5626 §6)."""
    parameters: str
    """Contact parameters as they go back into the 200, without those that are ours."""


class Registration(NamedTuple):
    """The facts of one REGISTER."""

    aor: AoR
    call_id: str
    cseq: int
    wanted: tuple[Wanted, ...]
    everything: bool
    """`Contact: *`: every binding goes (RFC 3261 §10.2.2)."""
    path: tuple[str, ...]
    """As it came."""
    user_agent: str
    direct: bool = True
    """No proxy stands between the client and us."""
    on_flow: bool = False
    """Only the flow that it came by surely leads back to the client."""
    outbound: bool = False
    """Client and first hop do Outbound for it (RFC 5626 §6)."""
    gruu: bool = False
    """The client knows GRUUs (RFC 5627 §5.2)."""
    own_path: tuple[str, ...] = ()
    """Our own way back to the flow, stored before `path`; empty unless `on_flow`."""
    flow: str = ""
    """Name of that flow, and the process that holds it."""
    worker: str = ""

    @property
    def is_fetch(self) -> bool:
        """Whether it only asks what is there (§10.2.3)."""
        return not self.wanted and not self.everything

    @property
    def adds(self) -> bool:
        """Whether it wants any binding to exist afterwards."""
        return any(wanted.expires for wanted in self.wanted)


def read_registration(
    request: Request, aor: AoR, source: tuple[str, bool], limits: Limits, *, outbound: bool
) -> Registration:
    """The facts of `request`, which came from `source`: IP address, and whether by a connection.

    `outbound` False ignores every reg-id. Raises ProxyError or ParseError.
    """
    contacts = request.contacts
    if len(contacts) > 2 * limits.max_contacts:
        raise TooManyContacts  # more than can go and come in its place, and too many to compare
    _check_length("Address-of-Record", aor, MAX_AOR)
    _check_length("Call-ID", request.call_id, MAX_CALL_ID)
    everything = _is_everything(request, contacts)
    wanted: tuple[Wanted, ...] = ()
    if not everything:
        wanted = tuple([_read_contact(contact, request, limits) for contact in contacts])
    path = () if request.get("path") is None else tuple(request.values("path"))
    _check_storable(request, wanted)
    direct = _is_direct(request)
    tags, flows = _NO_TAGS, False
    if path or any([one.instance for one in wanted]):
        tags = _tags(request)
        if path:
            _check_path(path, tags)
        _check_loops(wanted, aor)
        flows = outbound and applies(wanted, direct, path, "outbound" in tags)
        if not flows:
            wanted = tuple([one._replace(reg_id=None) for one in wanted])
    return Registration(
        aor,
        request.call_id,
        request.cseq.number,
        wanted,
        everything,
        path,
        _user_agent(request),
        direct,
        direct and (flows or _needs_flow(request, contacts, source)),
        flows and "outbound" in tags,
        "gruu" in tags,
    )


def _is_everything(request: Request, contacts: Sequence[NameAddr]) -> bool:
    """Whether the contact is `*`. Raises BadRegistration when that contradicts the rest."""
    for contact in contacts:
        if contact.uri == "*":
            _check_everything(request, contacts)
            return True
    return False


def _is_direct(request: Request) -> bool:
    lines = request.all("via")
    return len(lines) == 1 and "," not in lines[0]


def _needs_flow(request: Request, contacts: Sequence[NameAddr], source: tuple[str, bool]) -> bool:
    """Whether a contact may not lead to its client: behind a NAT, on a connection, nameless."""
    host, connected = source
    if connected or not _was_sent_by(request, host):
        return True
    return any([INVALID_HOST in contact.uri.lower() for contact in contacts])


def _was_sent_by(request: Request, host: str) -> bool:
    """Whether `host`, an address without brackets, is the one in the only Via.

    Most lines need not be taken apart for it (measured: 4 us a REGISTER).
    """
    sent_by = request.all("via")[0].partition(" ")[2]
    if sent_by.startswith(host) and sent_by[len(host) : len(host) + 1] in _ENDS_OF_HOST:
        return True
    return request.via.host.lower() == (f"[{host}]" if ":" in host else host)


def _tags(request: Request) -> frozenset[str]:
    return frozenset([tag.lower() for tag in request.values("supported")])


def _check_storable(request: Request, wanted: Sequence[Wanted]) -> None:
    """A database keeps no NUL and no octets that are not UTF-8; nor does a binding."""
    for text in (request.call_id, *[one.parameters for one in wanted]):
        if not is_storable(text):
            raise BadRegistration("Bad Characters")


def _check_length(what: str, text: str, most: int) -> None:
    """`most` octets; what is longer would be kept for hours, for everybody's requests to read."""
    if len(text) > most or not (text.isascii() or len(text.encode("utf-8", "replace")) <= most):
        raise BadRegistration(f"{what} Too Long")


def _check_path(path: Sequence[str], tags: frozenset[str]) -> None:
    """Requests will have to be routed by it, and the client has to know (RFC 3327 §5.3)."""
    if "path" not in tags:
        raise BadExtension(("path",))
    _check_length("Path", "".join(path), MAX_PATH)
    for value in path:
        if not is_storable(value):
            raise BadRegistration("Bad Characters")
        _ = NameAddr.parse(value).sip_uri


def _check_loops(wanted: Sequence[Wanted], aor: AoR) -> None:
    """Contacts that get a GRUU are SIP URIs, and not the address-of-record (RFC 5627 §5.1)."""
    for one in wanted:
        loops = one.contact == aor or not one.contact.lower().startswith("sip")
        if one.instance and one.expires and loops:
            raise LoopingContact


def _user_agent(request: Request) -> str:
    """What the client calls itself, as far as it can be kept."""
    text = request.get("user-agent")
    if not text:
        return ""
    return text[:MAX_USER_AGENT] if is_storable(text) else ""


def _check_everything(request: Request, contacts: Sequence[NameAddr]) -> None:
    if len(contacts) != 1:
        raise BadRegistration("Contact * Beside Another Contact")
    if _strict_expires(request) != 0:
        raise BadRegistration("Contact * Needs Expires 0")


def _strict_expires(request: Request) -> int | None:
    try:
        return request.expires
    except ParseError:
        return None


def _header_expires(request: Request) -> int:
    expires = _strict_expires(request)
    return DEFAULT_EXPIRES if expires is None else expires


def _read_contact(contact: NameAddr, request: Request, limits: Limits) -> Wanted:
    _check_length("Contact", contact.uri, MAX_CONTACT)
    _check_scheme(contact)
    parameters = contact.parameters
    expires = parameters.value("expires")
    if len(parameters) == 1 and expires is not None:
        return Wanted(contact.uri, _granted(expires, request, limits), None, "", None, "")
    instance = parameters.value("+sip.instance") or ""
    _check_length("Instance", instance, MAX_INSTANCE)
    kept = _kept(parameters)
    _check_length("Contact Parameters", kept, MAX_PARAMETERS)
    return Wanted(
        contact.uri,
        _granted(expires, request, limits),
        _q_value(parameters.value("q")),
        instance,
        _reg_id(parameters.value("reg-id")) if instance else None,
        kept,
    )


def _kept(parameters: Parameters) -> str:
    for name in _NOT_KEPT:
        if name in parameters:
            parameters = parameters.without(name)
    return str(parameters).removeprefix(";")


def _check_scheme(contact: NameAddr) -> None:
    if _PLAIN_CONTACT.fullmatch(contact.uri):
        return
    scheme = contact.uri.partition(":")[0].lower()
    if scheme not in SCHEMES:
        raise BadRegistration("Contact Scheme Not Supported")
    if scheme in {"sip", "sips"}:
        _ = contact.sip_uri


def _granted(text: str | None, request: Request, limits: Limits) -> int:
    """Seconds for a contact whose own `expires` is `text` (RFC 3261 §10.3 step 7)."""
    if text is None:
        requested = _header_expires(request)
    else:
        digits = text.isascii() and text.isdigit()
        requested = int(text[:_MAX_DIGITS]) if digits else DEFAULT_EXPIRES
    if 0 < requested < BRIEF and requested < limits.min_expires:
        raise IntervalTooBrief(limits.min_expires)
    return min(requested, limits.max_expires)


def _q_value(text: str | None) -> float | None:
    """`q` as a number from 0 to 1 (RFC 3261 §20.10); None when absent."""
    if text is None:
        return None
    if not _Q_VALUE.fullmatch(text):
        raise BadRegistration("Bad q Value")
    return float(text)


def _reg_id(text: str | None) -> int | None:
    """The flow's number (RFC 5626 §4.2); anything out of range is as if it were not there."""
    if text is None or not (text.isascii() and text.isdigit()):
        return None
    value = int(text[:_MAX_DIGITS])
    return value if 0 < value <= MAX_REG_ID else None

"""What one REGISTER asks for, read from the message once (RFC 3261 §10.3).

Pure. Only what the request says by itself is judged here; what depends on the bindings that
are there already is `proxy.registrar`. Intervals are whole seconds. What every
REGISTER makes are named tuples: frozen dataclasses cost it 2 us more.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from proxy.errors import BadRegistration, IntervalTooBrief
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
SUPPORTED: Final = frozenset({"path"})
"""Option tags that a REGISTER may require."""
SCHEMES: Final = frozenset({"sip", "sips", "tel", "mailto", "im", "pres"})
"""Schemes a contact may have; only sip and sips are relayed to."""
MAX_USER_AGENT: Final = 255
"""Characters of the User-Agent that are kept."""
MAX_REG_ID: Final = 2**31 - 1
_PLAIN_CONTACT: Final = re.compile(
    r"sip:[A-Za-z0-9\-_.+]+@[A-Za-z0-9.\-]*[A-Za-z0-9](?::[1-9]\d{0,3})?(?:;transport=(?:udp|tcp))?"
)
"""What most contacts look like: right without being taken apart (measured: 4 us a REGISTER)."""
_MAX_DIGITS: Final = 20
"""Longer numbers are beyond every bound; Python refuses to read the longest."""
INVALID_HOST: Final = ".invalid"
"""How WebSocket and other clients with no address of their own name themselves (RFC 7118 §5)."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the registrar's settings."""

    min_expires: int
    max_expires: int
    max_contacts: int
    """Bindings of one address-of-record."""


class Source(NamedTuple):
    """Where the packet with the REGISTER came from."""

    host: str
    """IP address, without brackets."""
    port: int
    transport: str
    flow: str = ""
    """Names the connection when it is one; empty over UDP."""
    worker: str = ""
    """The process that holds the connection."""


class Wanted(NamedTuple):
    """One Contact value of the request."""

    contact: str
    expires: int
    """Granted seconds; 0 removes."""
    q: float | None
    instance: str
    reg_id: int | None
    parameters: str
    """Contact parameters as they go back into the 200, without `expires`."""


class Registration(NamedTuple):
    """The facts of one REGISTER."""

    aor: AoR
    call_id: str
    cseq: int
    wanted: tuple[Wanted, ...]
    everything: bool
    """`Contact: *`: every binding goes (RFC 3261 §10.2.2)."""
    path: tuple[str, ...]
    received: str
    """URI that reaches a client behind a NAT or on a connection; empty when its contact does."""
    user_agent: str
    flow: str
    worker: str

    @property
    def is_fetch(self) -> bool:
        """Whether it only asks what is there (§10.2.3)."""
        return not self.wanted and not self.everything

    @property
    def adds(self) -> bool:
        """Whether it wants any binding to exist afterwards."""
        return any(wanted.expires for wanted in self.wanted)


def read_registration(request: Request, aor: AoR, source: Source, limits: Limits) -> Registration:
    """Raises BadRegistration, IntervalTooBrief or ParseError."""
    contacts = request.contacts
    everything = any(contact.uri == "*" for contact in contacts)
    if everything:
        _check_everything(request, contacts)
        wanted: tuple[Wanted, ...] = ()
    else:
        default = _header_expires(request)
        wanted = tuple(_read_contact(contact, default, limits) for contact in contacts)
    path = tuple(request.values("path"))
    _check_storable(request.call_id, *(one.parameters for one in wanted))
    _check_path(path)
    return Registration(
        aor=aor,
        call_id=request.call_id,
        cseq=request.cseq.number,
        wanted=wanted,
        everything=everything,
        path=path,
        received=_received(request, contacts, source),
        user_agent=_user_agent(request),
        flow=source.flow,
        worker=source.worker if source.flow else "",
    )


def _received(request: Request, contacts: Sequence[NameAddr], source: Source) -> str:
    """The URI to use in place of the contact when that does not lead to its client.

    Only for a client that talks to us directly: with a proxy between, Path is the way back. A
    client on a connection is best reached by that, whatever port its contact names.
    """
    lines = request.all("via")
    if len(lines) > 1 or "," in lines[0]:
        return ""
    host = f"[{source.host}]" if ":" in source.host else source.host
    behind_nat = request.via.host.lower() != host
    nameless = any(INVALID_HOST in contact.uri.lower() for contact in contacts)
    at = f"@{host}:{source.port}"
    connected = bool(source.flow) and not any(at in contact.uri for contact in contacts)
    if not behind_nat and not nameless and not connected:
        return ""
    suffix = "" if source.transport == "UDP" else f";transport={source.transport.lower()}"
    return f"sip:{host}:{source.port}{suffix}"


def _check_storable(*texts: str) -> None:
    """A database keeps no NUL and no octets that are not UTF-8; nor does a binding."""
    if not all(map(is_storable, texts)):
        raise BadRegistration("Bad Characters")


def _check_path(path: Sequence[str]) -> None:
    """Requests will have to be routed by it (RFC 3327 §5.3)."""
    _check_storable(*path)
    for value in path:
        _ = NameAddr.parse(value).sip_uri


def _user_agent(request: Request) -> str:
    """What the client calls itself, as far as it can be kept."""
    text = request.get("user-agent") or ""
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


def _read_contact(contact: NameAddr, default: int, limits: Limits) -> Wanted:
    _check_scheme(contact)
    parameters = contact.parameters
    return Wanted(
        contact=contact.uri,
        expires=_granted(parameters.value("expires"), default, limits),
        q=_q_value(parameters.value("q")),
        instance=parameters.value("+sip.instance") or "",
        reg_id=_reg_id(parameters.value("reg-id")),
        parameters=_kept(parameters),
    )


def _kept(parameters: Parameters) -> str:
    if not parameters or (len(parameters) == 1 and "expires" in parameters):
        return ""
    return str(parameters.without("expires")).removeprefix(";")


def _check_scheme(contact: NameAddr) -> None:
    if _PLAIN_CONTACT.fullmatch(contact.uri):
        return
    scheme = contact.uri.partition(":")[0].lower()
    if scheme not in SCHEMES:
        raise BadRegistration("Contact Scheme Not Supported")
    if scheme in {"sip", "sips"}:
        _ = contact.sip_uri


def _granted(text: str | None, default: int, limits: Limits) -> int:
    requested = default
    if text is not None:
        digits = text.isascii() and text.isdigit()
        requested = int(text[:_MAX_DIGITS]) if digits else DEFAULT_EXPIRES
    if 0 < requested < min(limits.min_expires, BRIEF):
        raise IntervalTooBrief(limits.min_expires)
    return min(requested, limits.max_expires)


def _q_value(text: str | None) -> float | None:
    """`q` as a number from 0 to 1 (RFC 3261 §20.10); None when absent."""
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 <= value <= 1.0:
        raise BadRegistration("Bad q Value")
    return value


def _reg_id(text: str | None) -> int | None:
    """The flow's number (RFC 5626 §4.2); anything out of range is as if it were not there."""
    if text is None or not (text.isascii() and text.isdigit()):
        return None
    value = int(text[:_MAX_DIGITS])
    return value if 0 < value <= MAX_REG_ID else None

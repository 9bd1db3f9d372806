"""Whom we say a request is from, to whom, and what may be claimed (RFC 3325, RFC 5876, RFC 3323).

Pure. Our Spec(T) (RFC 3325 §5, §11): trusted peers are `sip.trusted_peers` and the holders of
`sip.trusted_tls_names`; users authenticate by digest or certificate. Among trusted peers
P-Asserted-Identity goes on as it is, and is made for users that we authenticated. The phones of
our own users are no peers, but show it: they get it unless the caller asked for privacy.
Strangers get it only when the caller asked for no privacy at all. Privacy stays in the request,
so that a phone can tell an identity withheld from one unknown.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from proxy.errors import Forbidden, ProxyError
from sip.address import NameAddr
from sip.auth_header import Credentials
from sip.authenticator import Identity
from sip.errors import ParseError
from sip.message import Request, Response
from sip.uri import AoR, SipUri

ASSERTED: Final = "P-Asserted-Identity"
PREFERRED: Final = "P-Preferred-Identity"
REMOTE_PARTY: Final = "Remote-Party-ID"
"""What came before P-Asserted-Identity, which most desk phones still show in place of From."""
CREDENTIALS: Final = ("Proxy-Authorization", "Authorization")
AUTHENTICATED: Final = frozenset({"digest", "certificate"})
"""How we know a sender ourselves, rather than from a peer or not at all."""

NO_PRIVACY: Final = "none"
CRITICAL: Final = "critical"
WITHHOLDING: Final = frozenset({"id", "user", "header"})
"""Privacy values that keep the asserted identity from phones (RFC 3325 §7, RFC 3323 §5.1, §5.3)."""
PERFORMED: Final = frozenset({"id", NO_PRIVACY, CRITICAL})
"""Privacy values that we do as they say; the others need a service that rewrites messages."""

Toward = Enum("Toward", ["TRUSTED", "USER", "STRANGER"])
"""Who is next: a trusted peer, a device that one of our users registered, anybody else."""
Withheld = Callable[[frozenset[str]], bool]

_WITHHELD: Final[Mapping[Toward, Withheld]] = {
    Toward.TRUSTED: lambda privacy: False,
    Toward.USER: lambda privacy: not WITHHOLDING.isdisjoint(privacy),
    Toward.STRANGER: lambda privacy: (
        NO_PRIVACY not in privacy or not WITHHOLDING.isdisjoint(privacy)
    ),
}
"""Who asks for privacy and for none contradicts itself (RFC 3323 §4.2), and is given it."""


class PrivacyFailed(ProxyError):
    """Privacy that was called critical and that we do not provide (RFC 3323 §5)."""

    status = 500

    def __init__(self, levels: frozenset[str]) -> None:
        super().__init__(levels)
        self.reason = f"Privacy Unavailable: {', '.join(sorted(levels))}"


class NotYou(Forbidden):
    """A user of ours under somebody else's name (RFC 3261 §22.1, RFC 3325 §6)."""

    reason = "Not Your Identity"


@dataclass(frozen=True, slots=True)
class Changes:
    """What a message loses and then gains on its way through."""

    dropped: tuple[str, ...] = ()
    """Header names; every line of each goes."""
    added: tuple[tuple[str, str], ...] = ()
    """Header lines, name and value, put after all others."""

    def __add__(self, other: "Changes") -> "Changes":
        return Changes(self.dropped + other.dropped, self.added + other.added)


def asserted_headers(request: Request, identity: Identity, *, toward: Toward) -> Changes:
    """How `request` from `identity` says who sent it when it goes `toward` the next hop.

    What a stranger asserted never goes on, a preference never at all (RFC 3325 §5, §6). Raises
    PrivacyFailed where privacy was critical and the next hop is nobody who could provide it.
    """
    privacy = privacy_of(request)
    if CRITICAL in privacy and toward is not Toward.TRUSTED and not privacy <= PERFORMED:
        raise PrivacyFailed(privacy - PERFORMED)
    withheld = _WITHHELD[toward](privacy)
    if identity.how == "asserted" and not withheld:
        return Changes((PREFERRED,))
    dropped = Changes((ASSERTED, PREFERRED, REMOTE_PARTY))
    if withheld or identity.aor is None or identity.how not in AUTHENTICATED:
        return dropped
    value = str(NameAddr(_display(request, identity.aor), identity.aor))
    return Changes(dropped.dropped, ((ASSERTED, value),))


def asserted_in_response(
    response: Response, *, from_trusted: bool, toward: Toward
) -> tuple[str, ...]:
    """Names of headers that `response` loses on its way back (RFC 3325 §5, §7)."""
    if response.get("p-asserted-identity") is None:
        return ()
    if from_trusted and not _WITHHELD[toward](privacy_of(response)):
        return ()
    return (ASSERTED,)


def credentials_kept(request: Request, is_domain: Callable[[str], bool]) -> Changes:
    """Proxy-Authorization and Authorization without what was meant for us (RFC 3261 §22.3).

    Credentials for a realm of ours can be of use to nobody behind us but a guesser of passwords;
    those for other realms are for the proxies and servers that asked.
    """
    changes = Changes()
    for name in CREDENTIALS:
        values = request.all(name.lower())
        kept = [value for value in values if not _is_for(value, is_domain)]
        if len(kept) < len(values):
            changes += Changes((name,), tuple((name, value) for value in kept))
    return changes


def check_claims(
    request: Request,
    identity: Identity,
    *,
    serves: Callable[[AoR], bool],
    is_us: Callable[[SipUri], bool],
) -> None:
    """Raises NotYou when a user that we authenticated names somebody else as the sender.

    From must be the user, by our domain or by an address of ours, or nobody at all (RFC 3323
    §4.1.1.3). A preferred identity may name what we cannot know, such as a telephone number, but
    no other user of ours (RFC 3325 §6). The display name is the user's own affair.
    """
    if identity.how not in AUTHENTICATED or identity.aor is None:
        return
    own, sender = identity.aor, request.from_.uri
    named = _aor_or_none(f"<{sender}>")
    # A phone that was told only our address puts that where its domain belongs.
    if not (
        named == own
        or is_anonymous(sender, serves)
        or (named is not None and not serves(named) and _is_own(sender, own, is_us))
    ):
        raise NotYou
    for value in request.values("p-preferred-identity"):
        named = _aor_or_none(value)
        if named is not None and serves(named) and named != own:
            raise NotYou


def is_anonymous(uri: str, serves: Callable[[AoR], bool]) -> bool:
    """Whether a From with `uri` names nobody: a host under .invalid, or "anonymous" of ours."""
    aor = _aor_or_none(f"<{uri}>")
    if aor is None:
        return False
    user, _, host = aor.removeprefix("sip:").rpartition("@")
    if host == "invalid" or host.endswith(".invalid"):
        return True
    return user.lower() == "anonymous" and serves(aor)


def privacy_of(message: Request | Response) -> frozenset[str]:
    """The values of Privacy, in lower case (RFC 3323 §4.2); some peers part them by commas."""
    if message.get("privacy") is None:
        return frozenset()
    text = ";".join(message.all("privacy")).replace(",", ";").lower()
    return frozenset(filter(None, (value.strip(" \t") for value in text.split(";"))))


def _display(request: Request, aor: AoR) -> str:
    """The name that the user prefers, else the one in From if that is the user's."""
    for value in (*request.values("p-preferred-identity"), request.get("from") or ""):
        if _aor_or_none(value) == aor:
            return NameAddr.parse(value).display
    return ""


def _is_own(uri: str, own: AoR, is_us: Callable[[SipUri], bool]) -> bool:
    """Whether `uri` is the user part of `own` at an address of this server."""
    try:
        parsed = SipUri.parse(uri)
    except ParseError:
        return False
    return is_us(parsed) and parsed.aor.rpartition("@")[0] == own.rpartition("@")[0]


def _is_for(value: str, is_domain: Callable[[str], bool]) -> bool:
    try:
        return is_domain(Credentials.parse(value).realm.lower())
    except ParseError:
        return False


def _aor_or_none(address: str) -> AoR | None:
    try:
        return NameAddr.parse(address).aor
    except ParseError:
        return None

"""Who sent a request: digest authentication shared by SIP and XCAP (RFC 3261 §22, RFC 7616).

Guessing is kept down by `sip.lockout`. A failure counts against the address that its nonce was
sent to: who sends packets under another's address never saw a nonce that was sent there, and so
cannot lock that address out.

Pure but for awaiting the look-up it is given: no clock, socket or random source of its own.
`now` is in Unix seconds, so that a nonce made by one process holds in every other.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Final, Literal
from urllib.parse import quote, unquote

from sip.auth_header import Challenge, Credentials
from sip.digest import (
    ALGORITHMS,
    QOP,
    NonceCounts,
    NonceMint,
    NonceState,
    authentication_info,
    ha1,
    response_for,
    same_hex,
    same_sip_uri,
)
from sip.errors import ParseError
from sip.lockout import Lockout
from sip.uri import AoR, aor_of

_NC_DIGITS: Final = 8
_HEXADECIMAL: Final = frozenset("0123456789abcdefABCDEF")
_NONCE: Final = "-nonce-"
ELSEWHERE: Final = "+"
"""After the origin of a nonce that came back from another: a lock of its own."""
MAX_REALMS: Final = 1024
"""Realms whose challenges are kept written."""
_USER_SAFE: Final = "-_.!~*'()&=+$,;?/"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who sent a request, and how we know."""

    aor: AoR | None
    """None for an anonymous sender."""
    how: Literal["digest", "certificate", "asserted", "none"]


@dataclass(frozen=True, slots=True)
class Hashes:
    """What is kept of a password: H(A1) with the realm being the domain, lower-case hex."""

    aor: AoR
    md5: str
    """For the user name "alice"."""
    sha256: str
    md5_full: str
    """For the user name "alice@example.com"."""
    sha256_full: str


CredentialLookup = Callable[[AoR], Awaitable[Hashes | None]]
"""From AoR to its hashes; None for somebody unknown."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The request is from `aor`."""

    aor: AoR
    info: str = field(default="", compare=False)
    """The Authentication-Info for a 2xx (RFC 7616 §3.5)."""


@dataclass(frozen=True, slots=True)
class Missing:
    """No credentials that we asked for: challenge."""


@dataclass(frozen=True, slots=True)
class Stale:
    """Right credentials for a nonce too old or used up: challenge with stale=true."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """Credentials that do not hold: challenge or refuse."""

    account: AoR | None = field(default=None, compare=False)
    """Whose password it was not; None when they name no user of ours."""
    locks: bool = field(default=False, compare=False)
    """True when this was one failure too many."""


@dataclass(frozen=True, slots=True)
class Locked:
    """Credentials that were not looked at after too many failures: refuse."""

    account: AoR


Verdict = Accepted | Missing | Stale | Wrong | Locked


def hashes_for(aor: AoR, password: str) -> Hashes:
    """What to keep of `password`; ParseError when `aor` has no user."""
    user, at, realm = aor.removeprefix("sip:").rpartition("@")
    if not at:
        raise ParseError("AoR of a user", aor)
    name = unquote(user)
    return Hashes(
        aor=aor,
        md5=ha1(name, realm, password, "MD5"),
        sha256=ha1(name, realm, password, "SHA-256"),
        md5_full=ha1(f"{name}@{realm}", realm, password, "MD5"),
        sha256_full=ha1(f"{name}@{realm}", realm, password, "SHA-256"),
    )


class Authenticator:
    """Challenges and checks; one for SIP and one for XCAP may share mint and counts."""

    def __init__(
        self,
        *,
        mint: NonceMint,
        counts: NonceCounts,
        lookup: CredentialLookup,
        algorithms: Sequence[str],
        domains: Collection[str],
        salt: str = "",
        lockout: Lockout | None = None,
    ) -> None:
        """`algorithms` are offered in this order; `salt` (the worker's id, no "-" nor ".") tells
        the nonces of two processes apart. ValueError for an algorithm we do not know."""
        unknown = [name for name in algorithms if name not in ALGORITHMS]
        if unknown or not algorithms:
            raise ValueError(f"digest algorithms: {unknown or 'none'}")
        self._mint = mint
        self._counts = counts
        self._lookup = lookup
        self._algorithms = tuple(algorithms)
        self._domains = frozenset(domain.lower() for domain in domains)
        self._salt = salt
        self._minted = count()
        self._written: dict[tuple[str, bool], Sequence[tuple[str, str]]] = {}
        self._lockout = Lockout(0, 0) if lockout is None else lockout

    def challenges(
        self, realm: str, *, now: float, stale: bool = False, source: str = ""
    ) -> list[str]:
        """WWW-Authenticate (or Proxy-Authenticate) values, one header line each, in order.

        `source` is the numeric address that they are sent to, which failures count against.
        """
        origin = self._mint.origin(source) if source else ""
        nonce = self._mint.mint(now, f"{self._salt}{next(self._minted):x}", origin)
        return [before + nonce + after for before, after in self._around_nonce(realm, stale)]

    def _around_nonce(self, realm: str, stale: bool) -> Sequence[tuple[str, str]]:
        """What stands before and after the nonce of each challenge; written once."""
        around = self._written.get((realm, stale))
        if around is None:
            challenges = (
                str(Challenge(realm, _NONCE, algorithm, qop=(QOP,), stale=stale))
                for algorithm in self._algorithms
            )
            parts = (challenge.rpartition(_NONCE) for challenge in challenges)
            around = tuple((before, after) for before, _, after in parts)
            if len(self._written) < MAX_REALMS:
                self._written[realm, stale] = around
        return around

    async def check(
        self,
        method: str,
        authorization_values: Sequence[str],
        realm: str,
        *,
        uri: str | None,
        body: bytes,
        now: float,
        source: str = "",
        same_uri: Callable[[str, str], bool] = same_sip_uri,
    ) -> Verdict:
        """Judge the Authorization (or Proxy-Authorization) lines of a request.

        `uri` is the Request-URI, compared by `same_uri` with the signed one; None compares
        nothing. `body` is not looked at, since auth-int is not offered. `source` is the numeric
        address that the request came from. No look-up is made without credentials for `realm`,
        for a nonce that is not ours, and while locked.
        """
        credentials = self._ours(authorization_values, realm)
        if credentials is None:
            return Missing()
        state = self._mint.check(credentials.nonce, now)
        if state is NonceState.FORGED:
            return Missing()
        aor = self._aor(credentials.username, realm)
        if aor is None or not (uri is None or same_uri(uri, credentials.uri)):
            return Wrong()
        origin = self._origin(credentials.nonce, source)
        if self._lockout.locked(origin, aor, now):
            return Locked(aor)
        hashes = await self._lookup(aor)
        if self._lockout.locked(origin, aor, now):  # by others that were looked up beside it
            return Locked(aor)
        hashed = None if hashes is None else _hash_for(credentials, hashes)
        if hashed is None or not _holds(credentials, method, hashed):
            return Wrong(aor, self._lockout.failed(origin, aor, now))
        if state is NonceState.STALE or not self._counts.use(
            credentials.nonce, int(credentials.nc, 16)
        ):
            return Stale()
        self._lockout.succeeded(origin, aor)
        return Accepted(aor, authentication_info(credentials, hashed))

    async def check_password(
        self, name: str, password: str, realm: str, *, now: float, source: str
    ) -> Verdict:
        """Judge a password that came as it is, by a connection that hides it (RFC 7617).

        `source` is the numeric address at the other end, which failures count against.
        """
        aor = self._aor(name, realm)
        if aor is None:
            return Wrong()
        origin = self._mint.origin(source)
        if self._lockout.locked(origin, aor, now):
            return Locked(aor)
        hashes = await self._lookup(aor)
        if self._lockout.locked(origin, aor, now):  # by others that were looked up beside it
            return Locked(aor)
        if hashes is None or not _is_password(name, realm, password, hashes):
            return Wrong(aor, self._lockout.failed(origin, aor, now))
        self._lockout.succeeded(origin, aor)
        return Accepted(aor)

    def _origin(self, nonce: str, source: str) -> str:
        """Against whom failures count: where `nonce` was sent to. When it comes from elsewhere,
        somebody may have overheard it, whose guesses are not to lock out who it was made for."""
        origin = self._mint.origin_of(nonce)
        if not source or not origin or origin == self._mint.origin(source):
            return origin
        return origin + ELSEWHERE

    def _ours(self, values: Sequence[str], realm: str) -> Credentials | None:
        """The first credentials for this realm in a form that we offered.

        Deviation: RFC 3261 §22.4 item 8 keeps qop optional for old clients. Without it nothing
        tells a replay, so we challenge again.
        """
        for value in values:
            try:
                credentials = Credentials.parse(value)
            except ParseError:
                continue
            if (
                credentials.realm == realm
                and credentials.algorithm.upper() in self._algorithms
                and credentials.qop == QOP
                and credentials.cnonce
                and len(credentials.nc) == _NC_DIGITS
                and _HEXADECIMAL.issuperset(credentials.nc)
            ):
                return credentials
        return None

    def _aor(self, username: str, realm: str) -> AoR | None:
        """Whose user name that is: "alice", or "alice@example.com" in that very realm."""
        user, at, domain = username.rpartition("@")
        if realm.lower() not in self._domains or (at and domain.lower() != realm.lower()):
            return None
        name = user if at else domain
        try:
            return aor_of(f"sip:{quote(name, _USER_SAFE, errors='surrogateescape')}@{realm}")
        except ParseError:
            return None


def _hash_for(credentials: Credentials, hashes: Hashes) -> str:
    """H(A1) for the algorithm and the form of the user name."""
    full = "@" in credentials.username
    if credentials.algorithm.upper() == "MD5":
        return hashes.md5_full if full else hashes.md5
    return hashes.sha256_full if full else hashes.sha256


def _holds(credentials: Credentials, method: str, hashed_a1: str) -> bool:
    return same_hex(response_for(credentials, method, hashed_a1), credentials.response)


def _is_password(name: str, realm: str, password: str, hashes: Hashes) -> bool:
    kept = hashes.sha256_full if "@" in name else hashes.sha256
    return same_hex(kept, ha1(name, realm, password, "SHA-256"))

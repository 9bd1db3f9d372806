"""Digest authentication as values (RFC 7616, RFC 8760): hashes, nonces, counts, answers.

Pure: instants and random text are arguments. Instants are Unix seconds. Only qop=auth is
spoken; -sess algorithms, auth-int and userhash are neither offered nor taken.

Across processes. A nonce carries its time and a hash under one secret that all processes
share, so any of them can tell a nonce of ours from a forged or an old one without shared
state. Whether a nonce count was used before is known only to the process that saw it:
`NonceCounts` makes replay impossible within a process, and a process refuses nonces from
before its own start (`NonceCounts(floor=…)`). A request recorded on the wire may still be
replayed once at each *other* process, until the nonce's lifetime ends; what limits the harm
is the lifetime, TLS, and that PUBLISH, REGISTER and dialogs order themselves by entity-tag
and CSeq.
"""

import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from functools import lru_cache
from hashlib import blake2s
from typing import Final
from urllib.parse import unquote, urlsplit

from sip.auth_header import Challenge, Credentials
from sip.errors import ParseError
from sip.grammar import quote
from sip.origin import origin_of
from sip.uri import aor_of

QOP: Final = "auth"
NONCE_LIFETIME: Final = 600.0
"""Seconds a nonce may be used."""
CLOCK_SKEW: Final = 30.0
"""Seconds by which the clocks of two processes may differ."""
MAX_NONCES: Final = 65536
"""Nonces whose counts are remembered by default."""
CACHED_ORIGINS: Final = 4096
CACHED_TARGETS: Final = 1024
"""Methods with signed URIs whose hash is kept; most requests of most users are to the domain."""
CACHED_LENGTH: Final = 256
"""Characters of the longest of them."""
COUNT_WINDOW: Final = 64
"""How far a count may lie behind the highest one seen (UDP reorders requests)."""

_MAC_OCTETS: Final = 16
_ORIGIN_OCTETS: Final = 4
_MICROSECONDS: Final = 1e6
_MAX_NONCE: Final = 128


def _md5(text: str) -> str:
    return hashlib.md5(text.encode("utf-8", "surrogateescape"), usedforsecurity=False).hexdigest()


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


ALGORITHMS: Final[Mapping[str, Callable[[str], str]]] = {"SHA-256": _sha256, "MD5": _md5}
"""The algorithms we know, best first (RFC 8760 §2.1), each from text to lower-case hex."""


def ha1(user: str, realm: str, password: str, algorithm: str) -> str:
    """H(A1) in lower-case hex (RFC 7616 §3.4.2); KeyError for an unknown algorithm."""
    return ALGORITHMS[algorithm](f"{user}:{realm}:{password}")


def response_for(credentials: Credentials, method: str, hashed_a1: str) -> str:
    """The response that these credentials must carry (RFC 7616 §3.4.1), in lower-case hex.

    KeyError for an unknown algorithm. Without qop the form of RFC 2069 is made.
    """
    algorithm = credentials.algorithm.upper()
    digest = ALGORITHMS[algorithm]
    ha2 = _ha2(algorithm, method, credentials.uri)
    if credentials.qop is None:
        return digest(f"{hashed_a1}:{credentials.nonce}:{ha2}")
    middle = f"{credentials.nonce}:{credentials.nc}:{credentials.cnonce}:{credentials.qop}"
    return digest(f"{hashed_a1}:{middle}:{ha2}")


def _ha2(algorithm: str, method: str, uri: str) -> str:
    """H(A2) (RFC 7616 §3.4.3)."""
    hashed = _cached_hash if len(method) + len(uri) <= CACHED_LENGTH else _hash
    return hashed(algorithm, f"{method}:{uri}")


def _hash(algorithm: str, text: str) -> str:
    return ALGORITHMS[algorithm](text)


_cached_hash = lru_cache(CACHED_TARGETS)(_hash)


def authentication_info(credentials: Credentials, hashed_a1: str) -> str:
    """The Authentication-Info by which we prove to know the password too (RFC 7616 §3.5).

    In SIP as in HTTP, but for A2, which has the signed URI and no body (RFC 3261 §22.4).
    """
    algorithm = credentials.algorithm.upper()
    told = f"{credentials.nonce}:{credentials.nc}:{credentials.cnonce}:{credentials.qop}"
    ha2 = _ha2(algorithm, "", credentials.uri)
    proof = ALGORITHMS[algorithm](f"{hashed_a1}:{told}:{ha2}")
    cnonce = quote(credentials.cnonce)
    return f'qop={credentials.qop}, rspauth="{proof}", cnonce={cnonce}, nc={credentials.nc}'


def same_hex(ours: str, theirs: str) -> bool:
    """Whether two hex digests agree, in time that does not tell where they differ."""
    return hmac.compare_digest(ours.encode(), theirs.encode("utf-8", "surrogateescape"))


class NonceState(Enum):
    """What a nonce from the wire is worth."""

    FRESH = "fresh"
    STALE = "stale"
    FORGED = "forged"


class NonceMint:
    """Makes nonces and knows its own again: time, salt, origin and a keyed hash of them."""

    __slots__ = ("_key", "_lifetime", "origin")

    def __init__(self, secret: bytes, *, lifetime: float = NONCE_LIFETIME) -> None:
        """`secret` is shared by all processes; `lifetime` in seconds."""
        self._key = blake2s(secret).digest()
        self.origin = lru_cache(CACHED_ORIGINS)(self._origin)
        """See `_origin`; who is challenged once is soon challenged again."""
        self._lifetime = lifetime

    def mint(self, now: float, salt: str, origin: str = "") -> str:
        """A nonce of this instant for `origin`; `salt` makes those of one microsecond differ.

        Neither has a "-", nor `salt` a ".".
        """
        stem = f"{int(now * _MICROSECONDS):x}-{salt}.{origin}"
        return f"{stem}-{self._mac(stem)}"

    def _origin(self, address: str) -> str:
        """A short name for where the numeric `address` is, see `sip.origin`."""
        data = origin_of(address).encode()
        return blake2s(data, key=self._key, digest_size=_ORIGIN_OCTETS).hexdigest()

    @staticmethod
    def origin_of(nonce: str) -> str:
        """The `origin` that a nonce of ours was made for."""
        return nonce.partition("-")[2].partition("-")[0].partition(".")[2]

    def check(self, nonce: str, now: float) -> NonceState:
        """Whether we made `nonce`, and recently enough."""
        stem, _, mac = nonce.rpartition("-")
        if len(nonce) > _MAX_NONCE or not stem or not same_hex(self._mac(stem), mac):
            return NonceState.FORGED
        age = now - self.minted_at(nonce)
        return NonceState.FRESH if -CLOCK_SKEW <= age <= self._lifetime else NonceState.STALE

    @staticmethod
    def minted_at(nonce: str) -> float:
        """When a nonce of ours was made."""
        return int(nonce.partition("-")[0], 16) / _MICROSECONDS

    def _mac(self, stem: str) -> str:
        message = stem.encode("utf-8", "surrogateescape")
        return blake2s(message, key=self._key, digest_size=_MAC_OCTETS).hexdigest()


class NonceCounts:
    """Which nonce counts were used (RFC 7616 §3.4): each once, roughly rising.

    Bounded: when the table is full the nonce that was first used longest ago is forgotten, and
    from then on no nonce as old as that one is taken for new.
    """

    __slots__ = ("_floor", "_limit", "_seen")

    def __init__(self, *, floor: float = 0.0, limit: int = MAX_NONCES) -> None:
        """Nonces minted before `floor` (this process's start) are not taken; `limit` nonces."""
        self._floor = floor
        self._limit = limit
        self._seen: OrderedDict[str, tuple[int, int]] = OrderedDict()

    def use(self, nonce: str, count: int) -> bool:
        """Take note of `count`; False when it was used before or can no longer be told.

        `nonce` is one that the mint made, `count` at least 1.
        """
        highest, used = self._seen.get(nonce, (0, 0))
        if not highest and not self._make_room(nonce):
            return False
        behind = highest - count
        if count < 1 or behind >= COUNT_WINDOW or (behind >= 0 and used >> behind & 1):
            return False
        if behind >= 0:
            self._seen[nonce] = (highest, used | 1 << behind)
        else:
            shifted = used << min(-behind, COUNT_WINDOW)
            self._seen[nonce] = (count, (shifted | 1) & (1 << COUNT_WINDOW) - 1)
        return True

    def _make_room(self, nonce: str) -> bool:
        """Whether a nonce not in the table may be new; if so, one place is free."""
        if NonceMint.minted_at(nonce) <= self._floor:
            return False
        if len(self._seen) >= self._limit:
            oldest, _ = self._seen.popitem(last=False)
            self._floor = max(self._floor, NonceMint.minted_at(oldest))
        return NonceMint.minted_at(nonce) > self._floor


def same_sip_uri(ours: str, theirs: str) -> bool:
    """Whether a digest uri names the Request-URI (RFC 3261 §22.4 item 6).

    Port, parameters and case of the host may differ: softphones sign the URI without the
    transport parameter that they send, and proxies on the way add theirs.
    """
    try:
        return ours == theirs or aor_of(ours) == aor_of(theirs)
    except ParseError:
        return False


def same_http_uri(ours: str, theirs: str) -> bool:
    """Whether a digest uri names the HTTP request target; the absolute form is the same."""
    return ours == theirs or _target(ours) == _target(theirs)


def same_http_uri_decoded(ours: str, theirs: str) -> bool:
    """As `same_http_uri`, escaped or not: XCAP clients sign node selectors with raw quotes."""
    return unquote(_target(ours)) == unquote(_target(theirs))


def _target(uri: str) -> str:
    try:
        parts = urlsplit(uri)
    except ValueError:
        return uri
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def best_challenge(values: Sequence[str]) -> Challenge | None:
    """Of WWW-Authenticate values the one to answer: strongest algorithm, then first listed.

    What cannot be read, or asks for what we do not speak, is passed over; None when all are.
    Deviation: RFC 8760 §2.4 would have the topmost one, unless local policy says otherwise;
    ours is that servers which put MD5 first do so for the sake of weaker clients.
    """
    usable = []
    for value in values:
        try:
            challenge = Challenge.parse(value)
        except ParseError:
            continue
        if challenge.algorithm.upper() in ALGORITHMS and (
            not challenge.qop or QOP in challenge.qop
        ):
            usable.append(challenge)
    strength = list(ALGORITHMS)
    return min(usable, key=lambda one: strength.index(one.algorithm.upper()), default=None)


def answer(
    challenge: Challenge,
    *,
    method: str,
    uri: str,
    username: str,
    password: str,
    cnonce: str,
    count: int = 1,
) -> Credentials:
    """The client's answer to a challenge that `best_challenge` chose (RFC 7616 §3.4).

    `cnonce` is fresh random text, `count` rises with each use of one nonce.
    """
    hashed = ha1(username, challenge.realm, password, challenge.algorithm.upper())
    unsigned = Credentials(
        username=username,
        realm=challenge.realm,
        nonce=challenge.nonce,
        uri=uri,
        response="",
        algorithm=challenge.algorithm,
        qop=QOP if challenge.qop else None,
        nc=f"{count:08x}" if challenge.qop else "",
        cnonce=cnonce if challenge.qop else "",
        opaque=challenge.opaque,
    )
    return unsigned.signed(response_for(unsigned, method, hashed))

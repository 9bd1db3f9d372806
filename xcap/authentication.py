"""Who sends an XCAP request (RFC 4825 §8, RFC 7616, RFC 7617).

Pure but for awaiting the look-ups it is given. A front end that the settings trust says
who the user is; from anybody else its headers mean nothing. All others show credentials:
Digest, and Basic where the connection is encrypted.
"""

import base64
import hmac
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from sip.authenticator import Accepted, Authenticator, Identity, Stale
from sip.digest import ha1
from sip.errors import ParseError
from sip.trust import TrustedPeers
from sip.uri import AoR, aor_of
from store.values import Credential
from xcap.config import XcapConfig
from xcap.errors import BadRequest, NotFound, Unauthorized
from xcap.uri import origin_form, owner_of

ASSERTED: Final = ("X-3GPP-Asserted-Identity", "X-XCAP-Asserted-Identity")
"""Where a trusted front end names the user. X-3GPP-Intended-Identity is the wish of the
user agent, and is not looked at."""

BASIC: Final = "basic "
SHA_256: Final = "SHA-256"


class Headers(Protocol):
    """Header fields by name, whatever its case."""

    def get(self, name: str, /) -> str | None: ...
    def getall(self, name: str, default: Sequence[str], /) -> Sequence[str]: ...


@dataclass(frozen=True, slots=True)
class Asking:
    """What there is to know a sender by."""

    method: str
    target: str
    """Request target as received; the digest must be about it (RFC 7616 §3.4.6)."""
    headers: Headers
    peer: str
    """Numeric address of the connection's other end."""
    encrypted: bool
    realm: str


class Authentication:
    """Tells who sends a request."""

    def __init__(
        self,
        *,
        authenticator: Authenticator,
        credential: Callable[[str], Awaitable[Credential | None]],
        config: XcapConfig,
    ) -> None:
        self._authenticator = authenticator
        self._credential = credential
        self._config = config
        self._trusted = TrustedPeers(config.trusted_peers)

    async def identify(self, asking: Asking, now: float) -> Identity:
        """The sender; `now` in Unix seconds. Raises Unauthorized (401) with challenges."""
        if self._trusted.trusts(asking.peer):
            user = asserted_user(asking.headers, self._config.domains[0])
            if user is not None:
                return Identity(user, "asserted")
        if not self._config.authenticate:
            return Identity(None, "none")
        return Identity(await self._show_credentials(asking, now), "digest")

    async def _show_credentials(self, asking: Asking, now: float) -> AoR:
        values = asking.headers.getall("Authorization", ())
        if asking.encrypted and values and values[0][: len(BASIC)].lower() == BASIC:
            user = await self._check_basic(values[0][len(BASIC) :], asking.realm)
            if user is None:
                raise self._refusal("wrong user name or password", asking, now)
            return user
        verdict = await self._authenticator.check(
            asking.method,
            values,
            asking.realm,
            uri=asking.target,
            body=b"",
            now=now,
            same_uri=same_target,
        )
        match verdict:
            case Accepted(aor):
                return aor
            case Stale():
                raise self._refusal("the nonce is no longer good", asking, now, stale=True)
            case _:
                text = "wrong user name or password" if values else "credentials are needed"
                raise self._refusal(text, asking, now)

    async def _check_basic(self, encoded: str, realm: str) -> AoR | None:
        """The user that Basic credentials are right for (RFC 7617 §2)."""
        try:
            text = base64.b64decode(encoded.strip(), validate=True).decode()
            user, _, password = text.partition(":")
            aor = aor_of(f"sip:{user if '@' in user else f'{user}@{realm}'}")
        except (ValueError, ParseError):
            return None
        hashes = await self._credential(aor)
        if hashes is None:
            return None
        expected = hashes.sha256_full if "@" in user else hashes.sha256
        shown = ha1(user, aor.rpartition("@")[2], password, SHA_256)
        return aor if hmac.compare_digest(shown, expected) else None

    def _refusal(
        self, text: str, asking: Asking, now: float, *, stale: bool = False
    ) -> Unauthorized:
        challenges = self._authenticator.challenges(asking.realm, now=now, stale=stale)
        if asking.encrypted:
            challenges = [*challenges, f'Basic realm="{asking.realm}", charset="UTF-8"']
        return Unauthorized(text, tuple(challenges))


def same_target(target: str, signed: str) -> bool:
    """Whether a digest about `signed` is about the request target (RFC 7616 §3.4.6).

    Character by character, but for scheme and host, which proxies add and take away.
    """
    if signed == target:
        return True
    try:
        return origin_form(signed) == origin_form(target)
    except BadRequest:
        return False


def asserted_user(headers: Headers, default_domain: str) -> AoR | None:
    """The user that a trusted front end names: a sip: or tel: URI, quoted or not."""
    for name in ASSERTED:
        value = headers.get(name)
        if value is not None:
            try:
                return owner_of(value.strip().strip('"<>'), default_domain)
            except NotFound:
                return None
    return None

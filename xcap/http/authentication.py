"""Who sends an XCAP request (RFC 4825 §8, RFC 7616, RFC 7617).

Pure but for awaiting the look-ups it is given. A front end that the settings trust says
who the user is; from anybody else its headers mean nothing. A verified certificate names
its user. All others show credentials: Digest, and Basic where the connection is encrypted.
"""

import base64
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NamedTuple, Protocol

from sip.authenticator import Accepted, Authenticator, Identity, Locked, Stale, Verdict, Wrong
from sip.trust import TrustedPeers
from sip.uri import AoR
from store.values import Credential
from xcap.config import XcapConfig
from xcap.errors import BadRequest, NotFound, TooManyFailures, Unauthorized
from xcap.http.front_end import client_address
from xcap.http.request_target import mended
from xcap.http.stats import AuthStats
from xcap.uri import decode, origin_form, owner_of

ASSERTED: Final = ("X-3GPP-Asserted-Identity", "X-XCAP-Asserted-Identity")
"""Where a trusted front end names the user."""
Told = Callable[[AoR | None, str], None]

INTENDED: Final = "X-3GPP-Intended-Identity"
"""Where a user agent says who it would like to be; believed of nobody, and no more than a
hint at whose password to ask for."""

IDENTITY: Final = re.compile(
    r"""[ \t]*(?:(?:"(?:[^"\\]|\\.)*+"|[\w \t.!%*+`'~-]*+)[ \t]*<([^\s<>"]+)>[ \t]*(?:[,;]|\Z)"""
    r"""|"([^\s<>"]+)"[ \t]*(?:,|\Z)|([^\s<>",]+)[ \t]*(?:,|\Z))"""
)
"""The first identity of a list: its URI, in quotes (3GPP TS 24.109), as it is, or in angle
brackets after a name (RFC 3261 §25.1)."""

BASIC: Final = "basic "
REALM: Final = re.compile(r'[\s,]realm[ \t]*=[ \t]*"([^"]*)"', re.IGNORECASE)


class Headers(Protocol):
    """Header fields by name, whatever its case."""

    def get(self, name: str, /) -> str | None: ...
    def getall(self, name: str, default: Sequence[str], /) -> Sequence[str]: ...


class Asking(NamedTuple):
    """What there is to know a sender by. A tuple: every request makes one."""

    method: str
    target: str
    """Request target as received; the digest must be about it (RFC 7616 §3.4.6)."""
    headers: Headers
    peer: str
    """Numeric address of the connection's other end."""
    encrypted: bool
    xui: str
    """Whose documents are asked for; empty when they are nobody's."""
    certified: Sequence[AoR] = ()
    """Users of ours that the verified certificate of the connection names."""


class Authentication:
    """Tells who sends a request."""

    def __init__(
        self,
        *,
        authenticator: Authenticator,
        credential: Callable[[str], Awaitable[Credential | None]],
        config: XcapConfig,
        locked_out: Told = lambda account, source: None,
    ) -> None:
        """`locked_out` is told the account and the address of each lock-out as it begins."""
        self.stats = AuthStats()
        self._authenticator = authenticator
        self._credential = credential
        self._config = config
        self._locked_out = locked_out
        self._trusted = TrustedPeers(config.trusted_peers)
        self._same_target = same_meaning if config.compatibility else same_target

    async def identify(self, asking: Asking, now: float) -> Identity:
        """The sender; `now` in Unix seconds.

        Raises Unauthorized (401) with challenges, and TooManyFailures (429).
        """
        if self._trusted.trusts(asking.peer):
            user = asserted_user(asking.headers, self._config.domains[0])
            if user is not None:
                return Identity(user, "asserted")
        if not self._config.authenticate:
            return Identity(None, "none")
        if asking.certified:
            certified = await self._certified(asking)
            if certified is not None:
                return Identity(certified, "certificate")
        return Identity(await self._show_credentials(asking, now), "digest")

    def source(self, headers: Headers, peer: str) -> str:
        """Numeric address of the client: `peer`, or what a trusted front end says."""
        return client_address(headers, peer, self._trusted.trusts)

    async def _certified(self, asking: Asking) -> AoR | None:
        """Of the users that the certificate names the one who is asked about, else the first
        whom there still is."""
        owner = self._owner(asking.xui)
        for user in sorted(asking.certified, key=lambda user: user != owner):
            if await self._credential(user) is not None:
                return user
        return None

    async def _show_credentials(self, asking: Asking, now: float) -> AoR:
        values = asking.headers.getall("Authorization", ())
        source = self.source(asking.headers, asking.peer)
        realm = self._realm(asking, values)
        if asking.encrypted and values and values[0][: len(BASIC)].lower() == BASIC:
            verdict = await self._check_basic(values[0][len(BASIC) :], realm, now, source)
        else:
            if self._config.compatibility:
                values = [mended(value) for value in values]
            verdict = await self._authenticator.check(
                asking.method,
                values,
                realm,
                uri=asking.target,
                body=b"",
                now=now,
                source=source,
                same_uri=self._same_target,
            )
        if isinstance(verdict, Accepted):
            return verdict.aor
        raise self._refused(verdict, asking, realm, now, source)

    async def _check_basic(self, encoded: str, realm: str, now: float, source: str) -> Verdict:
        """What Basic credentials are worth (RFC 7617 §2)."""
        try:
            text = base64.b64decode(encoded.strip(), validate=True).decode()
        except ValueError:
            return Wrong()
        name, _, password = text.partition(":")
        return await self._authenticator.check_password(
            name, password, realm, now=now, source=source
        )

    def _refused(
        self, verdict: Verdict, asking: Asking, realm: str, now: float, source: str
    ) -> Unauthorized | TooManyFailures:
        """What `verdict`, which lets nobody in, is answered with."""
        text = "credentials are needed"
        match verdict:
            case Locked():
                self.stats.refused_locked += 1
                return TooManyFailures("too many wrong passwords, try again later")
            case Wrong(account, locks):
                self.stats.failures += 1
                if locks:
                    self.stats.lockouts += 1
                    self._locked_out(account, source)
                text = "wrong user name or password"
            case Stale():
                text = "the nonce is no longer good"
        self.stats.challenged += 1
        challenges = self._authenticator.challenges(
            realm, now=now, stale=isinstance(verdict, Stale), source=source
        )
        if asking.encrypted:
            challenges = [*challenges, f'Basic realm="{realm}", charset="UTF-8"']
        return Unauthorized(text, tuple(challenges))

    def _realm(self, asking: Asking, values: Sequence[str]) -> str:
        """The domain whose users are asked for credentials.

        Where there are several: that of the credentials, of the user that is intended, or
        of the owner.
        """
        domains = self._config.domains
        if len(domains) == 1:
            return domains[0]
        for value in values:
            found = REALM.search(value)
            if found is not None and found[1] in domains:
                return found[1]
        intended = first_identity(asking.headers.get(INTENDED) or "")
        for xui in filter(None, (intended, asking.xui)):
            domain = self._owner(xui).rpartition("@")[2]
            if domain in domains:
                return domain
        return domains[0]

    def _owner(self, xui: str) -> AoR:
        try:
            return owner_of(xui, self._config.domains[0])
        except NotFound:
            return AoR("")


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


def same_meaning(target: str, signed: str) -> bool:
    """`same_target`, for clients that percent-encode only one of the two."""
    if same_target(target, signed):
        return True
    try:
        return decode(origin_form(signed)) == decode(origin_form(target))
    except BadRequest:
        return False


def asserted_user(headers: Headers, default_domain: str) -> AoR | None:
    """The user that a trusted front end names: a sip: or tel: URI, quoted or not.

    Of several that are the same user's, the first; None for what cannot be read.
    """
    for name in ASSERTED:
        value = headers.get(name)
        if value is not None:
            try:
                return owner_of(first_identity(value), default_domain)
            except NotFound:
                return None
    return None


def first_identity(value: str) -> str:
    """The URI, or name, that an identity field begins with; empty for what is none."""
    found = IDENTITY.match(value)
    return "" if found is None else found[1] or found[2] or found[3]

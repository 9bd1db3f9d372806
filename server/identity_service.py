"""Who sent a request (RFC 3261 §22, RFC 3325, RFC 5922). Shell.

A trusted peer's word, a certificate, digest, or nobody's. What can be told without waiting is
told at once, so that a challenge costs no task; what needs a look-up makes one, and none while
the account is locked out.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from proxy.addresses import OurAddresses
from proxy.asserted import AUTHENTICATED
from proxy.errors import Forbidden
from proxy.ports import Clock, Transaction
from server.account_limits import AccountLimits
from sip.address import NameAddr
from sip.authenticator import Accepted, Authenticator, Identity, Locked, Stale, Verdict, Wrong
from sip.errors import ParseError
from sip.message import Request
from sip.transport.flow import Flow
from sip.trust import TrustedPeers, asserted_identity
from sip.uri import AoR
from store.values import Credential

CREDENTIALS: Final = {False: "authorization", True: "proxy-authorization"}
CHALLENGE: Final = {False: (401, "WWW-Authenticate"), True: (407, "Proxy-Authenticate")}
"""By whether we relay the request (RFC 3261 §22.3) or answer it ourselves (§22.2)."""
NOBODY: Final = Identity(None, "none")

log = structlog.get_logger("identity")


class LockedOut(Forbidden):
    """Credentials after too many wrong ones.

    403 without Retry-After, which it does not have (RFC 3261 §20.33): the next try would be as
    much of a guess. A 503 would send the guesser on to the next server (RFC 3263 §4.3).
    """

    reason = "Too Many Failures"


@dataclass(slots=True)
class IdentityStats:
    """What is counted of those who would not say who they are."""

    challenged: int = 0
    """Requests answered 401 or 407."""
    failures: int = 0
    """Wrong passwords and users."""
    lockouts: int = 0
    """Times that a user or an address was locked out."""
    refused_locked: int = 0
    """Requests refused meanwhile."""


class IdentityService:
    """Authenticates requests and challenges those that it cannot."""

    def __init__(
        self,
        *,
        authenticator: Authenticator,
        trusted: TrustedPeers,
        ours: OurAddresses,
        authenticate: bool,
        credential: Callable[[str], Awaitable[Credential | None]],
        clock: Clock,
        accounts: AccountLimits | None = None,
    ) -> None:
        """Without `authenticate` everybody is who From says (RFC 3261 §10.3 step 3)."""
        self.stats = IdentityStats()
        self._authenticator = authenticator
        self._trusted = trusted
        self._ours = ours
        self._authenticate = authenticate
        self._credential = credential
        self._clock = clock
        self._accounts = accounts

    @property
    def account_refusals(self) -> int:
        """Requests that were too many of one account."""
        return 0 if self._accounts is None else self._accounts.refused

    def trusts(self, flow: Flow) -> bool:
        """Whether the other end of `flow` is a trusted peer (RFC 3325 §4)."""
        return self._trusted.trusts_peer(flow.remote[0], flow.certificate)

    def at_once(self, tx: Transaction) -> Identity | None:
        """The sender when where the request came from says enough; None when it must be shown."""
        if self.trusts(tx.flow):
            return Identity(_sender(tx.request, asserted_identity), "asserted")
        if not self._authenticate:
            return Identity(_sender(tx.request, lambda request: request.from_.aor), "none")
        return None

    def in_dialog(self, tx: Transaction) -> Identity:
        """The sender of a request in a dialog that we relay: whether it may was settled before."""
        if self.trusts(tx.flow):
            return Identity(_sender(tx.request, asserted_identity), "asserted")
        return NOBODY

    def has_credentials(self, tx: Transaction, *, relaying: bool) -> bool:
        """Whether it is worth waiting for `verify`."""
        if tx.request.get(CREDENTIALS[relaying]) is not None:
            return True
        return tx.flow.certificate is not None and self._certified(tx) is not None

    async def verify(self, tx: Transaction, *, relaying: bool) -> Identity | None:
        """The user by certificate or digest; None when a challenge was the answer.

        Raises LockedOut or AccountBusy. StoreError passes.
        """
        identity = await self._by_certificate(tx)
        if identity is None:
            identity = self._judge(tx, await self._check(tx, relaying), relaying)
        if self._accounts is not None and identity is not None and identity.aor is not None:
            self._accounts.take(identity.aor)
        return identity

    def challenge(self, tx: Transaction, *, relaying: bool, stale: bool = False) -> None:
        """Answer 401, or 407 for a request to be relayed (§22.1, §22.3)."""
        self.stats.challenged += 1
        status, name = CHALLENGE[relaying]
        values: Sequence[str] = self._authenticator.challenges(
            self._realm(tx.request), now=self._clock(), stale=stale, source=tx.flow.remote[0]
        )
        tx.respond(status, headers=[(name, value) for value in values])

    async def exists(self, aor: AoR, identity: Identity) -> bool:
        """Whether `aor` is a user: a subscriber, or anybody of ours a trusted peer vouches for.

        Without authentication there are no subscribers to look among.
        """
        if not self._ours.serves(aor):
            return False
        return identity.how not in AUTHENTICATED or await self._credential(aor) is not None

    async def _check(self, tx: Transaction, relaying: bool) -> Verdict:
        request = tx.request
        return await self._authenticator.check(
            request.method,
            request.all(CREDENTIALS[relaying]),
            self._realm(request),
            uri=None,  # may differ from the Request-URI (§22.4); SIPp signs sip:host:port
            body=request.body,
            now=self._clock(),
            source=tx.flow.remote[0],
        )

    def _judge(self, tx: Transaction, verdict: Verdict, relaying: bool) -> Identity | None:
        """What follows from `verdict`: an identity, a challenge, or LockedOut."""
        match verdict:
            case Accepted(aor, info):
                if not relaying:
                    tx.success_headers = (("Authentication-Info", info),)
                return Identity(aor, "digest")
            case Locked():
                self.stats.refused_locked += 1
                raise LockedOut
            case Wrong():
                self._failed(tx, verdict)
        self.challenge(tx, relaying=relaying, stale=isinstance(verdict, Stale))
        return None

    def _failed(self, tx: Transaction, verdict: Wrong) -> None:
        self.stats.failures += 1
        if verdict.locks:
            self.stats.lockouts += 1
            log.warning("locked-out", aor=verdict.account, source=tx.flow.remote[0])

    async def _by_certificate(self, tx: Transaction) -> Identity | None:
        """The user that a verified certificate names, if there still is one (RFC 5922 §7.1)."""
        aor = None if tx.flow.certificate is None else self._certified(tx)
        if aor is None or await self._credential(aor) is None:
            return None
        return Identity(aor, "certificate")

    def _certified(self, tx: Transaction) -> AoR | None:
        """Of the users named by the certificate the one who sends; None when that is another."""
        certificate, request = tx.flow.certificate, tx.request
        users = [] if certificate is None else [*filter(self._ours.serves, certificate.users)]
        address = request.to if request.method == "REGISTER" else request.from_
        named = _aor_or_none(address.uri)
        if named in users or not users:
            return named if users else None
        return None if self._ours.serves(named) else users[0]

    def _realm(self, request: Request) -> str:
        """The domain of the user whose credentials are wanted (§22.1): To's to register.

        Who calls anonymously may prefer an identity that tells (RFC 3325 §6).
        """
        if request.method == "REGISTER":
            return self._ours.realm(request.to.uri)
        sender = request.from_.uri
        if request.get("p-preferred-identity") is not None:
            preferred = [_aor_or_none(value) for value in request.values("p-preferred-identity")]
            if not self._ours.serves(_aor_or_none(sender)):
                sender = next(filter(None, filter(self._ours.serves, preferred)), sender)
        return self._ours.realm(sender)


def _sender(request: Request, read: Callable[[Request], AoR | None]) -> AoR | None:
    """Nobody in particular when From is a tel: URI, as a gateway to the telephone network has."""
    try:
        return read(request)
    except ParseError:
        return None


def _aor_or_none(address: str) -> AoR | None:
    try:
        return NameAddr.parse(address).aor
    except ParseError:
        return None

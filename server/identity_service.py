"""Who sent a request: a trusted peer's word, digest, or nobody's (RFC 3261 §22, RFC 3325). Shell.

What can be told without waiting is told at once, so that a challenge costs no task.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from proxy.addresses import OurAddresses
from proxy.ports import Clock, Transaction
from sip.authenticator import Accepted, Authenticator, Identity, Stale
from sip.errors import ParseError
from sip.message import Request
from sip.trust import TrustedPeers, asserted_identity
from sip.uri import AoR
from store.values import Credential

CREDENTIALS: Final = {False: "authorization", True: "proxy-authorization"}
CHALLENGE: Final = {False: (401, "WWW-Authenticate"), True: (407, "Proxy-Authenticate")}
"""By whether we relay the request (RFC 3261 §22.3) or answer it ourselves (§22.2)."""


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
    ) -> None:
        """Without `authenticate` everybody is who From says (RFC 3261 §10.3 step 3)."""
        self._authenticator = authenticator
        self._trusted = trusted
        self._ours = ours
        self._authenticate = authenticate
        self._credential = credential
        self._clock = clock

    def at_once(self, tx: Transaction) -> Identity | None:
        """The sender when the packet's source says enough; None when credentials must tell."""
        if self._trusted.trusts(tx.flow.remote[0]):
            return Identity(_sender(tx.request, asserted_identity), "asserted")
        if not self._authenticate:
            return Identity(_sender(tx.request, lambda request: request.from_.aor), "none")
        return None

    def has_credentials(self, request: Request, *, relaying: bool) -> bool:
        """Whether it is worth waiting for `verify`."""
        return request.get(CREDENTIALS[relaying]) is not None

    async def verify(self, tx: Transaction, *, relaying: bool) -> Identity | None:
        """The digest user; None when a challenge was the answer. StoreError passes."""
        request = tx.request
        verdict = await self._authenticator.check(
            request.method,
            request.all(CREDENTIALS[relaying]),
            self._realm(request),
            uri=None,  # may differ from the Request-URI (§22.4); SIPp signs sip:host:port
            body=request.body,
            now=self._clock(),
        )
        if isinstance(verdict, Accepted):
            return Identity(verdict.aor, "digest")
        self.challenge(tx, relaying=relaying, stale=isinstance(verdict, Stale))
        return None

    def challenge(self, tx: Transaction, *, relaying: bool, stale: bool = False) -> None:
        """Answer 401, or 407 for a request to be relayed (§22.1, §22.3)."""
        status, name = CHALLENGE[relaying]
        values: Sequence[str] = self._authenticator.challenges(
            self._realm(tx.request), now=self._clock(), stale=stale
        )
        tx.respond(status, headers=[(name, value) for value in values])

    async def exists(self, aor: AoR, identity: Identity) -> bool:
        """Whether `aor` is a user: a subscriber, or anybody of ours a trusted peer vouches for.

        Without authentication there are no subscribers to look among.
        """
        if not self._ours.serves(aor):
            return False
        return identity.how != "digest" or await self._credential(aor) is not None

    def _realm(self, request: Request) -> str:
        """The domain of the user whose credentials are wanted (§22.1): To's to register."""
        address = request.to if request.method == "REGISTER" else request.from_
        return self._ours.realm(address.uri)


def _sender(request: Request, read: Callable[[Request], AoR | None]) -> AoR | None:
    """Nobody in particular when From is a tel: URI, as a gateway to the telephone network has."""
    try:
        return read(request)
    except ParseError:
        return None

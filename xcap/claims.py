"""URIs that documents claim for themselves (RFC 4826 §4.4.5). Pure but for its look-ups.

Of two documents that want one URI the store's unique index decides, in the transaction
that writes. That no subscriber has the URI is asked before.
"""

from typing import Final, Protocol

from lxml import etree

from sip.errors import ParseError
from sip.uri import aor_of
from store.values import Credential, DocumentKey
from xcap.errors import Conflict, ConstraintFailure, Exists, UniquenessFailure
from xcap.usage import Claim, Usage, claim_nothing

MAX_CLAIMS: Final = 200
"""URIs in one document; each is looked up."""
ALTERNATIVES: Final = 2
"""How many free URIs are proposed in place of one that is taken."""
MAX_PROPOSALS: Final = 8
"""How many are tried for them."""


class Names(Protocol):
    """Who has a URI, as the store knows it."""

    async def credential(self, aor: str) -> Credential | None: ...
    async def claimant(self, uri: str) -> DocumentKey | None: ...


class Claims:
    """Checks the URIs that a document wants against those that are taken."""

    def __init__(self, names: Names) -> None:
        self._names = names

    async def check(
        self, usage: Usage, key: DocumentKey, root: etree._Element
    ) -> tuple[str, ...] | None:
        """The URIs that document `root` claims, for the write; None when its usage claims none.

        Raises a Conflict when a subscriber has one of them.
        """
        if usage.claims is claim_nothing:
            return None
        claims = usage.claims(root)
        if len(claims) > MAX_CLAIMS:
            raise ConstraintFailure(f"a document may define {MAX_CLAIMS} URIs at most")
        for claim in claims:
            if await self._is_subscriber(claim.uri):
                raise await self._failure(claim)
        return tuple(dict.fromkeys(claimed_as(claim.uri) for claim in claims))

    async def taken(self, usage: Usage, root: etree._Element, uri: str) -> Conflict:
        """Why `root` was not written, when the store says that another document has `uri`."""
        for claim in usage.claims(root):
            if claimed_as(claim.uri) == uri:
                return await self._failure(claim)
        return UniquenessFailure(f"{uri} is already in use", ())

    async def _failure(self, claim: Claim) -> UniquenessFailure:
        alternatives = await self._alternatives(claim.uri)
        return UniquenessFailure(
            f"{claim.uri} is already in use", (Exists(claim.field, alternatives),)
        )

    async def _alternatives(self, uri: str) -> tuple[str, ...]:
        """Like `uri`, with a number, and free."""
        user, at, domain = uri.partition("@")
        free: list[str] = []
        for number in range(2, 2 + MAX_PROPOSALS if at else 2):
            proposal = f"{user}-{number}@{domain}"
            if len(free) < ALTERNATIVES and await self._is_free(proposal):
                free.append(proposal)
        return tuple(free)

    async def _is_free(self, uri: str) -> bool:
        if await self._is_subscriber(uri):
            return False
        return await self._names.claimant(claimed_as(uri)) is None

    async def _is_subscriber(self, uri: str) -> bool:
        try:
            return await self._names.credential(aor_of(uri)) is not None
        except ParseError:
            return False


def claimed_as(uri: str) -> str:
    """The form under which `uri` is claimed: one for all URIs of one address-of-record."""
    try:
        return aor_of(uri)
    except ParseError:
        return uri

"""URIs that documents claim for themselves (RFC 4826 §4.4.5). Pure but for its look-ups.

Deviation: what other users' documents claim is not looked at, only those of the same
user and the subscribers; that needs an index of its own in the store.
"""

from collections.abc import Container
from typing import Final

from lxml import etree

from sip.errors import ParseError
from sip.uri import aor_of
from store.values import DocumentKey
from xcap.errors import ConstraintFailure, Exists, UniquenessFailure
from xcap.ports import Documents
from xcap.usage import Usage
from xmldoc.parse import parse

MAX_CLAIMS: Final = 200
"""URIs in one document; each is looked up."""
MAX_DOCUMENTS: Final = 20
"""Documents of one user that claim URIs; each is read when another is written."""
ALTERNATIVES: Final = 2
"""How many free URIs are proposed in place of one that is taken."""


class Claims:
    """Checks the URIs that a document wants against those that are taken."""

    def __init__(self, store: Documents) -> None:
        self._store = store

    async def check(self, usage: Usage, key: DocumentKey, root: etree._Element) -> None:
        """Refuse document `root` at `key` if a URI it claims is taken. Raises a Conflict."""
        claims = usage.claims(root)
        if not claims:
            return
        if len(claims) > MAX_CLAIMS:
            raise ConstraintFailure(f"a document may define {MAX_CLAIMS} URIs at most")
        taken = await self._claimed_elsewhere(usage, key)
        for claim in claims:
            if await self._is_taken(claim.uri, taken):
                alternatives = await self._alternatives(claim.uri, taken)
                raise UniquenessFailure(
                    f"{claim.uri} is already in use", (Exists(claim.field, alternatives),)
                )

    async def _claimed_elsewhere(self, usage: Usage, key: DocumentKey) -> set[str]:
        """What the owner's other documents of the usage claim; they are all looked at."""
        documents = await self._store.documents(key.auid, key.owner)
        others = [document for document in documents if document.key != key]
        if len(others) >= MAX_DOCUMENTS:
            raise ConstraintFailure(f"a user may have {MAX_DOCUMENTS} such documents at most")
        return {claim.uri for other in others for claim in usage.claims(parse(other.body))}

    async def _is_taken(self, uri: str, taken: Container[str]) -> bool:
        """Whether another document or a subscriber has `uri`."""
        if uri in taken:
            return True
        try:
            return await self._store.credential(aor_of(uri)) is not None
        except ParseError:
            return False

    async def _alternatives(self, uri: str, taken: Container[str]) -> tuple[str, ...]:
        """Like `uri`, with a number, and free."""
        user, at, domain = uri.partition("@")
        if not at:
            return ()
        proposals = [f"{user}-{number}@{domain}" for number in range(2, 2 + ALTERNATIVES)]
        return tuple([one for one in proposals if not await self._is_taken(one, taken)])

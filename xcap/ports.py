"""What the XCAP server needs of the store and of the process, and no more.

The real store is `store.store`; tests pass a small fake.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol

from sip.authenticator import Identity
from sip.uri import AoR
from store.operations import WriteDocument
from store.outcomes import DocumentOutcome
from store.values import Credential, Document, DocumentKey

Exists = Callable[[AoR, Identity], Awaitable[bool]]
"""Whether the AoR is a user of ours, as far as the one who asks may vouch for it."""


class Documents(Protocol):
    """The documents of a store, and the hashes of those who own them."""

    async def document(self, key: DocumentKey) -> Document | None: ...
    async def documents(self, auid: str, owner: str) -> list[Document]: ...
    async def write_document(self, op: WriteDocument) -> DocumentOutcome: ...
    async def credential(self, aor: str) -> Credential | None: ...

"""What the XCAP server needs of the store and of the process, and no more.

The real store is `store.store`; tests pass a small fake.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from sip.authenticator import Identity
from sip.uri import AoR
from store.operations import WriteDocument
from store.outcomes import DocumentOutcome
from store.values import Change, Credential, Grant
from xcap.computed import Records

Exists = Callable[[AoR, Identity], Awaitable[bool]]
"""Whether the AoR is a user of ours, as far as the one who asks may vouch for it."""


OnChange = Callable[[Change], None]
"""Told of each document that this process has written."""


def tell_nobody(change: Change) -> None:
    """The listener of a server whose changes nobody waits for."""


class Documents(Records, Protocol):
    """The documents of a store, the grants of them, and the hashes of those who own them."""

    async def write_document(self, op: WriteDocument) -> DocumentOutcome: ...
    async def grants(self, owner: str) -> Sequence[Grant]: ...
    async def credential(self, aor: str) -> Credential | None: ...

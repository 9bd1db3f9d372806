"""Branches, tags and Call-IDs that nobody can guess and that name the process that made them.

Shell: the system's random source is read here.
"""

import os
from itertools import count
from typing import Final

from sip.via import MAGIC_COOKIE

TAG_OCTETS: Final = 10
"""Random octets of a tag; RFC 3261 §19.3 asks for at least 4."""
POOL_OCTETS: Final = 400 * TAG_OCTETS
PREFIX_OCTETS: Final = 8
_TAG_BITS: Final = 2**63 - 1
"""Of a hash that Python keys anew for each process, so that nobody outside can make it."""
COUNTER_DIGITS: Final = 9
"""Hexadecimal digits of a branch's number, so that all branches have one length."""


class Ids:
    """The identifiers of one process."""

    def __init__(self, worker_id: str) -> None:
        self.worker_id = worker_id
        self.branch_prefix = f"{MAGIC_COOKIE}{worker_id}-{os.urandom(PREFIX_OCTETS).hex()}"
        self._numbers = count(1)
        self._pool: list[str] = []
        self.branch_length = len(self.new_branch())

    def new_branch(self) -> str:
        """A branch that no other transaction has or had (RFC 3261 §8.1.1.7)."""
        return f"{self.branch_prefix}{next(self._numbers):0{COUNTER_DIGITS}x}"

    def new_tag(self) -> str:
        """A tag with 80 random bits (RFC 3261 §19.3), or as good a part of a Call-ID."""
        if not self._pool:
            text = os.urandom(POOL_OCTETS).hex()
            step = 2 * TAG_OCTETS
            starts = range(0, len(text), step)
            self._pool = [f"{self.worker_id}-{text[at : at + step]}" for at in starts]
        return self._pool.pop()

    def stateless_tag(self, key: bytes) -> str:
        """The tag of every answer to the transaction `key`, without remembering one (§8.2.7)."""
        return f"{self.worker_id}-{hash(key) & _TAG_BITS:x}"

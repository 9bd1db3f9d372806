"""Short values in the user parts of URIs that only we can make, and only we can read. Pure.

AES-SIV (RFC 5297): equal contents seal equally, what was altered opens as nothing, and nobody
without the key learns more than the length.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

KEY_OCTETS: Final = 32
MAX_SECRET: Final = 64
"""Octets of a secret that count."""


class Seal:
    """Seals and opens one kind of value. `secret` is the same in all processes of a deployment."""

    def __init__(self, secret: bytes, kind: bytes) -> None:
        """`kind`, at most 16 octets, keeps what is sealed from being opened as anything else."""
        key = blake2b(secret[:MAX_SECRET], digest_size=KEY_OCTETS, person=kind).digest()
        self._cipher = AESSIV(key)

    def seal(self, plain: bytes, bound: Sequence[bytes]) -> str:
        """`plain` in letters, digits, "-" and "_"; opens only where `bound` is the same."""
        sealed = self._cipher.encrypt(plain, list(bound))
        return urlsafe_b64encode(sealed).rstrip(b"=").decode("ascii")

    def open(self, text: str, bound: Sequence[bytes]) -> bytes | None:
        """What was sealed; None when we did not make `text`, or for something else."""
        try:
            sealed = urlsafe_b64decode(text + "=" * (-len(text) % 4))
            return self._cipher.decrypt(sealed, list(bound))
        except (ValueError, InvalidTag):
            return None

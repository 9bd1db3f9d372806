"""Globally routable user agent URIs, made and read without keeping any (RFC 5627).

Pure. A public GRUU is the address-of-record with the instance id in `gr`. A temporary one hides
both in its user part, sealed (`proxy.sealed`): equal only for equal contents, and telling
nothing to who has not the key. It holds when the instance's registration began, so that it is
valid exactly as long as that goes on under one Call-ID (§5.1, §5.3).
"""

import struct
from collections.abc import Iterable
from hashlib import blake2b
from typing import Final, NamedTuple
from urllib.parse import quote, unquote

from proxy.sealed import Seal
from sip.errors import ParseError
from sip.uri import AoR, SipUri, aor_of
from store.values import Binding

TEMPORARY: Final = "tgruu."
"""Begins the user part of every temporary GRUU."""
SUPPORTED: Final = "gruu"
INSTANCE_OCTETS: Final = 8
"""Of an instance id's digest: tells the few instances of one user apart."""
BLOCK: Final = 16
"""User names are padded to a multiple of it, so that the length tells little."""
MAX_USER: Final = 512
"""Characters of the user part of a temporary GRUU that is looked at."""
_KIND: Final = b"temporary-gruu"
_FIXED: Final = struct.Struct(f">ddI{INSTANCE_OCTETS}s")
_PARAMETER_CHARACTERS: Final = "-_.!~*'()[]/:&+$"


class Gruu(NamedTuple):
    """What a GRUU says."""

    aor: AoR
    instance: str
    """As in `gr`; empty in a temporary one."""
    digest: bytes = b""
    """Of the instance id, in a temporary one."""
    begun_at: float = 0.0
    """When the instance's registration began, in a temporary one."""

    def names(self, binding: Binding) -> bool:
        """Whether `binding` is of this instance."""
        if not binding.instance:
            return False
        if self.digest:
            return _digest(binding.instance) == self.digest
        return gr_value(binding.instance).lower() == self.instance.lower()


class Gruus:
    """Makes and reads the GRUUs of a deployment. `secret` is the same in all its processes."""

    def __init__(self, secret: bytes) -> None:
        self._seal = Seal(secret, _KIND)

    def temporary(self, aor: AoR, binding: Binding) -> str:
        """The temporary GRUU of `binding` as of its last REGISTER (§5.1)."""
        user, _, domain = aor.removeprefix("sip:").rpartition("@")
        fixed = _FIXED.pack(
            binding.begun_at,
            binding.updated_at,
            binding.cseq & 0xFFFFFFFF,
            _digest(binding.instance),
        )
        name = user.encode()
        padding = b"\0" * (-len(name) % BLOCK)
        text = self._seal.seal(fixed + name + padding, [domain.encode()])
        return f"sip:{TEMPORARY}{text}@{domain};gr"

    def read(self, uri: SipUri) -> Gruu | None:
        """The GRUU that `uri` is; None when it is none, or not one that we made."""
        if "gr" not in uri.parameters or not uri.user:
            return None
        if uri.user.startswith(TEMPORARY):
            return self._opened(uri.user.removeprefix(TEMPORARY), uri.host.lower())
        instance = uri.parameters.value("gr")
        return Gruu(uri.aor, _escaped(unquote(instance))) if instance else None

    def is_ours(self, contact: str, aor: AoR) -> bool:
        """Whether `contact` is a GRUU of `aor`, and would lead back to itself (§5.1)."""
        if ";gr" not in contact:
            return False
        try:
            gruu = self.read(SipUri.parse(contact))
        except ParseError:
            return False
        return gruu is not None and gruu.aor == aor

    def _opened(self, text: str, domain: str) -> Gruu | None:
        if len(text) > MAX_USER:
            return None
        plain = self._seal.open(text, [domain.encode("utf-8", "surrogateescape")])
        if plain is None:
            return None
        try:
            user = plain[_FIXED.size :].rstrip(b"\0").decode()
            aor = aor_of(f"sip:{user}@{domain}")
        except (ValueError, ParseError):
            return None
        begun_at, _, _, digest = _FIXED.unpack_from(plain)
        return Gruu(aor, "", digest, begun_at)


def public(aor: AoR, instance: str) -> str:
    """The public GRUU of `aor` at `instance`, a +sip.instance value (§5.4)."""
    return f"{aor};gr={gr_value(instance)}"


def gr_value(instance: str) -> str:
    """`instance`, the value of +sip.instance, as the value of `gr`."""
    return _escaped(instance.removeprefix("<").removesuffix(">"))


def bound(gruu: Gruu, bindings: Iterable[Binding]) -> tuple[Binding, ...]:
    """Those of `bindings` that `gruu` leads to; none when it has become invalid (§5.3)."""
    found = tuple(binding for binding in bindings if gruu.names(binding))
    if gruu.digest and found and max(each.begun_at for each in found) != gruu.begun_at:
        return ()
    return found


def _escaped(text: str) -> str:
    return quote(text, safe=_PARAMETER_CHARACTERS)


def _digest(instance: str) -> bytes:
    return blake2b(gr_value(instance).lower().encode(), digest_size=INSTANCE_OCTETS).digest()

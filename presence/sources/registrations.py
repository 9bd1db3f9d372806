"""Presence of those who only register (RFC 3856 §7.2, PRS-07). Pure.

One tuple for each device, which is open while it is registered. What watchers learn of a device is
that it is there, since when, and what it says it can do: its contact is the AoR, by which calls
reach it, never the address that it registered; nor is its user agent told. The id is the same
for every registration of the device, and does not give away what it is made of.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import blake2s
from typing import Final
from xml.sax.saxutils import escape

from presence.document.pidf import PIDF, Fragment, Kind
from presence.sources.capabilities import servcaps
from presence.sources.state import Registered
from sip.errors import ParseError
from sip.parameters import Parameters
from sip.uri import AoR
from store.values import Binding

ID_OCTETS: Final = 8
"""Of the keyed hash in a tuple's id."""
LAST_ACTIVE: Final = "last-active"


def registered(aor: AoR, bindings: Sequence[Binding], secret: bytes) -> tuple[Registered, ...]:
    """The devices of `bindings`, in an order that stays; several flows of one are one device.

    `secret` is the deployment's: every process gives a device the same id.
    """
    devices: dict[str, Binding] = {}
    for binding in sorted(bindings, key=lambda one: (one.begun_at, one.key)):
        devices.setdefault(binding.instance or binding.contact, binding)
    return tuple(
        Registered(
            binding.instance.strip("<>"),
            binding.contact,
            device_tuple(aor, device, binding, secret),
        )
        for device, binding in devices.items()
    )


def device_tuple(aor: AoR, device: str, binding: Binding, secret: bytes) -> Fragment:
    """What is told of one device."""
    text = f"{aor} {device}".encode()
    name = (
        "r" + blake2s(text, digest_size=ID_OCTETS, key=secret[: blake2s.MAX_KEY_SIZE]).hexdigest()
    )
    try:
        capabilities = servcaps(Parameters.parse(f";{binding.parameters}"))
    except ParseError:
        capabilities = ""
    return _tuple(name, "open", capabilities, aor, binding.begun_at)


def last_active(aor: AoR, at: float) -> Fragment:
    """What is told of somebody who was registered at `at`, Unix seconds, and is not (PRS-12)."""
    return _tuple(LAST_ACTIVE, "closed", "", aor, at)


def _tuple(name: str, basic: str, capabilities: str, aor: AoR, at: float) -> Fragment:
    moment = datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at else ""
    stamp = f"<timestamp>{moment}</timestamp>" if moment else ""
    contact = f"<contact>{escape(aor)}</contact>"
    xml = (
        f'<tuple id="{name}"><status><basic>{basic}</basic></status>'
        f"{capabilities}{contact}{stamp}</tuple>"
    ).encode()
    scope, ids = {"": PIDF}, ((0, name),)
    return Fragment(Kind.TUPLE, name, "", at or None, xml, scope, frozenset(), ids, contact=aor)

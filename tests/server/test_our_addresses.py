"""By which addresses this server knows itself (RFC 3261 §16.4)."""

import pytest

from server.config import Settings
from server.parts import our_addresses


@pytest.mark.parametrize(
    ("advertise", "ours"),
    [
        ("", {"0.0.0.0:5060", "[::1]:5061"}),
        ("a.example", {"a.example", "a.example:5060", "a.example:5061"}),
        ("a.example:5070", {"a.example:5070", "a.example:5061"}),
        ("[2001:db8::1]:5070", {"[2001:db8::1]:5070", "[2001:db8::1]:5061"}),
    ],
)
def test_the_advertised_host_is_ours_at_every_listeners_port(
    advertise: str, ours: set[str]
) -> None:
    """A dialog that changes transports has routes to both (RFC 5658 §4)."""
    sip = {"advertise": advertise, "listen": ["udp:0.0.0.0:5060", "tls:[::1]:5061"]}
    assert ours <= set(our_addresses(Settings.model_validate({"sip": sip})))

"""How many connections are let in."""

from sip.transport.gate import Gate, Refusal


def test_one_source_is_bounded_and_others_are_not_kept_out_by_it() -> None:
    gate = Gate(total=10, per_source=2, handshakes=9)
    assert [gate.admit("192.0.2.1", secure=False) for _ in range(3)] == [None, None, Refusal.SOURCE]
    assert gate.admit("192.0.2.2", secure=False) is None
    assert gate.open == 3


def test_a_trusted_source_is_bounded_by_the_total_alone() -> None:
    gate = Gate(total=3, per_source=1, handshakes=9, trusted=lambda one: one == "192.0.2.1")
    answers = [gate.admit("192.0.2.1", secure=False) for _ in range(4)]
    assert answers == [None, None, None, Refusal.TOTAL]


def test_who_leaves_makes_room() -> None:
    gate = Gate(total=1, per_source=1, handshakes=9)
    for _ in range(3):
        assert gate.admit("192.0.2.1", secure=False) is None
        gate.leave("192.0.2.1")
    assert gate.open == 0


def test_handshakes_under_way_are_bounded_for_tls_alone() -> None:
    gate = Gate(total=9, per_source=9, handshakes=1)
    gate.handshaking = 1
    assert gate.admit("192.0.2.1", secure=True) is Refusal.HANDSHAKES
    assert gate.admit("192.0.2.1", secure=False) is None


def test_the_addresses_of_one_ipv6_network_are_one_source() -> None:
    """RFC 4291 §2.5.4: a host has as many of them as it likes."""
    gate = Gate(total=9, per_source=2, handshakes=9)
    answers = [gate.admit(f"2001:db8::{number}", secure=False) for number in range(1, 4)]
    assert answers == [None, None, Refusal.SOURCE]
    gate.leave("2001:db8::2")
    assert gate.admit("2001:db8::ff", secure=False) is None
    assert gate.admit("2001:db8:0:1::1", secure=False) is None

"""How many connections are let in."""

from sip.transport.gate import Gate, Refusal


def test_one_source_is_bounded_and_others_are_not_kept_out_by_it() -> None:
    gate = Gate(total=10, per_source=2)
    assert [gate.admit("192.0.2.1") for _ in range(3)] == [None, None, Refusal.SOURCE]
    assert gate.admit("192.0.2.2") is None
    assert gate.open == 3


def test_a_trusted_source_is_bounded_by_the_total_alone() -> None:
    gate = Gate(total=3, per_source=1, trusted=lambda one: one == "192.0.2.1")
    answers = [gate.admit("192.0.2.1") for _ in range(4)]
    assert answers == [None, None, None, Refusal.TOTAL]


def test_who_leaves_makes_room() -> None:
    gate = Gate(total=1, per_source=1)
    for _ in range(3):
        assert gate.admit("192.0.2.1") is None
        gate.leave("192.0.2.1")
    assert gate.open == 0


def test_the_addresses_of_one_ipv6_network_are_one_source() -> None:
    """RFC 4291 §2.5.4: a host has as many of them as it likes."""
    gate = Gate(total=9, per_source=2)
    answers = [gate.admit(f"2001:db8::{number}") for number in range(1, 4)]
    assert answers == [None, None, Refusal.SOURCE]
    gate.leave("2001:db8::2")
    assert gate.admit("2001:db8::ff") is None
    assert gate.admit("2001:db8:0:1::1") is None

"""SRV records by priority and weight (RFC 2782), and what counts as a name."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip.dns_records import MAX_RECORDS, Srv, domain_name, ordered, unavailable


def hosts(records: list[Srv], draws: list[float]) -> list[str]:
    return [record.target for record in ordered(records, draws)]


def test_a_lower_priority_comes_first_whatever_its_weight() -> None:
    """RFC 2782, Priority."""
    records = [Srv(20, 9, 5060, "late"), Srv(10, 0, 5060, "early"), Srv(30, 99, 5060, "last")]
    assert hosts(records, [0.9, 0.9, 0.9]) == ["early", "late", "last"]


@pytest.mark.parametrize(
    ("draws", "expected"),
    [
        ([0.0, 0.0, 0.0], ["zero", "one", "three"]),
        # sum 4, drawn 1 of 0..4: the running sum of "one" is the first that reaches it
        ([0.2, 0.99, 0.0], ["one", "three", "zero"]),
        ([0.99, 0.99, 0.0], ["three", "one", "zero"]),
    ],
)
def test_weights_are_drawn_by_the_running_sum(draws: list[float], expected: list[str]) -> None:
    """RFC 2782, Weight: those of weight 0 stand first, and are seldom drawn first."""
    records = [Srv(0, 3, 5060, "three"), Srv(0, 0, 5060, "zero"), Srv(0, 1, 5060, "one")]
    records.sort(key=lambda record: record.weight)
    assert hosts(records, draws) == expected


def test_the_share_of_first_places_follows_the_weights() -> None:
    """RFC 2782, Weight: larger weights are proportionately more probable."""
    records = [Srv(0, 30, 5060, "often"), Srv(0, 10, 5060, "seldom")]
    firsts = Counter(hosts(records, [number / 1000, 0.0])[0] for number in range(1000))
    assert 0.70 < firsts["often"] / 1000 < 0.80


def test_equal_records_without_weights_share_the_first_place() -> None:
    """RFC 2782, Weight: 0 all over says nothing, so none is preferred."""
    records = [Srv(0, 0, 5060, name) for name in ("a", "b")]
    assert [hosts(records, [draw, 0.0])[0] for draw in (0.1, 0.9)] == ["a", "b"]


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 65535)), max_size=2 * MAX_RECORDS),
    st.floats(0, 1, exclude_max=True),
)
def test_every_record_is_kept_once_and_in_order_of_priority(
    numbers: list[tuple[int, int]], draw: float
) -> None:
    """RFC 2782, Usage rules, up to the bound on records."""
    records = [Srv(p, w, 5060, f"h{index}") for index, (p, w) in enumerate(numbers)]
    result = ordered(records, [draw] * len(records))
    assert [r.priority for r in result] == sorted(r.priority for r in records)[:MAX_RECORDS]
    assert len(set(result)) == len(result)


@pytest.mark.parametrize(
    "record",
    [
        Srv(0, 0, 0, "host.example.com"),
        Srv(0, 0, 5060, "127.0.0.1"),
        Srv(0, 0, 5060, "bad host"),
        Srv(0, 0, 5060, "."),
        Srv(0, 0, 5060, ""),
    ],
)
def test_records_that_name_no_host_or_port_are_left_out(record: Srv) -> None:
    """RFC 2782, Target and Port: the target is a name that has address records."""
    assert ordered([record], [0.0]) == ()


def test_only_a_root_target_says_that_there_is_no_service() -> None:
    """RFC 2782, Target."""
    assert unavailable([Srv(0, 0, 0, ".")])
    assert not unavailable([])
    assert not unavailable([Srv(0, 0, 0, "."), Srv(0, 0, 5060, "host")])


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Example.COM", "example.com"),
        ("example.com.", "example.com"),
        ("_sip._udp.example.com", "_sip._udp.example.com"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("localhost", "localhost"),
        ("", None),
        (".", None),
        ("a..b", None),
        ("10.0.0.1", None),
        ("0x7f.1", None),
        ("127.1", None),
        ("a b.example", None),
        ("b\u00fccher.example", None),
        ("a" * 64, None),
        (".".join(["a" * 60] * 5), None),
    ],
)
def test_what_counts_as_a_domain_name(text: str, name: str | None) -> None:
    """RFC 2782, Target: a name; what the system would read as an address is none."""
    assert domain_name(text) == name

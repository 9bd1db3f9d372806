"""How long a DNS answer is kept (RFC 3263 §4), with instants of our own."""

import pytest

from sip.dns_cache import (
    FAILURE_TTL,
    MAX_ENTRIES,
    MAX_TTL,
    NEGATIVE_TTL,
    RETRY_INTERVAL,
    STALE_LIMIT,
    DnsCache,
    Failure,
    Question,
)

QUESTION = Question("A", "host.example.com")
ADDRESS = ("192.0.2.1",)
SILENCE = Failure("no DNS server answered in time", reached=False)
NOW = 1_000.0


def records(cache: DnsCache, now: float) -> tuple[object, ...] | None:
    held = cache.fresh(QUESTION, now)
    return None if held is None else held.records


@pytest.mark.parametrize(
    ("given", "ttl", "kept"),
    [(ADDRESS, 60, 60), (ADDRESS, 0.5, 0.5), (ADDRESS, 2**31, MAX_TTL), ((), 0, NEGATIVE_TTL)],
)
def test_an_answer_is_kept_for_its_time_to_live(
    given: tuple[str, ...], ttl: float, kept: float
) -> None:
    """RFC 3263 §4: up to a limit of ours; that there is nothing is kept for a short while."""
    cache = DnsCache()
    cache.answered(QUESTION, given, ttl, NOW)
    assert records(cache, NOW + kept - 0.001) == given
    assert records(cache, NOW + kept) is None


def test_an_old_answer_stands_while_dns_gives_none() -> None:
    """RFC 3263 §4.2: for a bounded time, and DNS is asked again now and then meanwhile."""
    cache = DnsCache()
    cache.answered(QUESTION, ADDRESS, 60, NOW)
    expired = NOW + 60
    held = cache.failed(QUESTION, SILENCE, expired)
    assert held.records == ADDRESS
    assert records(cache, expired + RETRY_INTERVAL - 1) == ADDRESS
    assert records(cache, expired + RETRY_INTERVAL) is None
    assert cache.failed(QUESTION, SILENCE, expired + STALE_LIMIT - 1).records == ADDRESS
    assert cache.failed(QUESTION, SILENCE, expired + STALE_LIMIT).failure == SILENCE


def test_a_failure_is_remembered_for_a_moment() -> None:
    """RFC 3263 §4.2: a name whose servers are silent does not make every request wait."""
    cache = DnsCache()
    cache.failed(QUESTION, SILENCE, NOW)
    held = cache.fresh(QUESTION, NOW + FAILURE_TTL - 0.1)
    assert held is not None
    assert held.failure == SILENCE
    assert cache.fresh(QUESTION, NOW + FAILURE_TTL) is None


def test_the_cache_is_bounded_and_keeps_what_is_used() -> None:
    """RFC 3263 §4.2: names out of requests cannot fill the memory."""
    cache = DnsCache()
    cache.answered(QUESTION, ADDRESS, 60, NOW)
    for number in range(MAX_ENTRIES):
        cache.fresh(QUESTION, NOW)
        cache.answered(Question("A", f"h{number}.example.com"), ADDRESS, 60, NOW)
    assert len(cache) == MAX_ENTRIES
    assert records(cache, NOW) == ADDRESS
    assert cache.fresh(Question("A", "h0.example.com"), NOW) is None

"""Token buckets: rate, burst, and a bounded memory of origins."""

import pytest

from sip.token_bucket import TokenBuckets


def taken(buckets: TokenBuckets[str], origin: str, now: float, times: int) -> int:
    return sum(buckets.take(origin, now) for _ in range(times))


def test_a_full_bucket_gives_a_burst_and_no_more() -> None:
    buckets: TokenBuckets[str] = TokenBuckets(10, 5)
    assert taken(buckets, "a", 100.0, 20) == 5


@pytest.mark.parametrize(
    ("seconds", "tokens"), [(0.0, 0), (0.05, 0), (0.1, 1), (0.3, 3), (0.5, 5), (3600.0, 5)]
)
def test_tokens_come_at_the_rate_up_to_the_burst(seconds: float, tokens: int) -> None:
    buckets: TokenBuckets[str] = TokenBuckets(10, 5)
    taken(buckets, "a", 0.0, 5)
    assert taken(buckets, "a", seconds + 1e-9, 20) == tokens


def test_asking_in_vain_does_not_stop_the_refill() -> None:
    buckets: TokenBuckets[str] = TokenBuckets(10, 1)
    taken(buckets, "a", 0.0, 1)
    assert [buckets.take("a", n * 0.03) for n in range(1, 5)] == [False, False, False, True]


def test_origins_do_not_share() -> None:
    buckets: TokenBuckets[str] = TokenBuckets(1, 1)
    assert buckets.take("a", 0.0)
    assert buckets.take("b", 0.0)
    assert not buckets.take("a", 0.0)


def test_a_bucket_holds_at_least_one() -> None:
    buckets: TokenBuckets[str] = TokenBuckets(1, 0)
    assert taken(buckets, "a", 0.0, 3) == 1


def test_forgotten_means_full_again() -> None:
    buckets: TokenBuckets[str] = TokenBuckets(1, 2)
    taken(buckets, "a", 0.0, 2)
    buckets.forget("a")
    assert taken(buckets, "a", 0.0, 3) == 2


def test_memory_is_bounded() -> None:
    """A flood under ever new addresses takes no more memory than `max_origins` of them."""
    buckets: TokenBuckets[str] = TokenBuckets(1, 1, max_origins=100)
    for number in range(1000):
        buckets.take(str(number), 0.0)
    assert 50 <= len(buckets) <= 100


def test_those_heard_of_least_lately_are_forgotten() -> None:
    """Whoever goes on sending stays limited, whatever others do."""
    buckets: TokenBuckets[str] = TokenBuckets(0, 1, max_origins=10)
    buckets.take("steady", 0.0)
    for number in range(1000):
        buckets.take(str(number), 0.0)
        assert not buckets.take("steady", 0.0)
    assert buckets.take("0", 0.0)

"""The cache of bindings: bounded, and never believed against the change feed."""

import pytest

from proxy.location import BindingCache
from sip.uri import AoR
from store.values import BindingSet
from tests.proxy.proxykit import ALICE, binding


def at(version: int) -> BindingSet:
    return BindingSet(version, (binding(),))


def test_newest_version_is_kept() -> None:
    cache = BindingCache()
    cache.put(ALICE, at(2))
    cache.put(ALICE, at(1))
    assert cache.get(ALICE) == at(2)


@pytest.mark.parametrize(("read", "believed"), [(2, False), (3, True), (4, True)])
def test_read_that_was_overtaken_by_the_feed_is_not_believed(read: int, believed: bool) -> None:
    """A read may come back after the feed has told of something newer."""
    cache = BindingCache()
    cache.forget(ALICE, 3)
    cache.put(ALICE, at(read))
    assert (cache.get(ALICE) is not None) is believed


def test_older_news_change_nothing() -> None:
    cache = BindingCache()
    cache.put(ALICE, at(3))
    assert not cache.forget(ALICE, 3)
    assert cache.get(ALICE) == at(3)


def test_floor_never_sinks() -> None:
    cache = BindingCache()
    cache.forget(ALICE, 5)
    cache.forget(ALICE, 3)
    cache.put(ALICE, at(4))
    assert cache.get(ALICE) is None


def test_what_was_known_last_is_kept_for_those_who_were_told_it() -> None:
    cache = BindingCache()
    cache.put(ALICE, at(1))
    assert cache.forget(ALICE, 2)
    assert cache.get(ALICE) is None
    assert cache.last(ALICE) == at(1)


def test_overtaken_read_is_known_last() -> None:
    """A write of ours between two of others: not to be believed, but it was told."""
    cache = BindingCache()
    cache.put(ALICE, at(1))
    cache.forget(ALICE, 3)
    cache.put(ALICE, at(2))
    assert (cache.get(ALICE), cache.last(ALICE)) == (None, at(2))


def test_doubt_believes_nothing_until_it_is_read_again() -> None:
    cache = BindingCache()
    cache.put(ALICE, at(2))
    assert list(cache.doubt()) == [ALICE]
    assert cache.get(ALICE) is None
    cache.put(ALICE, at(2))
    assert cache.get(ALICE) == at(2)


def test_least_recently_used_goes_first() -> None:
    cache = BindingCache(capacity=2)
    one, two, three = (AoR(f"sip:{number}@example.com") for number in range(3))
    cache.put(one, at(1))
    cache.put(two, at(1))
    cache.get(one)
    cache.put(three, at(1))
    assert [cache.get(aor) is not None for aor in (one, two, three)] == [True, False, True]
    assert len(cache) == 2


def test_clearing_forgets_all() -> None:
    cache = BindingCache()
    cache.put(ALICE, at(1))
    cache.clear()
    assert cache.get(ALICE) is None

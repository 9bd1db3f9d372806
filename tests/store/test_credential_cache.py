"""What is remembered of subscribers, and of those who are none."""

from store.credential_cache import CredentialCache
from tests.store.storekit import credential

ALICE = credential().aor


def test_known_and_unknown_are_remembered() -> None:
    cache = CredentialCache()
    cache.put(ALICE, credential(), cache.generation)
    cache.put("sip:nobody@example.com", None, cache.generation)
    assert (cache[ALICE], cache["sip:nobody@example.com"]) == (credential(), None)
    assert "sip:bob@example.com" not in cache


def test_names_of_nobody_push_out_no_subscriber() -> None:
    cache = CredentialCache(capacity=1, unknown_capacity=2)
    cache.put(ALICE, credential(), cache.generation)
    for number in range(5):
        cache.put(f"sip:{number}@example.com", None, cache.generation)
    assert ALICE in cache
    assert [number for number in range(5) if f"sip:{number}@example.com" in cache] == [3, 4]


def test_oldest_subscriber_makes_room() -> None:
    cache = CredentialCache(capacity=2)
    for name in ("alice", "bob", "carol"):
        cache.put(credential(name).aor, credential(name), cache.generation)
    assert ALICE not in cache
    assert "sip:carol@example.com" in cache


def test_who_becomes_a_subscriber_is_unknown_no_more() -> None:
    cache = CredentialCache()
    cache.put(ALICE, None, cache.generation)
    cache.put(ALICE, credential(), cache.generation)
    assert cache[ALICE] == credential()
    cache.put(ALICE, None, cache.generation)
    assert cache[ALICE] is None


def test_what_was_read_before_a_change_is_not_remembered() -> None:
    cache = CredentialCache()
    before = cache.generation
    cache.forget(ALICE)
    cache.put(ALICE, credential(), before)
    assert ALICE not in cache


def test_clear_drops_everything() -> None:
    cache = CredentialCache()
    cache.put(ALICE, credential(), cache.generation)
    cache.put("sip:nobody@example.com", None, cache.generation)
    cache.clear()
    assert ALICE not in cache
    assert "sip:nobody@example.com" not in cache

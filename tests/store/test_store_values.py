"""Pure parts of the store: feed payloads, packed columns, the cache, back-off, URLs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.backoff import LONGEST_PAUSE, Backoff
from store.credential_cache import CredentialCache
from store.errors import StoreMisused
from store.feed_payload import PAYLOAD_LIMIT, RESYNC, decode, encode, hello
from store.pg_notify import feed_arguments
from store.rows import binding_of, pack_details
from store.url import StoreUrl
from store.values import Change, DocumentKey, Kind, Resource, document_key, resource_key
from tests.store.storekit import binding, credential

TEXT = st.text(st.characters(exclude_characters="\x1e"), min_size=1)


@given(st.lists(st.builds(Change, st.sampled_from(Kind), TEXT, st.integers(min_value=0))))
def test_a_payload_says_what_was_put_in(changes: list[Change]) -> None:
    assert decode(encode("a.1", changes)) == ("a.1", changes)


def test_a_hello_names_its_sender_and_no_change() -> None:
    assert decode(hello("a.1")) == ("a.1", [])


@pytest.mark.parametrize("part", ["", "R", "Rx a", "Z1 a", "R1"])
def test_what_cannot_be_understood_means_resync(part: str) -> None:
    assert decode(f"a.1\x1e{part}\x1eB2 b")[1] == [RESYNC, Change(Kind.BINDING, "b", 2)]


def test_keys_of_changes_come_apart_again() -> None:
    resource = Resource("sip:a@example.com", "presence")
    key = DocumentKey("resource-lists", "", "a b/index")
    assert Change(Kind.RESOURCE, resource_key(resource), 1).resource == resource
    assert Change(Kind.DOCUMENT, document_key(key), 1).document == key


@given(st.lists(st.text(max_size=600), min_size=1))
def test_a_payload_takes_no_more_than_its_limit(keys: list[str]) -> None:
    share = feed_arguments("a", keys)["feed_share"]
    assert isinstance(share, int)
    longest = max(len(key.encode()) for key in keys)
    assert share == 1 or share * (longest + len("R" + str(2**63) + " \x1e")) <= PAYLOAD_LIMIT


def test_packed_bindings_come_back() -> None:
    one = binding(q=None, reg_id=3, parameters="\udcff", path=("a", "b"), begun_at=1.5)
    assert binding_of(one.key, one.expires_at, pack_details(one)) == one


def test_the_cache_takes_no_answer_older_than_an_invalidation() -> None:
    cache = CredentialCache()
    asked = cache.generation
    cache.forget("sip:other@example.com")
    cache.put("sip:alice@example.com", credential(), asked)
    assert "sip:alice@example.com" not in cache
    cache.put("sip:alice@example.com", credential(), cache.generation)
    assert cache["sip:alice@example.com"] == credential()
    cache.clear()
    assert "sip:alice@example.com" not in cache


def test_the_cache_is_bounded() -> None:
    cache = CredentialCache(capacity=2, unknown_capacity=1)
    for name in "abc":
        cache.put(name, credential(), cache.generation)
    for name in "de":
        cache.put(name, None, cache.generation)
    assert [name in cache for name in "abcde"] == [False, True, True, False, True]


def test_pauses_grow_to_a_bound_and_start_over() -> None:
    backoff = Backoff()
    pauses = []
    for _ in range(9):
        backoff.failed(100.0)
        pauses.append(backoff.pause)
    assert pauses[:4] == [0.1, 0.2, 0.4, 0.8]
    assert pauses[-1] == LONGEST_PAUSE
    assert not backoff.may_try(100.0 + LONGEST_PAUSE - 0.01)
    assert backoff.may_try(100.0 + LONGEST_PAUSE)
    backoff.succeeded()
    assert backoff.may_try(0.0)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "not a database URL"),
        ("mysql://host/db", "neither postgresql nor sqlite"),
        ("sqlite://", "needs a file"),
    ],
)
def test_a_url_that_cannot_work_is_refused(url: str, reason: str) -> None:
    with pytest.raises(StoreMisused, match=reason):
        StoreUrl.parse(url)


def test_a_printed_url_hides_its_password() -> None:
    url = StoreUrl.parse("postgresql://user:sesame@host/db")
    assert "sesame" not in str(url)
    assert url.asyncpg_dsn == "postgresql://user:sesame@host/db"

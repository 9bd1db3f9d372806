"""RFC 7616 §3.4: digest hashes in the store, their cache, and the nonce secret."""

from store.store import Store
from tests.store.conftest import Opener
from tests.store.storekit import credential


async def test_credentials_are_put_replaced_and_deleted(store: Store) -> None:
    aor = credential().aor
    assert await store.credential(aor) is None
    await store.put_credential(credential())
    assert await store.credential(aor) == credential()
    await store.put_credential(credential(mark="2"))
    assert await store.credential(aor) == credential(mark="2")
    assert await store.delete_credential(aor)
    assert await store.credential(aor) is None
    assert not await store.delete_credential(aor)


async def test_an_import_takes_many_and_the_last_of_each_counts(store: Store) -> None:
    rows = [credential("bob"), credential(), credential(mark="2")]
    assert await store.import_credentials(rows) == 2
    assert await store.list_credentials() == ["sip:alice@example.com", "sip:bob@example.com"]
    assert await store.credential(credential().aor) == credential(mark="2")


async def test_an_import_of_thousands_is_one_call(store: Store) -> None:
    rows = [credential(f"u{number}") for number in range(3000)]
    assert await store.import_credentials(rows) == 3000
    assert len(await store.list_credentials()) == 3000


async def test_known_and_unknown_subscribers_are_read_once(store: Store) -> None:
    await store.put_credential(credential())
    for name in ("alice", "nobody") * 3:
        await store.credential(credential(name).aor)
    assert (store.stats.credential_misses, store.stats.credential_hits) == (2, 4)


async def test_the_secret_is_made_once_per_database(url: str, opened: Opener) -> None:
    first = await opened(url)
    secret = await first.secret()
    assert len(secret) == 32
    assert await first.secret() == secret
    await first.close()
    assert await (await opened(url)).secret() == secret

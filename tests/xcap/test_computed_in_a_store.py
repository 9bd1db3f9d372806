"""XCP-10, WIN-01, RFC 4826 §4.4.7, searches: what is computed from the real stores."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from sip.authenticator import hashes_for
from store import migrate
from store.store import Store, open_store
from store.values import Credential, Grant
from tests.rawxcap import XcapClient, resource_list
from tests.xcap.computedkit import (
    PROFILES,
    found,
    listed,
    post,
    profile,
    query,
    search_set,
    services,
    subscription,
    uris,
)
from tests.xcap.kit import ALICE, BOB, CONFIG, LOOPBACK, PASSWORDS, Served, serving
from xcap.config import XcapConfig

TRUSTING: XcapConfig = replace(CONFIG, trusted_peers=LOOPBACK, trusted_users=frozenset({BOB}))
RLS = "application/rls-services+xml"
PROFILE = "application/vnd.oma.user-profile+xml"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database with tables."""
    if request.param == "sqlite":
        dsn = f"sqlite:///{tmp_path / 'presentity.db'}"
    else:
        dsn = str(request.getfixturevalue("postgres_dsn"))
    migrate.upgrade(dsn)
    return dsn


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    opened = await open_store(url, node="xcap")
    for aor, password in PASSWORDS.items():
        hashes = hashes_for(aor, password)
        await opened.put_credential(
            Credential(aor, hashes.md5, hashes.sha256, hashes.md5_full, hashes.sha256_full)
        )
    yield opened
    await opened.close()


@pytest.fixture
async def served(store: Store) -> AsyncIterator[Served]:
    async with serving(TRUSTING, store) as running:
        yield running


async def put(client: XcapClient, path: str, body: bytes, media_type: str) -> None:
    answer = await client.put(path, body, media_type)
    assert answer.status in (200, 201), answer.body


async def test_the_index_of_all_services(served: Served) -> None:
    alice, bob = served.asserting(ALICE), served.asserting(BOB)
    for client, owner, names in ((alice, ALICE, "ab"), (bob, BOB, "c")):
        await put(client, f"rls-services/users/{owner}/index", services(*names), RLS)
    whole = await bob.get("rls-services/global/index")
    assert sorted(map(str, uris(whole.body))) == [f"sip:{name}@example.com" for name in "abc"]
    one = "rls-services/global/index/~~/rls-services/service%5B@uri=%22sip:b@example.com%22%5D"
    assert (await bob.get(one, if_match=whole.etag)).status == 200
    await alice.delete(f"rls-services/users/{ALICE}/index")
    assert (await bob.get(one)).status == 404
    left = await bob.get("rls-services/global/index", if_none_match=whole.etag)
    assert uris(left.body) == ["sip:c@example.com"]


async def test_the_directory_of_a_user(served: Served) -> None:
    alice = served.asserting(ALICE)
    body = resource_list("friends", 10)
    made = await alice.put(f"resource-lists/users/{ALICE}/index", body)
    got = await alice.get(f"org.openmobilealliance.xcap-directory/users/{ALICE}/directory.xml")
    entry = (
        f'<entry uri="/xcap-root/resource-lists/users/{ALICE}/index" etag={made.etag} '
        f'last-modified="1970-01-12T13:46:40Z" size="{len(body)}"/>'
    )
    assert got.body.count(b"<entry ") == 1
    assert entry.encode() in got.body


async def test_the_watchers_of_a_user_as_any_process_sees_them(
    served: Served, store: Store
) -> None:
    for row in (
        subscription("sip:bob@example.com", "pending"),
        subscription("sip:bob@example.com", "active", "dialog"),
    ):
        await store.write_subscription(row._replace(expires_at=4_000_000_000.0))
    alice = served.asserting(ALICE)
    got = await alice.get(f"org.openxcap.watchers/users/{ALICE}/index")
    assert listed(got.body) == [("bob@example.com", "allow", "true", ["dialog", "presence"])]
    await store.end_subscription(subscription("sip:bob@example.com").id)
    left = await alice.get(f"org.openxcap.watchers/users/{ALICE}/index")
    assert listed(left.body) == [("bob@example.com", "allow", "false", ["dialog", "presence"])]
    await store.settle_watcher(subscription("sip:bob@example.com").id, "rejected")
    decided = await alice.get(f"org.openxcap.watchers/users/{ALICE}/index")
    assert listed(decided.body) == [("bob@example.com", "allow", "false", ["dialog"])]


async def test_a_search_reaches_own_and_granted_documents(served: Served, store: Store) -> None:
    for owner in (ALICE, BOB):
        path = f"{PROFILES}/users/{owner}/user-profile"
        await put(served.asserting(owner), path, profile(owner, "chess"), PROFILE)
    alice, body = served.asserting(ALICE), search_set(query('$u/hobbies/hobby = "chess"'))
    assert found(await post(alice, body)) == [[ALICE]]
    await store.put_grant(Grant(BOB, PROFILES, "", "@example.com", write=False))
    assert found(await post(alice, body)) == [[ALICE, BOB]]
    assert found(await post(served.asserting(BOB), body)) == [[ALICE, BOB]]

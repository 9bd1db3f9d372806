"""OMA XDM Core, searches: POST to org.openmobilealliance.search."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from sip.uri import AoR
from store.values import Document, DocumentInfo, DocumentKey, Grant
from tests.xcap.computedkit import PROFILES, SEARCH, found, post, profile, query, search_set
from tests.xcap.kit import ALICE, BOB, CONFIG, LOOPBACK, DocumentsInMemory, Served, serving
from xcap.search.exchange import MAX_RESULTS, MAX_SEARCHES, NAMESPACE
from xcap.search.reach import MAX_OWNERS, PAGE
from xcap.search.service import BATCH, MAX_DOCUMENTS, MAX_OCTETS, MAX_RUNNING, batches
from xmldoc.parse import parse
from xmldoc.schema import schema

CAROL = AoR("sip:carol@other.example")
OMA_RULES = "org.openmobilealliance.pres-rules"
RULESET = b'<ruleset xmlns="urn:ietf:params:xml:ns:common-policy"/>'
TRUSTING = replace(CONFIG, trusted_users=frozenset({BOB}))


@pytest.fixture
def store() -> DocumentsInMemory:
    """Alice, Bob and Carol have profiles."""
    documents = DocumentsInMemory()
    for aor, hobbies in ((ALICE, ["chess"]), (BOB, ["chess", "go"]), (CAROL, ["chess"])):
        keep(documents, aor, profile(aor, *hobbies))
    return documents


def keep(
    documents: DocumentsInMemory, aor: str, body: bytes, auid: str = PROFILES, path: str = ""
) -> None:
    key = DocumentKey(auid, aor, path or ("user-profile" if auid == PROFILES else "index"))
    documents.rows[key] = Document(key, "tag", "application/x", body, 0.0)


@pytest.fixture
async def served(store: DocumentsInMemory) -> AsyncIterator[Served]:
    async with serving(TRUSTING, store) as running:
        yield running


async def test_an_answer_has_a_response_for_every_search(served: Served) -> None:
    body = search_set(query(), query('$u/hobbies/hobby = "swimming"'))
    answer = await post(served.client(), body)
    assert found(answer) == [[ALICE], []]
    assert [search.get("id") for search in parse(answer.body)] == ["s0", "s1"]
    assert answer.headers["Cache-Control"] == "no-cache"
    assert "ETag" not in answer.headers


@pytest.mark.parametrize(
    ("grants", "expected"),
    [
        pytest.param([], [ALICE], id="nothing granted"),
        pytest.param([Grant(BOB, "", "", ALICE, write=False)], [ALICE, BOB], id="all documents"),
        pytest.param([Grant(BOB, PROFILES, "", ALICE, write=True)], [ALICE, BOB], id="the usage"),
        pytest.param(
            [Grant(BOB, PROFILES, "user-profile", ALICE, write=False)], [ALICE, BOB], id="a path"
        ),
        pytest.param([Grant(BOB, PROFILES, "x", ALICE, write=False)], [ALICE], id="another path"),
        pytest.param([Grant(BOB, "pres-rules", "", ALICE, write=False)], [ALICE], id="other usage"),
        pytest.param([Grant(BOB, "", "", CAROL, write=False)], [ALICE], id="to somebody else"),
        pytest.param(
            [Grant(CAROL, "", "", "@example.com", write=False)], [ALICE, CAROL], id="to the domain"
        ),
        pytest.param(
            [
                Grant(BOB, "", "", "@example.com", write=False),
                Grant(BOB, PROFILES, "", ALICE, write=False),
            ],
            [ALICE, BOB],
            id="twice",
        ),
        pytest.param([Grant("", "", "", ALICE, write=False)], [ALICE], id="the global tree"),
    ],
)
async def test_a_search_reaches_what_its_sender_may_read(
    served: Served, store: DocumentsInMemory, grants: list[Grant], expected: list[str]
) -> None:
    """RFC 4825 §5.7: never more than a GET of each document would show."""
    store.given.extend(grants)
    assert found(await post(served.client(), search_set(query()))) == [expected]


async def test_one_users_documents_are_searched_only_by_who_may_read_them(
    served: Served, store: DocumentsInMemory
) -> None:
    body = search_set(query(collection=f"{PROFILES}/users/{CAROL}/"))
    assert found(await post(served.client(), body)) == [[]]
    store.given.append(Grant(CAROL, "", "", ALICE, write=False))
    assert found(await post(served.client(), body)) == [[CAROL]]


async def test_a_user_without_a_domain_is_the_one_that_a_get_would_find(
    store: DocumentsInMemory,
) -> None:
    """RFC 4825 §6.2: of the server's first domain, whatever the searcher's is."""
    store.given.append(Grant(ALICE, "", "", CAROL, write=False))
    config = replace(CONFIG, domains=("example.com", "other.example"), trusted_peers=LOOPBACK)
    async with serving(config, store) as served:
        body = search_set(query(collection=f"{PROFILES}/users/alice/"))
        assert found(await post(served.asserting(CAROL), body)) == [[ALICE]]


async def test_a_trusted_user_searches_all(served: Served) -> None:
    client = served.client(BOB)
    assert found(await post(client, search_set(query()))) == [[ALICE, BOB, CAROL]]


async def test_the_global_tree_is_searched_by_who_may_read_it(
    served: Served, store: DocumentsInMemory
) -> None:
    keep(store, "", profile("sip:desk@example.com"))
    body = search_set(query(collection=f"{PROFILES}/global/"))
    assert found(await post(served.client(), body)) == [["sip:desk@example.com"]]


async def test_rows_that_two_usages_share_are_searched_under_either_name(
    served: Served, store: DocumentsInMemory
) -> None:
    keep(store, ALICE, RULESET, "pres-rules")
    for auid in ("pres-rules", OMA_RULES):
        text = (
            'declare default element namespace "urn:ietf:params:xml:ns:common-policy"; '
            f'for $r in collection("{auid}/users/")/ruleset return <found uri="x"/>'
        )
        assert found(await post(served.client(), search_set(text))) == [["x"]]


@pytest.mark.parametrize("searched", [OMA_RULES, "pres-rules"])
@pytest.mark.parametrize(
    ("granted", "path"), [("pres-rules", "index"), (OMA_RULES, "pres-rules"), (OMA_RULES, "")]
)
async def test_what_is_granted_by_either_name_is_searched_under_either(
    served: Served, store: DocumentsInMemory, searched: str, granted: str, path: str
) -> None:
    """RFC 5025 §9, RFC 4825 §5.7: as a GET of each URI would show it."""
    keep(store, BOB, RULESET, "pres-rules")
    store.given.append(Grant(BOB, granted, path, ALICE, write=False))
    text = (
        'declare default element namespace "urn:ietf:params:xml:ns:common-policy"; '
        f'for $r in collection("{searched}/users/")/ruleset return <found uri="x"/>'
    )
    assert found(await post(served.client(), search_set(text))) == [["x"]]


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (f"?target={PROFILES}/users/", [ALICE, BOB, CAROL]),
        (f"?target={PROFILES}/users/&domain=home", [ALICE, BOB, CAROL]),
        (f"?target={PROFILES}%2Fusers%2F&domain=all", [ALICE, BOB, CAROL]),
        (f"?target={PROFILES}/users/&domain=Other.Example", [CAROL]),
        ("?domain=nowhere.example", []),
        ("?max-results=2", [ALICE, BOB]),
        ("/?max-results=1", [ALICE]),
        ("?max-results=0", []),
        ("?max-results=99999999999999999999", [ALICE, BOB, CAROL]),
        ("?unknown=1", [ALICE, BOB, CAROL]),
    ],
)
async def test_the_request_target_says_where_to_search(
    served: Served, target: str, expected: list[str]
) -> None:
    assert found(await post(served.client(BOB), search_set(query()), target)) == [expected]


@pytest.mark.parametrize(
    "body",
    [
        search_set(query(), attributes=' max-results="1"'),
        search_set(query(), inner=' max-results="1"'),
        search_set(query(), attributes=' max-results="9"', inner=' max-results="1"'),
    ],
)
async def test_the_body_says_how_many_results_are_wanted(served: Served, body: bytes) -> None:
    assert found(await post(served.client(BOB), body)) == [[ALICE]]


@pytest.mark.parametrize(
    ("body", "target", "status", "reason"),
    [
        pytest.param(b"", "", 400, b"no search", id="nothing"),
        pytest.param(b"<search-set", "", 400, b"no search", id="no XML"),
        pytest.param(b"<search-set/>", "", 400, b"root element", id="no namespace"),
        pytest.param(
            f'<search-set xmlns="{NAMESPACE}"/>'.encode(), "", 400, b"no search", id="no searches"
        ),
        pytest.param(
            search_set(query()).replace(b"request", b"response").replace(b"query>", b"q>"),
            "",
            400,
            b"must have a request",
            id="an answer",
        ),
        pytest.param(
            b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + search_set("&e;"),
            "",
            400,
            b"document type",
            id="entities",
        ),
        pytest.param(
            search_set(*[query()] * (MAX_SEARCHES + 1)), "", 400, b"at most", id="many searches"
        ),
        pytest.param(search_set(query()), "?max-results=x", 400, b"number", id="no number"),
        pytest.param(search_set(query()), "?target=x", 400, b"no such", id="no such target"),
        pytest.param(
            search_set(query()), "?target=groups/users/", 400, b"another", id="another target"
        ),
        pytest.param(
            search_set(query()), "?" + "a=b&" * 100, 400, b"too many", id="many parameters"
        ),
        pytest.param(search_set("DROP TABLE"), "", 409, b"not understood", id="no query"),
        pytest.param(
            search_set(query(collection="nothing/users/")), "", 409, b"no collection", id="no usage"
        ),
        pytest.param(
            search_set(query(collection=f"{SEARCH}/users/")), "", 409, b"no collection", id="itself"
        ),
    ],
)
async def test_what_is_refused_and_why(
    served: Served, body: bytes, target: str, status: int, reason: bytes
) -> None:
    answer = await post(served.client(), body, target)
    assert answer.status == status
    assert reason in answer.body


async def test_a_query_that_is_not_understood_is_reported_as_a_conflict(served: Served) -> None:
    """RFC 4825 §11."""
    answer = await post(served.client(), search_set("nonsense"))
    root = parse(answer.body)
    assert answer.headers["Content-Type"] == "application/xcap-error+xml"
    assert schema("xcap-error").check(root) is None


async def test_the_body_must_be_a_search(served: Served) -> None:
    assert (await post(served.client(), search_set(query()), media="text/xml")).status == 415


async def test_who_shows_no_credentials_is_401(served: Served) -> None:
    assert (await post(served.client(None), search_set(query()))).status == 401


async def test_who_is_nobody_is_403(store: DocumentsInMemory) -> None:
    """Where no credentials are asked for, a search has no sender."""
    async with serving(replace(CONFIG, authenticate=False), store) as served:
        assert (await post(served.client(None), search_set(query()))).status == 403


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", SEARCH, 405),
        ("PUT", SEARCH, 405),
        ("GET", f"{SEARCH}/global/index", 404),
        ("POST", f"{SEARCH}/global/index", 405),
        ("POST", "resource-lists/global/index", 405),
        ("POST", "resource-lists", 405),
    ],
)
async def test_nothing_else_is_there(served: Served, method: str, path: str, status: int) -> None:
    """RFC 4825 §8.1."""
    assert (await served.client().ask(method, path)).status == status


async def test_options_name_post(served: Served) -> None:
    answer = await served.client().ask("OPTIONS", SEARCH)
    assert answer.headers["Allow"] == "POST, OPTIONS"


async def test_a_setting_turns_searches_off(store: DocumentsInMemory) -> None:
    async with serving(replace(CONFIG, search=False), store) as served:
        assert (await post(served.client(), search_set(query()))).status in (404, 405)


async def test_no_more_results_are_given_than_a_search_may_have(
    served: Served, store: DocumentsInMemory
) -> None:
    people = profile(ALICE).replace(b"</user-profiles>", b"<user-profile/>" * 600)
    keep(store, ALICE, people + b"</user-profiles>")
    [results] = found(await post(served.client(), search_set(query())))
    assert len(results) == MAX_RESULTS


async def test_too_large_an_answer_is_413(served: Served, store: DocumentsInMemory) -> None:
    keep(store, ALICE, profile(ALICE, "x" * 200_000))
    text = query().replace("{$u/@uri}", "{$u}" * 20)
    answer = await post(served.client(), search_set(text))
    assert (answer.status, b"fewer results" in answer.body) == (413, True)


async def test_too_many_documents_are_503(served: Served, store: DocumentsInMemory) -> None:
    for number in range(MAX_DOCUMENTS + 1):
        keep(store, f"sip:{number}@example.com", b"<x/>")
    answer = await post(served.client(BOB), search_set(query()))
    assert (answer.status, b"too many documents" in answer.body) == (503, True)
    one = search_set(query(collection=f"{PROFILES}/users/{CAROL}/"))
    assert found(await post(served.client(BOB), one)) == [[CAROL]]


async def test_of_many_documents_only_the_readable_are_read(
    served: Served, store: DocumentsInMemory
) -> None:
    """However much somebody else has, and its grants are looked up once."""
    for number in range(MAX_DOCUMENTS + 1):
        keep(store, BOB, b"<x/>", path=str(number))
    store.given.append(Grant(BOB, PROFILES, "user-profile", ALICE, write=False))
    assert found(await post(served.client(), search_set(query()))) == [[ALICE, BOB]]
    assert (store.reads, store.grant_reads) == (2, [BOB])


async def test_no_more_is_read_than_is_wanted(served: Served, store: DocumentsInMemory) -> None:
    for number in range(PAGE):
        keep(store, ALICE, profile(ALICE, "x" * (BATCH // 8)), path=f"{number:02}")
    answer = await post(served.client(), search_set(query()), "?max-results=2")
    assert (found(answer), store.reads) == ([[ALICE, ALICE]], 7)


async def test_documents_are_paid_for_before_they_are_read(
    served: Served, store: DocumentsInMemory
) -> None:
    """What a search may look at is also what it may load."""
    for number in range(MAX_OCTETS // BATCH + 10):
        keep(store, ALICE, profile("sip:x@example.com", "x" * BATCH), path=f"{number:02}")
    answer = await post(served.client(), search_set(query('$u/@uri = "nobody"')))
    assert (answer.status, b"too many documents" in answer.body) == (503, True)
    assert store.reads < MAX_OCTETS // BATCH


async def test_documents_that_may_not_be_read_take_time_as_well(
    served: Served, store: DocumentsInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else may have more than can be listed in the time there is."""
    monkeypatch.setattr("xcap.search.service.SECONDS", -1.0)
    body = search_set(query(collection=f"{PROFILES}/users/{CAROL}/"))
    answer = await post(served.client(), body)
    assert (answer.status, b"takes too long" in answer.body) == (503, True)


async def test_too_many_users_are_503(served: Served, store: DocumentsInMemory) -> None:
    store.given.extend(
        Grant(f"sip:{number}@example.com", "", "", ALICE, write=False)
        for number in range(MAX_OWNERS + 1)
    )
    answer = await post(served.client(), search_set(query()))
    assert (answer.status, b"name one of them" in answer.body) == (503, True)


class SlowStore(DocumentsInMemory):
    """Documents that come when `go` is set; until then `one` search waits, or as many as may."""

    def __init__(self) -> None:
        super().__init__()
        self.go = asyncio.Event()
        self.one = asyncio.Event()
        self.busy = asyncio.Event()
        self.queued = 0

    async def infos_of_usage(
        self, auid: str, after: DocumentKey | None, limit: int
    ) -> list[DocumentInfo]:
        self.queued += 1
        self.one.set()
        if self.queued == MAX_RUNNING:
            self.busy.set()
        await self.go.wait()
        return await super().infos_of_usage(auid, after, limit)


async def test_only_so_many_search_at_a_time() -> None:
    """The rest is told when to come back, and so is a user whose search still runs."""
    store = SlowStore()
    many = frozenset({BOB, CAROL})
    config = replace(CONFIG, trusted_peers=LOOPBACK, trusted_users=many)
    body = search_set(query(collection=f"{PROFILES}/users/{ALICE}/"))
    async with serving(config, store) as served, asyncio.timeout(10):
        running = [asyncio.create_task(post(served.asserting(ALICE), body))]
        await store.one.wait()
        again = await post(served.asserting(ALICE), body)
        assert (again.status, again.headers["Retry-After"]) == (503, "2")
        running.append(asyncio.create_task(post(served.asserting(BOB), body)))
        await store.busy.wait()
        assert (await post(served.asserting(CAROL), body)).status == 503
        store.go.set()
        assert [answer.status for answer in await asyncio.gather(*running)] == [200, 200]
        assert (await post(served.asserting(ALICE), body)).status == 200


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([1, 2, 3], [[1, 2, 3]], id="all at once"),
        pytest.param([BATCH - 1, 1, 1], [[BATCH - 1, 1], [1]], id="just full"),
        pytest.param([1, BATCH + 1, 1], [[1], [BATCH + 1], [1]], id="a large one alone"),
    ],
)
def test_documents_are_read_some_at_a_time(sizes: list[int], expected: list[list[int]]) -> None:
    key = DocumentKey(PROFILES, ALICE, "index")
    page = [DocumentInfo(key, "tag", "application/x", size, 0.0, 1) for size in sizes]
    assert [[info.size for info in batch] for batch in batches(page)] == expected

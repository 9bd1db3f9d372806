"""Contacts, lists and rules as JSON over HTTP, beside the documents they are in (XCP-20)."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any
from urllib.parse import quote

import pytest

from sip.authenticator import Identity
from sip.uri import AoR
from store.operations import WriteDocument
from store.outcomes import DocumentOutcome
from store.values import Document, DocumentKey, Grant
from tests.rawdigest import Login
from tests.rawxcap import Answer, XcapClient
from tests.xcap.kit import ALICE, BOB, LISTS, PASSWORDS, DocumentsInMemory, Served, serving
from xcap.conditions import UNCONDITIONAL
from xcap.errors import Forbidden
from xcap.http.exchange import Call, Reply
from xcap.json.service import JsonView
from xcap.turns_service import MAX_WAITING

RULES = "pres-rules/users/sip:alice@example.com/index"
BOBS = "lists/friends/contacts/sip:bob@example.com"
RULE = {"identities": ["sip:bob@example.com"], "sub_handling": "allow"}


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with serving(views=lambda service: (JsonView(service),)) as server:
        yield server


class Api:
    """A client of the JSON view, of one user about another."""

    def __init__(self, served: Served, user: AoR | None = ALICE, owner: str = ALICE) -> None:
        login = None
        if user is not None:
            login = Login(user.removeprefix("sip:").partition("@")[0], PASSWORDS[user])
        root = f"http://127.0.0.1:{served.port}/api/v1/users/{owner}"
        self.client = XcapClient(served.session, root, login)

    async def get(self, path: str, **conditions: str) -> tuple[int, Any]:
        answer = await self.client.get(path, **conditions)
        return answer.status, json.loads(answer.body) if answer.body else None

    async def ask(self, method: str, path: str, **headers: str) -> Answer:
        return await self.client.ask(method, path, headers=headers)

    async def put(self, path: str, values: Any, **conditions: str) -> Answer:
        body = json.dumps(values).encode()
        return await self.client.put(path, body, "application/json", **conditions)

    async def delete(self, path: str, **conditions: str) -> Answer:
        return await self.client.delete(path, **conditions)


@pytest.fixture
def api(served: Served) -> Api:
    return Api(served)


async def test_from_nothing_to_contacts_and_back(served: Served, api: Api) -> None:
    assert (await api.get("contacts"))[0] == 404
    made = await api.put("lists/friends", {"display_name": "Friends"})
    assert (made.status, made.headers["Location"]) == (
        201,
        "/api/v1/users/sip:alice@example.com/lists/friends",
    )
    added = await api.put(BOBS, {"display_name": "Bob"})
    assert (added.status, added.body) == (201, b"")
    again = await api.put(BOBS, {"display_name": "Robert"})
    assert again.status == 204
    bob = {"uri": "sip:bob@example.com", "display_name": "Robert"}
    assert await api.get(BOBS) == (200, bob)
    friends = {"name": "friends", "display_name": "Friends", "contacts": [bob]}
    assert await api.get("lists/friends") == (200, friends)
    assert await api.get("lists") == (200, {"lists": [friends]})
    assert await api.get("contacts") == (200, {"contacts": [bob | {"lists": ["friends"]}]})
    assert (await api.delete(BOBS)).status == 204
    assert (await api.delete(BOBS)).status == 404
    assert (await api.delete("lists/friends")).status == 204
    assert await api.get("lists") == (200, {"lists": []})


async def test_rules_are_made_shown_and_deleted(api: Api) -> None:
    assert (await api.put("rules/friends", RULE)).status == 201
    status, shown = await api.get("rules/friends")
    assert (status, shown["identities"]) == (200, ["sip:bob@example.com"])
    assert (await api.put("rules/friends", shown | {"sub_handling": "block"})).status == 204
    _, rules = await api.get("rules")
    assert [rule["sub_handling"] for rule in rules["rules"]] == ["block"]
    assert (await api.delete("rules/friends")).status == 204
    assert await api.get("rules") == (200, {"rules": []})


async def test_the_entity_tag_is_that_of_the_document(served: Served, api: Api) -> None:
    """RFC 4825 §8.5: whoever changes it, all see the same tag."""
    xcap = served.client()
    made = await api.put("lists/friends", {})
    assert (await xcap.get(LISTS)).etag == made.etag
    node = f"{LISTS}/~~/resource-lists/list%5B@name=%22friends%22%5D/@name"
    assert (await xcap.get(node)).etag == made.etag
    assert (await api.get("contacts", if_none_match=made.etag))[0] == 304
    changed = await xcap.put(LISTS, (await xcap.get(LISTS)).body.replace(b"friends", b"pals"))
    assert (await api.get("lists/pals", if_none_match=made.etag))[0] == 200
    stale = await api.put("lists/pals", {"display_name": "P"}, if_match=made.etag)
    assert (stale.status, json.loads(stale.body)["error"].startswith("a condition")) == (412, True)
    fresh = await api.put("lists/pals", {"display_name": "P"}, if_match=changed.etag)
    assert fresh.status == 204
    assert (await api.delete("lists/pals", if_match=changed.etag)).status == 412
    assert (await api.delete("lists/pals", if_match=fresh.etag)).etag != fresh.etag


async def test_conditions_on_a_document_that_is_not_there(api: Api) -> None:
    """RFC 4825 §7.11."""
    assert (await api.put("rules/a", RULE, if_match="*")).status == 412
    assert (await api.put("rules/a", RULE, if_none_match="*")).status == 201
    assert (await api.put("rules/b", RULE, if_none_match="*")).status == 412


async def test_other_octets_of_the_document_stay(served: Served, api: Api) -> None:
    """RFC 4825 §8.2.3: the view edits nodes, as any client."""
    xcap = served.client()
    document = (
        b'<?xml version="1.0"?>\n<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists">\n'
        b' <!-- mine --><list  name = "friends"\t>\n  <entry uri="sip:a@b"/>\n </list>\n'
        b"</resource-lists>\n"
    )
    await xcap.put(LISTS, document)
    await api.put(BOBS, {})
    entry = b'<entry uri="sip:bob@example.com"/>'
    assert (await xcap.get(LISTS)).body == document.replace(b'@b"/>', b'@b"/>' + entry)
    await api.delete(BOBS)
    assert (await xcap.get(LISTS)).body == document


async def test_only_the_user_itself_may(served: Served) -> None:
    """RFC 4825 §5.7."""
    assert (await Api(served, BOB).get("contacts"))[0] == 403
    assert (await Api(served, BOB).put("rules/a", RULE)).status == 403
    stranger = await Api(served, None).ask("GET", "contacts")
    assert (stranger.status, len(stranger.challenges)) == (401, 2)
    assert (await Api(served, ALICE, "alice").put("rules/a", RULE)).status == 201
    assert (await Api(served, ALICE, "sip%3Aalice%40example.com").get("rules/a"))[0] == 200


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("nothing", 404),
        ("lists/", 404),
        ("lists/a/contacts", 404),
        ("lists/a/contacts/b/c", 404),
        ("lists/%00", 400),
        ("lists/%zz", 400),
        ("lists/%c0%af", 400),
        ("", 404),
    ],
)
async def test_what_is_no_resource(api: Api, path: str, status: int) -> None:
    answer = await api.ask("GET", path)
    assert answer.status == status
    assert json.loads(answer.body)["error"]


async def test_names_of_all_kinds(api: Api) -> None:
    for name in ("a \"b\" 'c'", "a/b", "\u00e9 & <", "~~", ".", "[1]"):
        path = "lists/" + quote(name, safe="").replace(".", "%2E")
        assert (await api.put(path, {})).status == 201
        assert (await api.get(path))[1]["name"] == name
        contact = f"{path}/contacts/{quote('tel:+1;phone-context=a.b', safe='')}"
        assert (await api.put(contact, {"display_name": name})).status == 201
        assert (await api.get(contact))[1]["display_name"] == name
        assert (await api.delete(path)).status == 204


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("contacts", "GET, HEAD, OPTIONS"),
        ("rules", "GET, HEAD, OPTIONS"),
        ("lists/a", "GET, HEAD, PUT, DELETE, OPTIONS"),
    ],
)
async def test_methods(api: Api, path: str, allow: str) -> None:
    """RFC 9110 §15.5.6."""
    posted = await api.ask("POST", path)
    assert (posted.status, posted.headers["Allow"]) == (405, allow)
    assert (await api.ask("OPTIONS", path)).headers["Allow"] == allow


@pytest.mark.parametrize(
    ("body", "media_type", "status"),
    [
        pytest.param(b"{", "application/json", 400, id="no JSON"),
        pytest.param(b"[]", "application/json", 400, id="no object"),
        pytest.param(b"\xff", "application/json", 400, id="no UTF-8"),
        pytest.param(b"[" * 100_000, "application/json", 400, id="deep"),
        pytest.param(b"{}", "text/plain", 415, id="another type"),
        pytest.param(b"{}", "", 415, id="no type"),
        pytest.param(b" " * 300_000, "application/json", 413, id="too large"),
        pytest.param(b"", "application/json", 201, id="no body"),
    ],
)
async def test_bodies(served: Served, api: Api, body: bytes, media_type: str, status: int) -> None:
    headers = {"Content-Type": media_type}
    client = api.client
    await api.get("contacts")
    assert (await client.ask("PUT", "lists/a", body, headers)).status == status


async def test_what_the_document_may_not_be_is_a_conflict(api: Api) -> None:
    """RFC 4825 §8.2.5: by the schema, and by the usage."""
    answer = await api.put("rules/1a", RULE)
    assert answer.status == 409
    assert json.loads(answer.body)["conflict"] == "schema-validation-error"


class Rivalled(DocumentsInMemory):
    """A store where another process is faster than the next writes of ours."""

    def __init__(self) -> None:
        super().__init__()
        self.rivals: list[bytes | None] = []
        """What the other process puts before each of our writes; None: it deletes."""

    async def write_document(self, op: WriteDocument) -> DocumentOutcome:
        if self.rivals:
            body = self.rivals.pop(0)
            tag = f"rival{len(self.rivals)}"
            rival = op._replace(body=body, etag=tag, if_match=None, if_none_match=None)
            await super().write_document(rival)
        return await super().write_document(op)


class Waiting(DocumentsInMemory):
    """A store that answers in a later turn of the loop, as every database does."""

    async def grants(self, owner: str) -> Sequence[Grant]:
        await asyncio.sleep(0)
        return await super().grants(owner)

    async def document(self, key: DocumentKey) -> Document | None:
        found = await super().document(key)
        await asyncio.sleep(0)
        return found


def put_call(user: AoR, name: str) -> Call:
    target = f"/api/v1/users/{ALICE}/lists/{name}"
    identity = Identity(user, "digest")
    return Call("PUT", target, identity, UNCONDITIONAL, "application/json", b"{}", "")


async def test_who_may_not_write_stands_in_nobodys_line() -> None:
    """RFC 4825 §8: it is 403, and never a 503 for the owner."""
    async with serving(store=Waiting()) as served:
        view = JsonView(served.server.service)
        bobs = [view.answer(put_call(BOB, "a")) for _ in range(2 * MAX_WAITING)]
        *refused, made = await asyncio.gather(
            *bobs, view.answer(put_call(ALICE, "b")), return_exceptions=True
        )
        assert {type(one) for one in refused} == {Forbidden}
        assert isinstance(made, Reply)


async def test_writers_of_one_document_take_turns() -> None:
    """So that none of them begins anew, and each reads twice: itself, and to put its element."""
    store = Waiting()
    async with serving(store=store) as served:
        view = JsonView(served.server.service)
        calls = [view.answer(put_call(ALICE, f"l{number}")) for number in range(20)]
        made = await asyncio.gather(*calls)
        assert {one.status for one in made} == {201}
        assert store.reads <= 2 * len(made)


def lists(content: str) -> bytes:
    namespace = "urn:ietf:params:xml:ns:resource-lists"
    return f'<resource-lists xmlns="{namespace}">{content}</resource-lists>'.encode()


@pytest.mark.parametrize(
    ("rivals", "names"),
    [
        pytest.param([lists("")], ["mine"], id="the first document"),
        pytest.param(
            [lists('<list name="a"/>'), lists('<list name="b"/>')], ["b", "mine"], id="twice"
        ),
        pytest.param([lists('<list name="a"/>'), None], ["mine"], id="and deleted"),
    ],
)
async def test_who_was_overtaken_begins_again(rivals: list[bytes | None], names: list[str]) -> None:
    """RFC 4825 §7.11: nothing that another process wrote is lost."""
    store = Rivalled()
    async with serving(store=store, views=lambda service: (JsonView(service),)) as served:
        api = Api(served)
        store.rivals = list(rivals)
        assert (await api.put("lists/mine", {})).status == 201
        shown = (await api.get("lists"))[1]["lists"]
        assert [each["name"] for each in shown] == names


async def test_who_is_always_overtaken_is_asked_to_come_back() -> None:
    store = Rivalled()
    async with serving(store=store, views=lambda service: (JsonView(service),)) as served:
        store.rivals = [lists(f'<list name="{n}"/>') for n in range(2000)]
        answer = await Api(served).put("lists/mine", {})
        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
        store.rivals = []
        assert (await Api(served).put("lists/mine", {})).status == 201


async def test_a_lost_race_is_412_for_who_asked() -> None:
    """RFC 4825 §7.11."""
    store = Rivalled()
    async with serving(store=store, views=lambda service: (JsonView(service),)) as served:
        api = Api(served)
        made = await api.put("lists/mine", {})
        store.rivals = [lists("")]
        assert (await api.put("lists/more", {}, if_match=made.etag)).status == 412
        assert await api.get("lists") == (200, {"lists": []})


async def test_many_clients_lose_nothing(served: Served, api: Api) -> None:
    await api.put("lists/friends", {})
    clients = [Api(served) for _ in range(8)]

    async def add(client: Api, number: int) -> None:
        for each in range(5):
            answer = await client.put(f"lists/friends/contacts/sip:{number}-{each}@b", {})
            assert answer.status == 201

    await asyncio.gather(*(add(client, number) for number, client in enumerate(clients)))
    _, shown = await api.get("contacts")
    assert len({contact["uri"] for contact in shown["contacts"]}) == 40

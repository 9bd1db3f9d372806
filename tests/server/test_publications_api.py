"""PKG-04: event state that is published over HTTP, as an operator's voicemail server does it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from presence.config import PresenceConfig
from presence.errors import ConditionFailed
from presence.packages.message_summary.package import message_summary_package
from presence.packages.presence import presence_package
from server.publications_api import serve_publications
from sip.uri import AoR
from store import migrate
from store.operations import WritePublication
from store.outcomes import EtagMismatch, PublicationWritten
from store.store import Store, open_store
from store.values import Resource

NOW = 1_800_000_000.0
TREE = "/api/publications/message-summary/alice@example.com"
VOICEMAIL = f"{TREE}/voicemail"
KIND = {"Content-Type": "application/simple-message-summary"}
WAITS = b"Messages-Waiting: yes\r\n"
ALICE = Resource(AoR("sip:alice@example.com"), "message-summary")


@dataclass
class Operator:
    """Somebody at the admin listener, the store behind it, and what watchers would be told."""

    store: Store
    client: TestClient[web.Request, web.Application]
    told: list[WritePublication]

    async def write_publication(self, op: WritePublication) -> PublicationWritten:
        outcome = await self.store.write_publication(op)
        if isinstance(outcome, EtagMismatch):
            raise ConditionFailed
        self.told.append(op)
        return outcome

    async def ask(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> tuple[int, Any, str]:
        """Status, body (as JSON where it is some) and entity-tag."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.client.request(method, path, data=body, headers=named) as answer:
            is_json = answer.content_type == "application/json"
            said = await (answer.json() if is_json else answer.read())
            return answer.status, said, answer.headers.get("ETag", "")

    async def put(self, body: bytes = WAITS, path: str = VOICEMAIL, **headers: str) -> Any:
        return await self.ask("PUT", path, body, **(KIND | headers))


@pytest.fixture
async def operator(tmp_path: Path) -> AsyncIterator[Operator]:
    url = f"sqlite:///{tmp_path / 'presentity.db'}"
    migrate.upgrade(url)
    store = await open_store(url, node="admin", clock=lambda: NOW)
    app = web.Application()
    client = TestClient(TestServer(app))
    operator = Operator(store, client, [])
    packages = [message_summary_package(), presence_package()]
    serve_publications(
        app,
        domains=("example.com",),
        packages={package.stored_as: package for package in packages},
        config=PresenceConfig(max_body=1000),
        events=operator,
        store=store,
        clock=lambda: NOW,
    )
    async with client:
        yield operator
    await store.close()


async def test_a_publication_is_stored_read_replaced_and_removed(operator: Operator) -> None:
    """RFC 3842: a mailbox without SIP."""
    status, said, first = await operator.put(path=f"{VOICEMAIL}?expires=600")
    assert (status, said["expires"], f'"{said["etag"]}"') == (201, 600, first)
    assert (await operator.ask("GET", VOICEMAIL))[1:] == (WAITS, first)
    (stored,) = (await operator.store.resource_state(ALICE)).publications
    assert stored.expires_at == NOW + 600
    status, said, second = await operator.put(b"Messages-Waiting: no\r\n")
    assert (status, said["expires"]) == (200, 3600)
    assert second != first
    assert (await operator.ask("GET", VOICEMAIL))[1] == b"Messages-Waiting: no\r\n"
    assert (await operator.ask("DELETE", VOICEMAIL))[0] == 204
    assert (await operator.ask("GET", VOICEMAIL))[0] == 404
    assert [op.body for op in operator.told] == [WAITS, b"Messages-Waiting: no\r\n", None]


async def test_what_others_published_is_listed_beside(operator: Operator) -> None:
    op = WritePublication(
        ALICE, "a1", None, "a1.x", NOW + 60, WAITS, KIND["Content-Type"], NOW, NOW
    )
    await operator.store.write_publication(op)
    await operator.put()
    _, said, _ = await operator.ask("GET", TREE)
    assert (said["aor"], said["package"]) == (ALICE.aor, "message-summary")
    assert {(one["id"], one["by"], one["size"]) for one in said["publications"]} == {
        ("a1", "sip", len(WAITS)),
        ("voicemail", "http", len(WAITS)),
    }
    assert (await operator.ask("GET", f"{TREE}/a1"))[0] == 404


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        pytest.param(VOICEMAIL, b"Messages-Waiting: maybe\r\n", {}, 400, id="grammar"),
        pytest.param(VOICEMAIL, WAITS, {"Content-Type": "text/plain"}, 415, id="media type"),
        pytest.param(VOICEMAIL, b"x" * 1001, {}, 413, id="too large"),
        pytest.param(f"{VOICEMAIL}?expires=1", WAITS, {}, 423, id="too brief"),
        pytest.param(f"{VOICEMAIL}?expires=soon", WAITS, {}, 400, id="no number"),
        pytest.param(f"{VOICEMAIL}?expires=0", WAITS, {}, 400, id="no time at all"),
        pytest.param(f"{TREE}/a.b", WAITS, {}, 400, id="a name with a dot"),
        pytest.param(TREE.replace("example.com", "else.org") + "/v", WAITS, {}, 404, id="else"),
        pytest.param(VOICEMAIL.replace("message-summary", "reg"), WAITS, {}, 404, id="package"),
        pytest.param(VOICEMAIL, WAITS, {"If-Match": '"x"'}, 412, id="nothing to match"),
    ],
)
async def test_what_is_refused_stores_nothing(
    operator: Operator, path: str, body: bytes, headers: dict[str, str], status: int
) -> None:
    """RFC 3903 §6: as a PUBLISH is."""
    answer = await operator.put(body, path, **headers)
    assert answer[0] == status
    assert answer[1]["error"]
    assert operator.told == []


async def test_preconditions_are_heeded(operator: Operator) -> None:
    """RFC 9110 §13.1."""
    _, _, tag = await operator.put(If_None_Match="*")
    assert (await operator.put(If_None_Match="*"))[0] == 412
    status, _, newer = await operator.put(If_Match=tag)
    assert status == 200
    assert (await operator.put(If_Match=tag))[0] == 412
    assert (await operator.ask("DELETE", VOICEMAIL, If_Match=tag))[0] == 412
    assert (await operator.ask("DELETE", VOICEMAIL, If_Match=newer))[0] == 204
    assert (await operator.ask("DELETE", VOICEMAIL))[0] == 404


async def test_another_package_of_the_same_user_is_apart(operator: Operator) -> None:
    await operator.put()
    presence = VOICEMAIL.replace("message-summary", "presence")
    assert (await operator.ask("GET", presence))[0] == 404

"""What is served beside the documents: the hook for it, on the same manners (XCP-20)."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

import pytest

from tests.xcap.kit import CONFIG, LOOPBACK, Served, serving
from xcap.config import XcapConfig
from xcap.errors import ConstraintFailure, Forbidden, NotFound, PreconditionFailed
from xcap.http.exchange import Call, Reply

ALICE: Final = "sip:alice@example.com"
ETAG: Final = "tag"
LONG: Final = b'{"x": "' + b"y" * 2000 + b'"}'


class Notes:
    """A view that shows what it was called with."""

    prefix = "/api/notes/"

    def __init__(self) -> None:
        self.calls: list[Call] = []

    def allowed(self, target: str) -> tuple[str, ...]:
        if target.endswith("/missing"):
            raise NotFound("no such note")
        return ("GET", "HEAD", "PUT", "DELETE", "OPTIONS")

    def xui(self, target: str) -> str:
        return target.split("/")[3]

    async def answer(self, call: Call) -> Reply:
        self.calls.append(call)
        match call.target.rpartition("/")[2]:
            case "forbidden":
                raise Forbidden("not yours")
            case "conflict":
                raise ConstraintFailure("too many notes")
            case "old":
                raise PreconditionFailed("new")
            case "made":
                return Reply(201, etag=ETAG, location="/api/notes/alice/1")
            case "long":
                return Reply(200, "application/json", LONG, ETAG)
            case "gone":
                return Reply(204)
        return Reply(200, "application/json", b"{}", ETAG)


@asynccontextmanager
async def noted(config: XcapConfig) -> AsyncIterator[tuple[Served, Notes]]:
    notes = Notes()
    async with serving(config, views=lambda service: (notes,)) as served:
        yield served, notes


OPEN: Final = replace(CONFIG, trusted_peers=LOOPBACK, max_body=3000)


async def test_a_view_is_called_with_who_asks_and_what_for() -> None:
    async with noted(OPEN) as (served, notes):
        client = served.asserting(ALICE)
        client.root = client.root.removesuffix("/xcap-root")
        headers = {"Content-Type": "application/json", "If-Match": '"a", "b"'}
        answer = await client.ask("PUT", "api/notes/alice/made?x=1%20/made", b"{}", headers)
        assert (answer.status, answer.etag) == (201, '"tag"')
        assert answer.headers["Location"] == "/api/notes/alice/1"
        [call] = notes.calls
        assert (call.method, call.target) == ("PUT", "/api/notes/alice/made?x=1%20/made")
        assert call.identity.aor == ALICE
        assert call.conditions.if_match == ("a", "b")
        assert (call.content_type, call.body, call.source) == (
            "application/json",
            b"{}",
            "127.0.0.1",
        )


async def test_a_view_has_the_manners_of_documents() -> None:
    """HEAD, OPTIONS, 304, gzip, 401, 404, 405, 413."""
    async with noted(OPEN) as (served, notes):
        client = served.asserting(ALICE)
        client.root = client.root.removesuffix("/xcap-root")
        head = await client.ask("HEAD", "api/notes/alice/long")
        assert (head.status, head.etag, head.body) == (200, '"tag+gzip"', b"")
        assert notes.calls[-1].method == "GET"
        unchanged = await client.get("api/notes/alice/1", if_none_match='"tag"')
        assert (unchanged.status, unchanged.body) == (304, b"")
        assert (await client.get("api/notes/alice/long")).body == LONG
        assert (await client.ask("DELETE", "api/notes/alice/gone")).status == 204
        options = await client.ask("OPTIONS", "api/notes/alice/1")
        assert options.headers["Allow"] == "GET, HEAD, PUT, DELETE, OPTIONS"
        assert (await client.ask("POST", "api/notes/alice/1")).status == 405
        assert (await client.ask("PUT", "api/notes/alice/1", b"x" * 3001)).status == 413
        assert (await client.get("api/notes/alice/missing")).status == 404
        assert (await client.get("api/other")).status == 404


async def test_an_absolute_target_is_its_path_for_views_too() -> None:
    """RFC 9112 §3.2.2; the digest is about what was on the wire."""
    async with noted(OPEN) as (served, notes):
        for origin in ("http://x", "HTTPS://elsewhere.example:8443"):
            got = await served.raw(
                f"GET {origin}/api/notes/alice/1?a=b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                f"X-3GPP-Asserted-Identity: {ALICE}\r\n\r\n".encode()
            )
            assert got.startswith(b"HTTP/1.1 200 ")
            assert notes.calls[-1].target == "/api/notes/alice/1?a=b"


@pytest.mark.parametrize(
    ("name", "status", "said"),
    [
        ("forbidden", 403, {"error": "not yours"}),
        ("conflict", 409, {"error": "too many notes", "conflict": "constraint-failure"}),
        ("missing", 404, {"error": "no such note"}),
    ],
)
async def test_refusals_are_json(name: str, status: int, said: dict[str, str]) -> None:
    async with noted(OPEN) as (served, _):
        client = served.asserting(ALICE)
        client.root = client.root.removesuffix("/xcap-root")
        answer = await client.get(f"api/notes/alice/{name}")
        assert answer.status == status
        assert answer.headers["Content-Type"] == "application/json"
        assert json.loads(answer.body) == said


async def test_nobody_without_credentials_gets_at_a_view() -> None:
    """The realm is that of the owner."""
    async with noted(replace(CONFIG, domains=("example.com", "example.org"))) as (served, notes):
        client = served.client(None)
        client.root = client.root.removesuffix("/xcap-root")
        answer = await client.get("api/notes/bob@example.org/1")
        assert answer.status == 401
        assert 'realm="example.org"' in answer.challenges[0]
        assert notes.calls == []
        assert ("/api/notes/", "GET", 401) in served.server.stats.requests

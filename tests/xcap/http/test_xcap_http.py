"""XCAP on the wire: bodies, types, bounds, and what is meant to harm (RFC 9110, XCP-17)."""

import asyncio
import zlib
from dataclasses import replace

import pytest

from store.errors import StoreFull
from store.operations import WriteDocument
from store.outcomes import DocumentOutcome
from store.values import Document, DocumentKey
from tests.rawxcap import RESOURCE_LISTS, resource_list
from tests.xcap.kit import CONFIG, LISTS, LOOPBACK, DocumentsInMemory, Served, serving

OPEN = replace(CONFIG, trusted_peers=LOOPBACK)
SMALL = replace(OPEN, max_body=1000)
ALICE = "sip:alice@example.com"
HEAD = (
    "PUT /xcap-root/resource-lists/users/sip:alice@example.com/index HTTP/1.1\r\nHost: x\r\n"
    "X-3GPP-Asserted-Identity: sip:alice@example.com\r\n"
    "Content-Type: application/resource-lists+xml\r\n"
)


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        (RESOURCE_LISTS, 201),
        ("Application/Resource-Lists+XML", 201),
        (f"{RESOURCE_LISTS}; charset=utf-8", 201),
        (f'{RESOURCE_LISTS};charset="UTF-8"', 201),
        (f"{RESOURCE_LISTS};charset=iso-8859-1", 409),
        ("application/xml", 415),
        ("application/xcap-el+xml", 415),
        ("application/x-www-form-urlencoded", 415),
        ("", 415),
    ],
)
async def test_the_type_of_a_body_is_that_of_the_usage(content_type: str, status: int) -> None:
    """RFC 4825 §8.2.2; a charset other than UTF-8 is not-utf-8."""
    async with serving(OPEN) as served:
        answer = await served.asserting(ALICE).put(LISTS, resource_list("a"), content_type)
        assert answer.status == status
        assert status != 409 or b"<not-utf-8" in answer.body


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", ""])
async def test_compatibility_forgives_the_type_and_bare_tags(content_type: str) -> None:
    """What widespread clients get wrong, only where the settings say so."""
    async with serving(replace(OPEN, compatibility=True)) as served:
        client = served.asserting(ALICE)
        created = await client.put(LISTS, resource_list("a"), content_type)
        assert created.status == 201
        etag = created.etag
        for form in ("{}", '""{}""', '"{}"'):
            tag = form.format(etag.strip('"'))
            answer = await client.put(LISTS, resource_list("a"), content_type, if_match=tag)
            assert answer.status == 200
            etag = answer.etag
        assert (await client.put(LISTS, b"", "application/pidf+xml")).status == 415


@pytest.mark.parametrize(
    ("body", "element"),
    [
        (b"", b"<not-well-formed"),
        (b"<resource-lists", b"<not-well-formed"),
        (resource_list("a") + b"\x00", b"<not-well-formed"),
        (b"\xff\xfe<\x00a\x00/\x00>\x00", b"<not-utf-8"),
        (b"<a>\xe4</a>", b"<not-utf-8"),
        (b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", b"<constraint-failure"),
        (b"<a>" * 3000 + b"</a>" * 3000, b"<constraint-failure"),
        (b"<a/>", b"<schema-validation-error"),
    ],
)
async def test_what_is_no_document_is_409_with_a_report(body: bytes, element: bytes) -> None:
    """RFC 4825 §8.2.2 and §11; nothing is stored."""
    store = DocumentsInMemory()
    async with serving(OPEN, store) as served:
        answer = await served.asserting(ALICE).put(LISTS, body)
        assert answer.status == 409
        assert answer.headers["Content-Type"] == "application/xcap-error+xml"
        assert element in answer.body
        assert store.rows == {}


async def test_a_body_that_says_it_is_too_large_is_not_read() -> None:
    """RFC 9110 §15.5.14: 413 at the head, before anything came."""
    async with serving(SMALL) as served:
        got = await served.raw(f"{HEAD}Content-Length: 999999999\r\n\r\n".encode())
        assert got.startswith(b"HTTP/1.1 413 ")
        assert got.endswith(b"the body is larger than 1000 octets\n")


async def test_a_body_that_grows_too_large_is_cut_off() -> None:
    async with serving(SMALL) as served:
        chunk = b"190\r\n" + b" " * 400 + b"\r\n"
        got = await served.raw(f"{HEAD}Transfer-Encoding: chunked\r\n\r\n".encode() + chunk * 20)
        assert got.startswith(b"HTTP/1.1 413 ")


async def test_a_body_of_just_the_bound_is_read() -> None:
    body = resource_list("a").ljust(SMALL.max_body)
    async with serving(SMALL) as served:
        assert (await served.asserting(ALICE).put(LISTS, body)).status == 201
        assert (await served.asserting(ALICE).put(LISTS, body + b" ")).status == 413


async def test_a_body_in_pieces_is_put_together() -> None:
    body = resource_list("a", 50)
    async with serving(OPEN) as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(f"{HEAD}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode())
        for piece in (body[:1], body[1:700], body[700:]):
            writer.write(piece)
            await writer.drain()
            await served.asserting(ALICE).get(LISTS)
        assert (await reader.read()).startswith(b"HTTP/1.1 201 ")
        writer.close()
        assert (await served.asserting(ALICE).get(LISTS)).body == body


async def test_a_client_that_waits_is_told_to_continue() -> None:
    """RFC 9110 §10.1.1; and is not, when its request would fail anyway."""
    async with serving(SMALL) as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        body = resource_list("a")
        writer.write(f"{HEAD}Content-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n".encode())
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(body)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 201 Created\r\n")
        writer.close()
        late = f"{HEAD}Content-Length: 5000\r\nExpect: 100-continue\r\n\r\n"
        assert (await served.raw(late.encode())).startswith(b"HTTP/1.1 413 ")
        old = HEAD.replace("HTTP/1.1", "HTTP/1.0") + f"Content-Length: {len(body)}\r\n"
        got = await served.raw(f"{old}Expect: 100-continue\r\n\r\n".encode() + body)
        assert got.startswith(b"HTTP/1.0 200 "), "HTTP/1.0 knows no such answer"


async def test_compressed_bodies_are_not_read() -> None:
    """RFC 9110 §15.5.16: no bomb can grow here."""
    async with serving(OPEN) as served:
        bomb = zlib.compress(b" " * 1_000_000)
        headers = {"Content-Type": RESOURCE_LISTS, "Content-Encoding": "deflate"}
        answer = await served.asserting(ALICE).ask("PUT", LISTS, bomb, headers)
        assert (answer.status, answer.headers["Accept-Encoding"]) == (415, "identity")


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/xcap-root/resource-lists/users/alice/../../../etc/passwd", b"400"),
        ("/xcap-root/resource-lists/users/alice/..%2f..%2fx", b"400"),
        ("/xcap-root/resource-lists/users/alice/%00", b"400"),
        ("/xcap-root/resource-lists/users/alice/%c0%af", b"400"),
        ("/xcap-root/resource-lists/users/alice/" + "x" * 5000, b"414"),
        ("/xcap-root/resource-lists/users/alice/" + "x" * 50000, b"414"),
        ("http://x/xcap-root/resource-lists/users/alice/index", b"404"),
        ("/", b"404"),
        ("*", b"400"),
        ("x", b"400"),
    ],
)
async def test_hostile_targets(target: str, status: bytes) -> None:
    async with serving(OPEN) as served:
        head = f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        got = await served.raw(f"{head}X-3GPP-Asserted-Identity: {ALICE}\r\n\r\n".encode())
        assert got.split(b" ")[1] == status


@pytest.mark.parametrize(
    "data",
    [
        b"\r\n\r\n\r\n",
        b"\x00" * 100,
        b"GET\r\n\r\n",
        b"PUT / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nx",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
    ],
)
async def test_what_is_no_http_leaves_the_server_answering(served: Served, data: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(data)
    writer.write_eof()
    await asyncio.wait_for(reader.read(), timeout=10)
    writer.close()
    assert (await served.client().get("xcap-caps/global/index")).status == 200


@pytest.mark.parametrize("line", ['If-Match: "', "If-None-Match: \xff", 'If-Match: "a" "b"'])
async def test_bad_conditions_are_400(line: str) -> None:
    async with serving(OPEN) as served:
        head = "GET /xcap-root/xcap-caps/global/index HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        got = await served.raw(
            f"{head}{line}\r\nX-3GPP-Asserted-Identity: {ALICE}\r\n\r\n".encode("latin-1")
        )
        assert got.startswith(b"HTTP/1.1 400 ")


class StoreThatFails(DocumentsInMemory):
    """Answers nothing but errors."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    async def document(self, key: DocumentKey) -> Document | None:
        raise self.error

    async def write_document(self, op: WriteDocument) -> DocumentOutcome:
        raise self.error


async def test_a_full_store_is_503_with_retry_after() -> None:
    """Decision 2 of the design: at once, and nothing was written."""
    async with serving(OPEN, StoreThatFails(StoreFull("full"))) as served:
        client = served.asserting(ALICE)
        for answer in (await client.get(LISTS), await client.put(LISTS, resource_list("a"))):
            assert (answer.status, answer.headers["Retry-After"]) == (503, "1")


async def test_a_fault_of_ours_is_500_and_harms_nothing_else() -> None:
    async with serving(OPEN, StoreThatFails(RuntimeError("bug"))) as served:
        client = served.asserting(ALICE)
        answer = await client.get(LISTS)
        assert (answer.status, answer.body) == (500, b"the server failed\n")
        assert (await client.get("xcap-caps/global/index")).status == 200

"""Requests on the wire: lines, framing, versions, pipelining (RFC 9112, RFC 9110 §15.5)."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Final

import pytest

from tests.rawxcap import resource_list
from tests.xcap.kit import CONFIG, LISTS, LOOPBACK, Served, serving

OPEN: Final = replace(CONFIG, trusted_peers=LOOPBACK, max_body=2000)
TARGET: Final = f"/xcap-root/{LISTS}"
ASSERTED: Final = "X-3GPP-Asserted-Identity: sip:alice@example.com\r\n"
TYPE: Final = "Content-Type: application/resource-lists+xml\r\n"
GET: Final = f"GET {TARGET} HTTP/1.1\r\nHost: x\r\n{ASSERTED}"
PUT: Final = f"PUT {TARGET} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{ASSERTED}{TYPE}"
CLOSE: Final = "Connection: close\r\n\r\n"
BODY: Final = resource_list("a").decode()
CHUNKED: Final = f"{len(BODY):x}\r\n{BODY}\r\n0\r\n\r\n"
LIMIT: Final = 10.0
"""Seconds after which a test that waits has failed."""


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with serving(OPEN) as served:
        yield served


async def answers(served: Served, request: str) -> bytes:
    """What comes back, and proof that the server lives on."""
    got = await served.raw(request.encode("latin-1"))
    after = await served.asserting("sip:alice@example.com").get("xcap-caps/global/index")
    assert after.status == 200
    return got


@pytest.mark.parametrize(
    ("request_", "status", "says"),
    [
        pytest.param(f"GET /{'x' * 5000} HTTP/1.1\r\nHost: x\r\n{CLOSE}", 414, "target",
                     id="a long target"),
        pytest.param(f"GET /{'x' * 9000} HTTP/1.1\r\nHost: x\r\n{CLOSE}", 414, "target",
                     id="a target that is not even read"),
        pytest.param(f"{GET}X: {'y' * 9000}\r\n{CLOSE}", 431, "field", id="a long field"),
        pytest.param(f"{GET}{'y' * 9000}: x\r\n{CLOSE}", 431, "field", id="a long field name"),
        pytest.param(GET + "X: y\r\n" * 500 + CLOSE, 431, "too many", id="many fields"),
        pytest.param(f"GET {TARGET} HTTP/1.1\r\n{CLOSE}", 400, "Host", id="no Host"),
        pytest.param(f"{GET}Host: y\r\n{CLOSE}", 400, "Host", id="two Hosts"),
        pytest.param(f"GET {TARGET} HTTP/2.0\r\nHost: x\r\n{CLOSE}", 505, "HTTP/1.1",
                     id="another version"),
        pytest.param(f"GET {TARGET}\x01 HTTP/1.1\r\nHost: x\r\n{CLOSE}", 400, "url",
                     id="a control character"),
        pytest.param(f"GET {TARGET} x HTTP/1.1\r\nHost: x\r\n{CLOSE}", 400, "HTTP",
                     id="a space in the target"),
        pytest.param(f"{GET}X: a\x00b\r\n{CLOSE}", 400, "header", id="a NUL in a field"),
        pytest.param(f"{GET}X: a\r\n b\r\n{CLOSE}", 400, "", id="a folded field"),
        pytest.param(f"{GET}X : a\r\n{CLOSE}", 400, "header", id="a space before the colon"),
        pytest.param("\x16\x03\x01\x02\x00\x01\x00\x01", 400, "HTTPS", id="TLS"),
        pytest.param("nonsense\r\n\r\n", 400, "HTTP", id="no HTTP"),
        pytest.param(f"PROPFIND {TARGET} HTTP/1.1\r\nHost: x\r\n{CLOSE}", 405, "PROPFIND",
                     id="a method of others"),
    ],
)  # fmt: skip
async def test_what_is_no_request_is_told_why(
    served: Served, request_: str, status: int, says: str
) -> None:
    """RFC 9112 §3: in words of ours, without repeating what was sent."""
    got = await answers(served, request_)
    head, _, body = got.partition(b"\r\n\r\n")
    assert int(head.split(b" ")[1]) == status
    assert b"text/plain" in head
    assert says.encode() in body
    assert len(body) < 200


@pytest.mark.parametrize(
    ("fields", "body", "status"),
    [
        pytest.param(f"Content-Length: {len(BODY)}\r\n", BODY, 201, id="a length"),
        pytest.param("Transfer-Encoding: chunked\r\n", CHUNKED, 201, id="chunks"),
        pytest.param("Transfer-Encoding: Chunked\r\n", CHUNKED, 201, id="in other case"),
        pytest.param("Transfer-Encoding: chunked\r\n", CHUNKED.replace("\r\n", ";x=y\r\n", 1), 201,
                     id="a chunk extension"),
        pytest.param(f"Content-Length: {len(BODY)}\r\nTransfer-Encoding: chunked\r\n", CHUNKED,
                     400, id="both, which smuggle"),
        pytest.param(f"Transfer-Encoding: chunked\r\nContent-Length: {len(BODY)}\r\n", CHUNKED,
                     400, id="both, the other way round"),
        pytest.param("Content-Length: 3\r\nContent-Length: 4\r\n", "abcd", 400, id="two lengths"),
        pytest.param("Content-Length: 3, 4\r\n", "abcd", 400, id="a list of lengths"),
        pytest.param("Content-Length: +3\r\n", "abc", 400, id="a signed length"),
        pytest.param("Content-Length: 0x3\r\n", "abc", 400, id="a hexadecimal length"),
        pytest.param("Content-Length: \r\n", "", 400, id="an empty length"),
        pytest.param("Transfer-Encoding: gzip, chunked\r\n", CHUNKED, 501, id="another coding"),
        pytest.param("Transfer-Encoding: gzip\r\n", "abc", 400, id="no end"),
        pytest.param("Transfer-Encoding: chunked, chunked\r\n", CHUNKED, 400, id="chunked twice"),
        pytest.param("Transfer-Encoding: xchunked\r\n", CHUNKED, 400, id="a coding of nobody's"),
        pytest.param("Transfer-Encoding: chunked\r\n", "zz\r\nab\r\n0\r\n\r\n", 400,
                     id="a size that is none"),
        pytest.param("Transfer-Encoding: chunked\r\n", "-1\r\nab\r\n0\r\n\r\n", 400,
                     id="a negative size"),
        pytest.param("Transfer-Encoding: chunked\r\n", "FFFFFFFFFFFFFFFFFF\r\nab", 400,
                     id="a size beyond all"),
        pytest.param("Transfer-Encoding: chunked\r\n", "2\r\nabcd\r\n0\r\n\r\n", 400,
                     id="a chunk that is longer than it says"),
        pytest.param("Content-Length: 5\r\nContent-Encoding: gzip\r\n", "abcde", 415,
                     id="a compressed body"),
        pytest.param("Content-Length: 5\r\nContent-Range: bytes 0-4/9\r\n", "abcde", 400,
                     id="a part of a body"),
        pytest.param("Content-Length: 99999999999999999999\r\n", "", 400, id="a length too long"),
        pytest.param("Content-Length: 52428800\r\n", "", 413, id="50 MB"),
    ],
)  # fmt: skip
async def test_the_framing_of_a_body(served: Served, fields: str, body: str, status: int) -> None:
    """RFC 9112 §6.1, §6.3: what could be read in two ways is not read at all."""
    got = await answers(served, f"{PUT}{fields}\r\n{body}")
    assert int(got.split(b" ")[1]) == status
    assert got.count(b"HTTP/1.") == 1, "what follows was taken for another request"


async def test_a_body_that_turns_bad_in_its_midst_is_400(served: Served) -> None:
    """RFC 9112 §7.1: also when its head was understood long before."""
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    kept = PUT.replace("Connection: close\r\n", "")
    writer.write(f"{kept}Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n".encode())
    await writer.drain()
    await served.asserting("sip:alice@example.com").get(LISTS)
    writer.write(f"zz\r\n{GET}{CLOSE}".encode())
    got = await asyncio.wait_for(reader.read(), LIMIT)
    assert got.startswith(b"HTTP/1.1 400 ")
    assert got.count(b"HTTP/1.") == 1, "what follows was taken for another request"
    writer.close()


async def test_a_client_that_leaves_within_its_body_harms_nobody(served: Served) -> None:
    for number in range(20):
        _, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(f"{PUT}Content-Length: 1000\r\n\r\n{'x' * number}".encode())
        await writer.drain()
        writer.close()
    assert (await answers(served, f"{GET}{CLOSE}")).startswith(b"HTTP/1.1 404 ")
    assert 500 not in {status for _, _, status in served.server.stats.requests}


async def test_http_1_0_needs_no_host_and_closes(served: Served) -> None:
    """RFC 9112 §9.3."""
    got = await answers(served, f"GET {TARGET} HTTP/1.0\r\n{ASSERTED}\r\n")
    assert got.split(b" ")[1] == b"404"
    got = await answers(
        served,
        f"PUT {TARGET} HTTP/1.0\r\n{ASSERTED}{TYPE}Transfer-Encoding: chunked\r\n\r\n{CHUNKED}",
    )
    assert got.split(b" ")[1] == b"400"


async def test_an_absolute_target_is_its_path(served: Served) -> None:
    """RFC 9112 §3.2.2."""
    await served.asserting("sip:alice@example.com").put(LISTS, resource_list("a"))
    for origin in ("http://x", "https://elsewhere.example:8443", "HTTP://X"):
        request = GET.replace(TARGET, origin + TARGET) + CLOSE
        assert (await answers(served, request)).startswith(b"HTTP/1.1 200 ")


async def test_pipelined_requests_are_answered_in_order(served: Served) -> None:
    """RFC 9112 §9.3.2."""
    await served.asserting("sip:alice@example.com").put(LISTS, resource_list("a"))
    other = GET.replace("/index", "/other")
    flood = (f"{GET}\r\n{other}\r\n" * 100 + f"{GET}{CLOSE}").encode()
    got = await served.raw(flood)
    codes = [part[:3] for part in got.split(b"HTTP/1.1 ")[1:]]
    assert codes == [b"200", b"404"] * 100 + [b"200"]


async def test_a_request_after_a_refused_body_is_answered(served: Served) -> None:
    """RFC 9112 §9.3: a connection goes on when the refused body was read to its end."""
    get = f"{GET}{CLOSE}"
    unauthorized = PUT.replace(ASSERTED, "").replace("Connection: close\r\n", "")
    got = await served.raw(f"{unauthorized}Content-Length: 500\r\n\r\n{'x' * 500}{get}".encode())
    codes = [part[:3] for part in got.split(b"HTTP/1.1 ")[1:]]
    assert codes == [b"401", b"404"]


async def test_a_head_is_a_get_without_its_body(served: Served) -> None:
    """RFC 9110 §9.3.2: the same fields, for documents, nodes, errors and 304."""
    client = served.asserting("sip:alice@example.com")
    etag = (await client.put(LISTS, resource_list("a", 30))).etag
    node = f"{TARGET}/~~/resource-lists/list/@name"
    for target, line in (
        (TARGET, ""),
        (TARGET, "Accept-Encoding: gzip\r\n"),
        (TARGET, f"If-None-Match: {etag}\r\n"),
        (node, ""),
        (TARGET + "x", ""),
        ("/elsewhere", ""),
    ):
        request = GET.replace(TARGET, target) + line + CLOSE
        whole = await served.raw(request.encode())
        head = await served.raw(request.replace("GET", "HEAD", 1).encode())
        same, _, body = whole.partition(b"\r\n\r\n")
        assert head == same + b"\r\n\r\n"
        assert len(body) > 0 or b" 304 " in same


@pytest.mark.parametrize(
    ("target", "allow"),
    [
        (TARGET, "GET, HEAD, PUT, DELETE, OPTIONS"),
        (f"{TARGET}/~~/resource-lists", "GET, HEAD, PUT, DELETE, OPTIONS"),
        (f"{TARGET}/~~/resource-lists/namespace::*", "GET, HEAD, OPTIONS"),
        ("/xcap-root/xcap-caps/global/index", "GET, HEAD, OPTIONS"),
        ("*", "GET, HEAD, PUT, DELETE, OPTIONS, POST"),
    ],
)
async def test_options_and_405_name_the_same_methods(
    served: Served, target: str, allow: str
) -> None:
    """RFC 9110 §9.3.7, §15.5.6, RFC 4825 §8.1; nobody has to say who asks."""
    line = f"Allow: {allow}\r\n".encode()
    got = await served.raw(f"OPTIONS {target} HTTP/1.1\r\nHost: x\r\n{CLOSE}".encode())
    assert got.startswith(b"HTTP/1.1 204 ")
    assert line in got
    for method in ("POST", "PATCH", "TRACE"):
        if target != "*":
            got = await served.raw(f"{method} {target} HTTP/1.1\r\nHost: x\r\n{CLOSE}".encode())
            assert got.startswith(b"HTTP/1.1 405 ")
            assert line in got

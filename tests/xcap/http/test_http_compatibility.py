"""What widespread XCAP clients get wrong on the wire: refused, or forgiven by setting (interop)."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Final
from urllib.parse import quote

import pytest

from sip.auth_header import Credentials
from tests.rawdigest import Login
from tests.rawxcap import RESOURCE_LISTS, resource_list
from tests.xcap.kit import CONFIG, LISTS, LOOPBACK, Served, serving
from xcap.errors import BadRequest
from xcap.http.request_target import check_forgiven, check_target, mended

OPEN: Final = replace(CONFIG, trusted_peers=LOOPBACK)
FORGIVING: Final = replace(OPEN, compatibility=True)
ALICE: Final = "sip:alice@example.com"
NODE: Final = f"/xcap-root/{LISTS}/~~/resource-lists/list"
RAW: Final = f'{NODE}[@name="a"]/entry[@uri="sip:friend0@example.com"]'
RAW_ENTRY: Final = f'{NODE}[@name="a"]/entry[@uri="sip:new@example.com"]'
ENTRY: Final = b'<entry uri="sip:new@example.com"/>'


@pytest.fixture
async def strict() -> AsyncIterator[Served]:
    async with serving(OPEN) as served:
        await served.asserting(ALICE).put(LISTS, resource_list("a"))
        yield served


@pytest.fixture
async def forgiving() -> AsyncIterator[Served]:
    async with serving(FORGIVING) as served:
        await served.asserting(ALICE).put(LISTS, resource_list("a"))
        yield served


async def ask(served: Served, method: str, target: str, *lines: str, body: bytes = b"") -> bytes:
    """The whole response to these very octets."""
    fields = [f"{method} {target} HTTP/1.1", "Host: x", "Connection: close", *lines]
    if body:
        fields.append(f"Content-Length: {len(body)}")
    return await served.raw("\r\n".join([*fields, "", ""]).encode() + body)


def status(response: bytes) -> int:
    return int(response.split(b" ", 2)[1])


ASSERTED: Final = f"X-3GPP-Asserted-Identity: {ALICE}"


@pytest.mark.parametrize("character", '"<>[]\\^`{|}#')
async def test_raw_characters_in_the_request_line(
    strict: Served, forgiving: Served, character: str
) -> None:
    """RFC 9112 §3.2, RFC 3986 §3.3: 400 that says how to write it; a fragment never passes."""
    target = f"/xcap-root/{LISTS}{character}"
    refused = await ask(strict, "GET", target, ASSERTED)
    assert status(refused) == 400
    assert f"must be written as %{ord(character):02X}".encode() in refused
    forgiven = await ask(forgiving, "GET", target, ASSERTED)
    assert status(forgiven) == (400 if character in "#\\" else 404)


async def test_a_raw_node_selector_is_that_node(strict: Served, forgiving: Served) -> None:
    """RFC 4825 §6.3: GET, PUT and DELETE as with percent-encoding."""
    assert status(await ask(strict, "GET", RAW, ASSERTED)) == 400
    assert status(await ask(strict, "GET", quote(RAW, safe="/~@:="), ASSERTED)) == 200
    found = await ask(forgiving, "GET", RAW, ASSERTED)
    assert status(found) == 200
    assert found.endswith(b'<entry uri="sip:friend0@example.com"/>')
    element = "Content-Type: application/xcap-el+xml"
    assert status(await ask(forgiving, "PUT", RAW_ENTRY, ASSERTED, element, body=ENTRY)) == 201
    assert status(await ask(forgiving, "DELETE", RAW_ENTRY, ASSERTED)) == 200


@pytest.mark.parametrize("signed", [RAW, quote(RAW, safe="/~@:="), f"http://x{RAW}"])
async def test_raw_quotes_in_the_signed_uri(signed: str) -> None:
    """RFC 7616 §3.4: the digest is over what the client wrote, quotes and all."""
    for config, expected in ((replace(CONFIG, compatibility=True), 200), (CONFIG, 400)):
        async with serving(config) as served:
            client = served.client()
            await client.put(LISTS, resource_list("a"))
            assert client.login is not None
            header = f"Authorization: {client.login.authorization('GET', signed)}"
            assert status(await ask(served, "GET", RAW, header)) == expected


async def test_an_encoded_target_with_a_raw_signed_uri_is_401_where_nothing_is_forgiven() -> None:
    async with serving(CONFIG) as served:
        client = served.client()
        await client.put(LISTS, resource_list("a"))
        assert client.login is not None
        header = f"Authorization: {client.login.authorization('GET', RAW)}"
        assert status(await ask(served, "GET", quote(RAW, safe="/~@:="), header)) == 401


async def test_raw_quotes_let_nobody_in(forgiving: Served) -> None:
    """The digest must still be about this very target, by this very user."""
    wrong = Login("alice", "guess")
    wrong.learn((await forgiving.client(None).get(LISTS)).challenges)
    header = f"Authorization: {wrong.authorization('GET', RAW)}"
    assert status(await ask(forgiving, "GET", RAW, header)) == 401
    right = Login("alice", "wonderland")
    right.learn((await forgiving.client(None).get(LISTS)).challenges)
    header = f"Authorization: {right.authorization('GET', RAW_ENTRY)}"
    assert status(await ask(forgiving, "GET", RAW, header)) == 401


@pytest.mark.parametrize(
    "content_type", ["", "application/x-www-form-urlencoded", "text/xml", "application/xml"]
)
async def test_the_type_of_a_node(strict: Served, forgiving: Served, content_type: str) -> None:
    """RFC 4825 §8.2.2."""
    target = quote(RAW_ENTRY, safe="/~@:=")
    lines = [ASSERTED] + ([f"Content-Type: {content_type}"] if content_type else [])
    assert status(await ask(strict, "PUT", target, *lines, body=ENTRY)) == 415
    assert status(await ask(forgiving, "PUT", target, *lines, body=ENTRY)) == 201


async def test_the_type_of_another_kind_of_resource_is_never_forgiven(forgiving: Served) -> None:
    target = quote(RAW_ENTRY, safe="/~@:=")
    for wrong in (RESOURCE_LISTS, "application/xcap-att+xml", "image/png"):
        line = f"Content-Type: {wrong}"
        assert status(await ask(forgiving, "PUT", target, ASSERTED, line, body=ENTRY)) == 415


@pytest.mark.parametrize("form", ["{}", '""{}""', 'W/""{}""'])
@pytest.mark.parametrize("name", ["If-Match", "If-None-Match"])
async def test_entity_tags_without_quotes_or_with_too_many(
    strict: Served, forgiving: Served, name: str, form: str
) -> None:
    """RFC 9110 §8.8.3."""
    for served in (strict, forgiving):
        etag = (await served.asserting(ALICE).get(LISTS)).etag.strip('"')
        line = f"{name}: {form.format(etag)}"
        answer = status(await ask(served, "GET", f"/xcap-root/{LISTS}", ASSERTED, line))
        weak = form.startswith("W")
        forgiven = 304 if name == "If-None-Match" else 412 if weak else 200
        assert answer == (400 if served is strict else forgiven)


@pytest.mark.parametrize(
    ("signed", "read"),
    [
        ("/a", "/a"),
        ('/a[@u="b"]', '/a[@u="b"]'),
        ('/a[@u="b"]/c[@v="d, e=f"]', '/a[@u="b"]/c[@v="d, e=f"]'),
        ('/a[@u=""]', '/a[@u=""]'),
        (r"/a[@u=\"b\"]", '/a[@u="b"]'),
    ],
)
@pytest.mark.parametrize(
    "form",
    [
        'Digest username="u", realm="r", nonce="n", uri="{}", response="00", algorithm=MD5',
        'Digest username="u",realm="r",nonce="n",response="00",uri="{}"',
        'Digest uri="{}" , response="00", username="u", realm="r", nonce="n", qop=auth, '
        'nc=00000001, cnonce="c"',
    ],
)
def test_the_signed_uri_is_read_with_its_quotes(form: str, signed: str, read: str) -> None:
    credentials = Credentials.parse(mended(form.format(signed)))
    assert (credentials.uri, credentials.username, credentials.response) == (read, "u", "00")


@pytest.mark.parametrize(
    "value", ["", "Basic YTpi", 'Digest uri="', 'Digest uri="a[@b="', "Digest uri=a", '"' * 4000]
)
def test_what_cannot_be_mended_stays(value: str) -> None:
    assert mended(value) == value


def test_mending_takes_no_longer_than_reading() -> None:
    """No form makes it look at each octet again and again: 8,000 octets are done at once."""
    for piece in (',uri="', '" ,', '"\t', "uri=", '", x='):
        text = "Digest " + piece * (8000 // len(piece))
        assert len(mended(text)) >= len(text)


@pytest.mark.parametrize("target", ["/a?xmlns(p=u)", "/a/~~/b%5B1%5D", "http://x/a", "*"])
def test_targets_that_need_no_forgiveness(target: str) -> None:
    check_target(target)
    check_forgiven(target)


def test_a_fragment_is_not_forgiven() -> None:
    with pytest.raises(BadRequest):
        check_forgiven("/a#b")

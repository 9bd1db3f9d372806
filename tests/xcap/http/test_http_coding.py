"""Compressed answers, each with an entity-tag of its own (RFC 9110 §8.4, §8.8.3.3, §12.5.3)."""

import gzip
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Final

import aiohttp
import pytest

from tests.rawxcap import Answer, XcapClient, resource_list
from tests.xcap.kit import CONFIG, LISTS, LOOPBACK, Served, serving
from xcap.conditions import CODED
from xcap.http.coding import MIN_OCTETS, compress, takes_gzip

ALICE: Final = "sip:alice@example.com"
LARGE: Final = resource_list("a", 200)
SMALL: Final = resource_list("a", 1)


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with serving(replace(CONFIG, trusted_peers=LOOPBACK)) as served:
        yield served


@pytest.fixture
async def client(served: Served) -> AsyncIterator[XcapClient]:
    """One that shows what was on the wire."""
    async with aiohttp.ClientSession(
        auto_decompress=False, skip_auto_headers=("Accept-Encoding",)
    ) as session:
        yield XcapClient(session, served.root, asserted=ALICE)


async def get(client: XcapClient, coding: str | None, **conditions: str) -> Answer:
    headers = {name.replace("_", "-"): value for name, value in conditions.items()}
    if coding is not None:
        headers["Accept-Encoding"] = coding
    return await client.ask("GET", LISTS, headers=headers)


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("gzip", True),
        ("GZIP", True),
        ("x-gzip", True),
        ("gzip, deflate, br", True),
        ("deflate, gzip;q=0.1", True),
        ("*", True),
        ("br, *;q=0.5", True),
        ("gzip;q=0", False),
        ("gzip;q=0.000, *", False),
        ("*;q=0", False),
        ("*, gzip;q=0", False),
        ("identity", False),
        ("", False),
        ("br", False),
        ("gzip;q=x", False),
        ("gzip;;", False),
        (", ,gzip", True),
    ],
)
def test_who_wants_gzip(said: str, wanted: bool) -> None:
    """RFC 9110 §12.5.3; what cannot be read asks for nothing."""
    assert takes_gzip(said) is wanted


def test_the_same_body_is_the_same_when_compressed() -> None:
    """RFC 9110 §8.8.3: a strong entity-tag is for the same octets."""
    assert compress(LARGE) == compress(LARGE)
    assert gzip.decompress(compress(LARGE)) == LARGE


async def test_a_large_document_is_compressed_for_who_asks(client: XcapClient) -> None:
    await client.put(LISTS, LARGE)
    plain, packed = await get(client, None), await get(client, "gzip")
    assert plain.body == LARGE
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.body) == LARGE
    assert len(packed.body) < len(LARGE) // 4
    assert plain.headers["Vary"] == packed.headers["Vary"] == "Accept-Encoding"


async def test_a_small_document_is_sent_as_it_is(client: XcapClient) -> None:
    assert len(SMALL) < MIN_OCTETS
    await client.put(LISTS, SMALL)
    answer = await get(client, "gzip")
    assert answer.body == SMALL
    assert not {"Vary", "Content-Encoding"} & set(answer.headers)


async def test_each_coding_has_its_entity_tag(client: XcapClient) -> None:
    """RFC 9110 §8.8.3.3; what is said of one holds for the document."""
    etag = (await client.put(LISTS, LARGE)).etag
    packed = await get(client, "gzip")
    assert packed.etag == f'"{etag.strip(chr(34))}{CODED}"' != etag
    assert (await get(client, None)).etag == etag


async def test_a_304_has_the_entity_tag_that_the_client_showed(client: XcapClient) -> None:
    """RFC 9110 §15.4.5, RFC 9111 §4.3.4: what it has kept is found by that; of two, the one
    of what it would be sent."""
    etag = (await client.put(LISTS, LARGE)).etag
    packed = (await get(client, "gzip")).etag
    for coding, own in ((None, etag), ("gzip", packed)):
        for shown, expected in (
            (etag, etag),
            (f"W/{packed}", packed),
            (f"{etag}, {packed}", own),
            (f"{packed}, {etag}", own),
            ("*", own),
        ):
            unchanged = await get(client, coding, If_None_Match=shown)
            assert (unchanged.status, unchanged.etag, unchanged.body) == (304, expected, b"")
            assert unchanged.headers["Vary"] == "Accept-Encoding"


async def test_a_client_that_read_it_compressed_may_write_under_that_tag(
    client: XcapClient,
) -> None:
    """RFC 4825 §7.11."""
    await client.put(LISTS, LARGE)
    packed = (await get(client, "gzip")).etag
    replaced = await client.put(LISTS, SMALL, if_match=packed)
    assert replaced.status == 200
    assert CODED not in replaced.etag
    assert (await client.put(LISTS, SMALL, if_match=packed)).status == 412


async def test_nodes_and_heads_are_compressed_too(client: XcapClient) -> None:
    await client.put(LISTS, LARGE)
    node = f"{LISTS}/~~/resource-lists/list"
    for path in (LISTS, node):
        answer = await client.ask("GET", path, headers={"Accept-Encoding": "gzip"})
        head = await client.ask("HEAD", path, headers={"Accept-Encoding": "gzip"})
        assert answer.headers["Content-Encoding"] == head.headers["Content-Encoding"] == "gzip"
        assert int(head.headers["Content-Length"]) == len(answer.body)
        assert head.etag == answer.etag

"""XCAP over HTTP with digest, as a client of its own does it (RFC 4825 §8)."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.processes import Running
from tests.rawdigest import Choose, Login, first, last
from tests.rawusers import NewUser
from tests.rawxcap import XcapClient, resource_list


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def client(
    server: Running, new_user: NewUser, http: aiohttp.ClientSession
) -> tuple[XcapClient, str]:
    """A logged-in client, and the path of its resource-lists document."""
    user = await new_user()
    return XcapClient(http, server.http, user.login), own_document(user.aor)


def own_document(aor: str) -> str:
    return f"resource-lists/users/{aor}/index"


async def test_a_document_lives_from_put_to_delete(client: tuple[XcapClient, str]) -> None:
    """RFC 4825 §8.2.1, §8.3 and §8.4: 201, 200 with the bytes, 200 on replacing, 200, 404."""
    xcap, path = client
    assert (await xcap.get(path)).status == 404
    created = await xcap.put(path, resource_list("friends"))
    assert created.status == 201
    got = await xcap.get(path)
    assert (got.status, got.body) == (200, resource_list("friends"))
    assert got.etag == created.etag
    assert got.headers["Content-Type"].startswith("application/resource-lists+xml")
    replaced = await xcap.put(path, resource_list("family"))
    assert replaced.status == 200
    assert replaced.etag != created.etag
    assert (await xcap.delete(path)).status == 200
    assert (await xcap.get(path)).status == 404


async def test_conditions_are_held_against_the_entity_tag(client: tuple[XcapClient, str]) -> None:
    """RFC 4825 §7.11 and RFC 7232: 304 for what is known, 412 for what has moved on."""
    xcap, path = client
    old = (await xcap.put(path, resource_list("one"), if_none_match="*")).etag
    assert (await xcap.put(path, resource_list("two"), if_none_match="*")).status == 412
    new = (await xcap.put(path, resource_list("two"), if_match=old)).etag
    assert (await xcap.put(path, resource_list("three"), if_match=old)).status == 412
    assert (await xcap.delete(path, if_match=old)).status == 412
    assert (await xcap.get(path, if_none_match=new)).status == 304
    assert (await xcap.get(path)).body == resource_list("two")


@pytest.mark.parametrize("choose", [first, last])
async def test_either_digest_algorithm_opens_the_door(
    server: Running, new_user: NewUser, http: aiohttp.ClientSession, choose: Choose
) -> None:
    """RFC 7616 §3.7: MD5 comes first, SHA-256 last; a nonce serves more than one request."""
    user = await new_user("UDP", Login("", "", choose))
    xcap = XcapClient(http, server.http, user.login)
    for expected in (201, 200, 200):
        answer = await xcap.put(own_document(user.aor), resource_list("x"))
        assert answer.status == expected


async def test_the_tree_of_somebody_else_is_closed(
    server: Running, new_user: NewUser, http: aiohttp.ClientSession
) -> None:
    """RFC 4825 §5.7: a user writes and reads below its own home directory."""
    one, two = await new_user(), await new_user()
    stranger = XcapClient(http, server.http, two.login)
    assert (await stranger.put(own_document(one.aor), resource_list("x"))).status == 403
    assert (await stranger.get(own_document(one.aor))).status == 403


async def test_capabilities_name_what_is_served(client: tuple[XcapClient, str]) -> None:
    """RFC 4825 §12."""
    xcap, _ = client
    caps = await xcap.get("xcap-caps/global/index")
    assert caps.status == 200
    assert b"<auid>resource-lists</auid>" in caps.body
    assert b"<auid>xcap-caps</auid>" in caps.body


async def test_a_media_type_of_another_usage_is_415(client: tuple[XcapClient, str]) -> None:
    """RFC 4825 §8.2.2."""
    xcap, path = client
    assert (await xcap.put(path, resource_list("x"), "application/pidf+xml")).status == 415


async def test_a_document_outside_every_usage_is_404(client: tuple[XcapClient, str]) -> None:
    """RFC 4825 §8.2.1: the AUID is not known here."""
    xcap, path = client
    unknown = path.replace("resource-lists", "no-such-usage", 1)
    assert (await xcap.put(unknown, resource_list("x"))).status == 404

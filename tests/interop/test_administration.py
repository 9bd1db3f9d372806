"""XCP-19 with the real server: what an operator does over HTTP is heard by watchers at once."""

from pathlib import Path
from typing import Final

import aiohttp

from tests.processes import DOMAIN, TRUSTING, Deployment, sqlite_url
from tests.rawsip import SipClient
from tests.rawusers import User
from tests.rawxcap import XcapClient
from tests.xcap.diff.diffkit import RESOURCE_LISTS, Told, friends, uri_list

ALICE: Final = f"sip:alice@{DOMAIN}"
BOB: Final = f"sip:bob@{DOMAIN}"
LIST: Final = f"resource-lists/users/{ALICE}/index"
WITHIN: Final = 2.0
"""Seconds from the answer of the admin listener to its NOTIFY, at the most."""


async def test_undo_grant_and_purge_are_heard_at_once(tmp_path: Path) -> None:
    """RFC 5875 §4.7: whoever made the change."""
    deployment = Deployment(tmp_path, sqlite_url(tmp_path), TRUSTING)
    deployment.prepare()
    async with aiohttp.ClientSession() as http:
        with deployment.serving() as server:
            mine = XcapClient(http, server.http, asserted=ALICE)
            bobs = XcapClient(http, server.http, asserted=BOB)
            documents = f"{server.admin}/api/xcap/users/alice"
            await mine.put(LIST, friends("bob"))
            two = (await mine.put(LIST, friends("joe"))).etag.strip('"')
            async with await SipClient.open(server.sip, "TCP") as sip:
                watching = await User(sip, ALICE).subscribe(
                    ALICE,
                    event="xcap-diff;diff-processing=no-patching",
                    body=uri_list(LIST),
                    body_type=RESOURCE_LISTS,
                )
                await watching.notified(1, WITHIN)
                undo = f"{documents}/resource-lists/index/versions/1/undo"
                async with http.post(undo) as answer:
                    assert answer.status == 200
                    three = (await answer.json())["etag"]
                told = Told.read((await watching.notified(2, WITHIN)).body)
                assert told.changes == [(LIST, two, three)]
                assert (await mine.get(LIST)).body == friends("bob")
                assert (await bobs.get(LIST)).status == 403
                grant = {"auid": "resource-lists", "grantee": "bob", "write": False}
                grants = f"{server.admin}/api/xcap/grants/users/alice"
                async with http.put(grants, json=grant) as answer:
                    assert answer.status == 200
                assert (await bobs.get(LIST)).body == friends("bob")
                assert (await bobs.put(LIST, friends("joe"))).status == 403
                async with http.delete(documents) as answer:
                    assert len((await answer.json())["removed"]) == 1
                assert (await mine.get(LIST)).status == 404
                last = await watching.notified(3, WITHIN)
                assert Told.read(last.body).changes == [(LIST, three, None)]

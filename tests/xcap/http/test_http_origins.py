"""Web pages of other origins (Fetch standard, CORS protocol), and only those of the settings."""

from dataclasses import replace
from typing import Final

import pytest

from tests.rawxcap import Answer, resource_list
from tests.xcap.kit import CONFIG, LISTS, LOOPBACK, Served, serving
from xcap.config import XcapConfig

ALICE: Final = "sip:alice@example.com"
PAGE: Final = "https://app.example.com"
OPEN: Final = replace(CONFIG, trusted_peers=LOOPBACK)
LISTED: Final = replace(OPEN, cors_origins=(PAGE, "https://other.example"))
ANY: Final = replace(OPEN, cors_origins=("*",))


async def preflight(served: Served, origin: str, method: str = "PUT") -> Answer:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization, if-match, content-type",
    }
    return await served.client(None).ask("OPTIONS", LISTS, headers=headers)


def told(answer: Answer) -> dict[str, str]:
    """What the answer says to browsers."""
    names = [name for name in answer.headers if name.lower().startswith("access-control-")]
    return {name[len("Access-Control-") :].lower(): answer.headers[name] for name in names}


@pytest.mark.parametrize(("config", "allowed"), [(LISTED, PAGE), (ANY, "*")])
async def test_a_page_may_ask_before_it_writes(config: XcapConfig, allowed: str) -> None:
    """No credentials are needed for that, since browsers send none."""
    async with serving(config) as served:
        answer = await preflight(served, PAGE)
        assert answer.status == 204
        said = told(answer)
        assert said["allow-origin"] == allowed
        assert said["allow-methods"] == "GET, HEAD, PUT, DELETE, OPTIONS"
        for name in ("Authorization", "If-Match", "If-None-Match", "Content-Type"):
            assert name in said["allow-headers"].split(", ")
        assert "allow-credentials" not in said


@pytest.mark.parametrize(("config", "allowed"), [(LISTED, PAGE), (ANY, "*")])
async def test_a_page_sees_the_entity_tag_and_every_error(config: XcapConfig, allowed: str) -> None:
    """Also 401, else it could never ask its user; and 304, 404, 409, 412."""
    async with serving(config) as served:
        client, page = served.asserting(ALICE), {"Origin": PAGE}
        typed = {**page, "Content-Type": "application/resource-lists+xml"}
        answers = [
            await client.ask("PUT", LISTS, resource_list("a"), typed),
            await client.ask("GET", LISTS, headers=page),
            await client.ask("GET", LISTS, headers={**page, "If-None-Match": "*"}),
            await client.ask("PUT", LISTS, b"<", typed),
            await client.ask("PUT", LISTS, resource_list("a"), {**typed, "If-Match": '"x"'}),
            await client.ask("GET", LISTS + "x", headers=page),
            await client.ask("POST", LISTS, headers=page),
            await served.client(None).ask("GET", LISTS, headers=page),
        ]
        assert [answer.status for answer in answers] == [201, 200, 304, 409, 412, 404, 405, 401]
        for answer in answers:
            said = told(answer)
            assert said["allow-origin"] == allowed
            assert {"ETag", "WWW-Authenticate"} <= set(said["expose-headers"].split(", "))


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://app.example.com", ""])
async def test_other_pages_are_told_nothing(origin: str) -> None:
    async with serving(LISTED) as served:
        assert told(await preflight(served, origin)) == {}
        answer = await served.asserting(ALICE).ask("GET", LISTS, headers={"Origin": origin})
        assert told(answer) == {}


async def test_answers_vary_with_the_origin_where_several_are_told_apart() -> None:
    """RFC 9110 §12.5.5: a cache must not give one page what was told to another."""
    async with serving(LISTED) as served:
        for headers in ({"Origin": PAGE}, {"Origin": "https://evil.example"}, {}):
            answer = await served.asserting(ALICE).ask("GET", LISTS, headers=headers)
            assert answer.headers["Vary"] == "Origin"
        await served.asserting(ALICE).put(LISTS, resource_list("a", 200))
        raw = await served.raw(
            f"GET /xcap-root/{LISTS} HTTP/1.1\r\nHost: x\r\nX-3GPP-Asserted-Identity: {ALICE}\r\n"
            f"Origin: {PAGE}\r\nConnection: close\r\n\r\n".encode()
        )
        assert b"Vary: Accept-Encoding\r\n" in raw
        assert b"Vary: Origin\r\n" in raw
    async with serving(ANY) as served:
        assert "Vary" not in (await served.asserting(ALICE).get("xcap-caps/global/other")).headers


async def test_without_the_setting_no_page_is_told_anything() -> None:
    async with serving(OPEN) as served:
        answer = await preflight(served, PAGE)
        assert (answer.status, told(answer)) == (204, {})
        assert "Vary" not in (await served.asserting(ALICE).get(LISTS)).headers

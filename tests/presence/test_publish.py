"""RFC 3903 §6: what a PUBLISH is answered, and what it leaves in the store."""

import asyncio
import gzip
import zlib
from collections.abc import Callable
from dataclasses import replace

import pytest

from presence.config import PresenceConfig
from sip.authenticator import Identity
from store.errors import StoreFull, StoreUnavailable
from tests.presence.fakes import ALICE, AS_BOB, NOON, PRESENCE, House, pidf, publish_request

CONFIG = PresenceConfig(max_body=4096)
NO_ENTITY = pidf().replace(b' entity="sip:alice@example.com"', b"")
DTD = b'<!DOCTYPE presence [<!ENTITY a "b">]>' + pidf()


async def test_initial_publication_is_stored_whole() -> None:
    """RFC 3903 §6: 200 with SIP-ETag and Expires."""
    house = House()
    tx = await house.publish(publish_request(pidf(), "Expires: 600"))
    assert (tx.status, tx.headers["Expires"]) == (200, "600")
    stored = house.store.state(PRESENCE).publications[0]
    assert (stored.body, stored.entity_tag) == (pidf(), tx.headers["SIP-ETag"])
    assert stored.expires_at == NOON + 600


async def test_every_success_has_a_new_tag() -> None:
    """RFC 3903 §6 step 6, PUB-02: after a refresh and a modification too."""
    house = House()
    tags = [await house.published(pidf())]
    for body in (b"", pidf("away"), b"", pidf("back")):
        tags.append(await house.published(body, tags[-1]))
    assert len(set(tags)) == len(tags)
    assert {tag.partition(".")[0] for tag in tags} == {tags[0].partition(".")[0]}
    assert all(len(tag.partition(".")[2]) == 32 for tag in tags)


async def test_refresh_keeps_the_body_and_tells_nobody() -> None:
    """PUB-01."""
    house = House()
    tag = await house.published(pidf())
    await house.watching()
    await house.published(b"", tag)
    assert house.store.state(PRESENCE).publications[0].body == pidf()
    assert house.endpoint.take() == []


async def test_removal_without_body_or_length() -> None:
    """RFC 3903 §6 step 5; how linphone withdraws its presence."""
    house = House()
    tag = await house.published(pidf())
    tx = await house.publish(publish_request(b"", "Expires: 0", f"SIP-If-Match: {tag}"))
    assert (tx.status, tx.headers["Expires"]) == (200, "0")
    assert house.store.state(PRESENCE).publications == ()


async def test_publication_that_is_over_at_once_is_not_stored() -> None:
    """RFC 3903 §6 step 5: nothing is stored for an expiration of 0."""
    house = House()
    tx = await house.publish(publish_request(pidf(), "Expires: 0"))
    assert (tx.status, tx.headers["Expires"]) == (200, "0")
    assert house.store.writes == 0


@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        pytest.param((), "3600", id="default"),
        pytest.param(("Expires: 60",), "60", id="the-minimum"),
        pytest.param(("Expires: 4294967295",), "3600", id="shortened"),
    ],
)
async def test_expiration(asked: tuple[str, ...], granted: str) -> None:
    """RFC 3903 §6 step 4."""
    tx = await House().publish(publish_request(pidf(), *asked))
    assert tx.headers["Expires"] == granted


@pytest.mark.parametrize(
    ("body", "more", "status", "header"),
    [
        pytest.param(pidf(), ("Expires: 59",), 423, "Min-Expires", id="too-brief"),
        pytest.param(pidf(), ("Expires: soon",), 400, None, id="expires-no-number"),
        pytest.param(pidf(), ("SIP-If-Match: a, b",), 400, "Warning", id="two-tags"),
        pytest.param(pidf(), ("SIP-If-Match: a", "SIP-If-Match: b"), 400, "Warning", id="2-lines"),
        pytest.param(pidf(), ("SIP-If-Match:",), 400, "Warning", id="empty-tag"),
        pytest.param(pidf(), ("SIP-If-Match: nobody-made-this",), 412, None, id="foreign-tag"),
        pytest.param(b"", ("SIP-If-Match: 00.11",), 412, None, id="refresh-of-nothing"),
        pytest.param(b"", (), 400, "Warning", id="no-body-no-tag"),
        pytest.param(pidf(), ("Content-Type: text/plain",), 415, "Accept", id="wrong-type"),
        pytest.param(pidf(), ("Content-Encoding: br",), 415, "Accept-Encoding", id="encoded"),
        pytest.param(pidf(), ("Content-Encoding: gzip",), 400, "Warning", id="not-what-it-says"),
        pytest.param(pidf("x" * 4096), (), 413, None, id="too-large"),
        pytest.param(b"<presence", (), 400, "Warning", id="not-well-formed"),
        pytest.param(DTD, (), 400, "Warning", id="document-type"),
        pytest.param(b'<p xmlns="urn:x"/>', (), 400, "Warning", id="wrong-root"),
        pytest.param(pidf().replace(b"open", b"ajar"), (), 400, "Warning", id="invalid"),
        pytest.param(NO_ENTITY, (), 400, "Warning", id="no-entity"),
        pytest.param(pidf(entity="tel:+1"), (), 400, "Warning", id="entity-no-presentity"),
        pytest.param(pidf(entity="sip:eve@example.com"), (), 403, "Warning", id="other-entity"),
    ],
)
async def test_refusals(
    body: bytes, more: tuple[str, ...], status: int, header: str | None
) -> None:
    """RFC 3903 §6, PUB-03, PUB-05, PUB-07: nothing is stored and the header says why."""
    house = House(config=CONFIG)
    tx = await house.publish(publish_request(body, *more))
    assert tx.status == status
    assert header is None or header in tx.headers
    assert house.store.state(PRESENCE).publications == ()
    assert house.service.stats.refused == {status: 1}


@pytest.mark.parametrize("event", [None, "nonsense", "Presence", "presence.winfo"])
async def test_unknown_event_is_489(event: str | None) -> None:
    """RFC 3903 §6 step 2; tokens compare octet by octet (RFC 6665 §8.2.1)."""
    tx = await House().publish(publish_request(pidf(), event=event))
    assert (tx.status, tx.headers["Allow-Events"]) == (489, "presence")


async def test_event_parameters_do_not_matter() -> None:
    """RFC 6665 §8.2.1."""
    tx = await House().publish(publish_request(pidf(), event="presence;id=1"))
    assert tx.status == 200


@pytest.mark.parametrize(("name", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
async def test_a_compressed_body_is_published_as_it_is(
    name: str, pack: Callable[[bytes], bytes]
) -> None:
    """RFC 3261 §20.12: what OPTIONS lists in Accept-Encoding is read; what is stored is plain."""
    house = House()
    tx = await house.publish(publish_request(pack(pidf()), f"Content-Encoding: {name}"))
    assert tx.status == 200
    assert [p.body for p in house.store.state(PRESENCE).publications] == [pidf()]


@pytest.mark.parametrize("uri", ["sip:ghost@example.com", "tel:+15551234"])
async def test_unknown_presentity_is_404(uri: str) -> None:
    """RFC 3903 §6 step 1."""
    tx = await House().publish(publish_request(pidf(), uri=uri))
    assert tx.status == 404


@pytest.mark.parametrize("identity", [AS_BOB, Identity(None, "none")])
async def test_only_the_owner_publishes(identity: Identity) -> None:
    """RFC 3903 §14.1, PUB-06."""
    house = House()
    tx = await house.publish(publish_request(pidf()), identity)
    assert (tx.status, house.store.writes) == (403, 0)


@pytest.mark.parametrize(
    "entity", ["pres:alice@example.com", "sip:alice@EXAMPLE.com:5070", f"{ALICE};transport=tcp"]
)
async def test_entity_is_compared_as_an_aor(entity: str) -> None:
    """PUB-06: scheme pres, port and parameters make no difference."""
    tx = await House().publish(publish_request(pidf(entity=entity)))
    assert tx.status == 200


async def test_tag_of_another_resource_is_412() -> None:
    """PUB-03."""
    house = House()
    tag = await house.published(pidf())
    body = pidf(entity="sip:bob@example.com")
    request = publish_request(body, f"SIP-If-Match: {tag}", uri="sip:bob@example.com")
    assert (await house.publish(request, AS_BOB)).status == 412


async def test_one_of_many_with_the_same_tag_wins() -> None:
    """PUB-04: compare-and-swap in the store decides."""
    house = House()
    tag = await house.published(pidf())
    request = publish_request(pidf("away"), f"SIP-If-Match: {tag}")
    answers = await asyncio.gather(*(house.publish(request) for _ in range(20)))
    assert sorted(tx.status for tx in answers) == [200] + [412] * 19


@pytest.mark.parametrize(
    ("failure", "status", "headers"),
    [
        pytest.param(StoreUnavailable("away"), 504, {"Retry-After": "5"}, id="unavailable"),
        pytest.param(StoreFull("full"), 503, {"Retry-After": "5"}, id="full"),
    ],
)
async def test_store_failure_stores_nothing_and_tells_nobody(
    failure: Exception, status: int, headers: dict[str, str]
) -> None:
    """RFC 3903 §6 step 5."""
    house = House()
    await house.watching()
    house.store.failing = failure
    tx = await house.publish(publish_request(pidf()))
    assert (tx.status, tx.headers) == (status, headers)
    assert house.endpoint.take() == []


async def test_unchanged_body_is_not_validated_again() -> None:
    house = House()
    package = house.service._core.packages["presence"]
    checks: list[bytes] = []
    counting = replace(package, check_body=lambda body, kind, aor: checks.append(body))
    house.service._core.packages = {"presence": counting}
    tag = await house.published(pidf())
    tag = await house.published(pidf(), tag)
    await house.published(pidf("away"), tag)
    assert checks == [pidf(), pidf("away")]

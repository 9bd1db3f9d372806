"""RFC 6665 §4.2.1: what a SUBSCRIBE is answered, and the NOTIFY that follows."""

import asyncio
from dataclasses import replace

import pytest

from presence.config import PresenceConfig
from presence.errors import PresenceError
from presence.package import EventPackage
from presence.packages.presence import presence_package
from presence.policy.policy import default_policy
from sip.authenticator import Identity
from sip.message import Request
from sip.uri import AoR
from store.errors import StoreFull, StoreUnavailable
from store.values import Resource
from tests.presence.fakes import (
    ALICE,
    AS_ALICE,
    AS_BOB,
    BOB,
    NOON,
    PRESENCE,
    FakeFlow,
    FakeStore,
    FakeTransaction,
    House,
    pidf,
    settle,
    subscribe_request,
)

CLOSED = b"<basic>closed</basic>"


async def test_accepted_subscription_is_answered_then_notified() -> None:
    """RFC 6665 §4.2.1.1, §4.2.1.2, EVT-01: 200 first on the wire, then the state."""
    house = House()
    await house.published(pidf())
    tx = await house.subscribe(subscribe_request("Expires: 600"))
    assert (tx.status, tx.headers["Expires"]) == (200, "600")
    assert tx.headers["Contact"] == "<sip:192.0.2.1:5060>"
    notify = house.endpoint.take()[0]
    assert (notify.state, notify.body) == ("active;expires=600", pidf())
    row = house.store.rows[tx.to_tag or ""]
    assert (row.resource, row.watcher, row.expires_at) == (PRESENCE, BOB, NOON + 600)


async def test_notify_is_a_request_within_the_dialog() -> None:
    """RFC 3261 §12.2.1.1, EVT-09: From and To swapped as they were."""
    house = House()
    tx = await house.subscribe(
        subscribe_request("Record-Route: <sip:p1.example.net;lr>, <sip:p2.example.net;lr>")
    )
    assert tx.headers["Record-Route"] == "<sip:p1.example.net;lr>, <sip:p2.example.net;lr>"
    notify = house.endpoint.take()[0].request
    assert notify.uri_text == "sip:bob@192.0.2.9:5060"
    assert notify.get("from") == f"<{ALICE}>;tag={tx.to_tag}"
    assert notify.get("to") == f'"Bob" <{BOB}>;tag=w1'
    assert notify.call_id == "sub1@192.0.2.9"
    assert list(notify.values("route")) == ["<sip:p1.example.net;lr>", "<sip:p2.example.net;lr>"]
    assert (notify.get("event"), notify.content_type) == ("presence", "application/pidf+xml")
    assert notify.get("contact") == "<sip:192.0.2.1:5060>"
    assert notify.get("max-forwards") == "70"


async def test_strict_router_gets_what_it_needs() -> None:
    """RFC 3261 §12.2.1.1: without lr the first route is the Request-URI."""
    house = House()
    await house.subscribe(subscribe_request("Record-Route: <sip:old.example.net>"))
    notify = house.endpoint.take()[0].request
    assert notify.uri_text == "sip:old.example.net"
    assert list(notify.values("route")) == ["<sip:bob@192.0.2.9:5060>"]


@pytest.mark.parametrize(
    ("asked", "status", "value"),
    [
        pytest.param((), 200, "3600", id="package-default"),
        pytest.param(("Expires: 60",), 200, "60", id="minimum"),
        pytest.param(("Expires: 59",), 423, "60", id="too-brief"),
        pytest.param(("Expires: 99999999999",), 200, "3600", id="shortened"),
    ],
)
async def test_expires(asked: tuple[str, ...], status: int, value: str) -> None:
    """RFC 6665 §4.2.1.1, EVT-03: shortened or refused, never lengthened."""
    tx = await House().subscribe(subscribe_request(*asked))
    assert tx.status == status
    assert tx.headers["Expires" if status == 200 else "Min-Expires"] == value


async def test_an_hour_is_never_too_brief() -> None:
    """RFC 6665 §4.2.1.1: 423 only below one hour, whatever the minimum."""
    house = House(config=PresenceConfig(min_expires=7200, max_expires=9000))
    tx = await house.subscribe(subscribe_request("Expires: 3600"))
    assert (tx.status, tx.headers["Expires"]) == (200, "3600")


@pytest.mark.parametrize("event", [None, "nonsense", "presence.winfo"])
async def test_unknown_event_is_489(event: str | None) -> None:
    """RFC 6665 §8.3.2, EVT-04: Allow-Events lists packages without templates."""
    one = presence_package()
    winfo = replace(one, name="dialog.winfo")
    house = House(packages={"presence": one, "dialog.winfo": winfo})
    tx = await house.subscribe(subscribe_request(event=event))
    assert (tx.status, tx.headers["Allow-Events"]) == (489, "presence")


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        pytest.param("application/pidf+xml", 200, id="exact"),
        pytest.param("text/plain, application/*;q=0.1", 200, id="wildcard"),
        pytest.param("APPLICATION/PIDF+XML", 200, id="case"),
        pytest.param("text/plain", 406, id="other"),
        pytest.param("*/*, application/pidf+xml;q=0", 406, id="q-zero"),
        pytest.param("", 406, id="nothing"),
    ],
)
async def test_accept_is_negotiated(accept: str, status: int) -> None:
    """RFC 3856 §6.5, RFC 3261 §20.1, EVT-05."""
    tx = await House().subscribe(subscribe_request(f"Accept: {accept}"))
    assert tx.status == status
    assert status == 200 or tx.headers["Accept"] == "application/pidf+xml"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        pytest.param(subscribe_request(contact=None), 400, id="no-contact"),
        pytest.param(subscribe_request("Record-Route: garbage"), 400, id="route"),
        pytest.param(subscribe_request("Record-Route: <tel:+1>"), 400, id="route-scheme"),
        pytest.param(subscribe_request(contact="*"), 400, id="star"),
        pytest.param(subscribe_request(contact="<sip:a@b>, <sip:c@d>"), 400, id="two-contacts"),
        pytest.param(subscribe_request(contact="<tel:+1>"), 400, id="no-sip-contact"),
        pytest.param(subscribe_request(uri="sip:ghost@example.com"), 404, id="unknown"),
        pytest.param(subscribe_request("Expires: x"), 400, id="bad-expires"),
        pytest.param(subscribe_request(call_id="\udcff@b"), 400, id="not-utf8"),
    ],
)
async def test_refusals(request_: Request, status: int) -> None:
    house = House()
    tx = await house.subscribe(request_)
    assert (tx.status, house.store.rows, house.endpoint.take()) == (status, {}, [])
    assert len(house.service.engine.index) == 0


async def test_body_over_the_limit_is_413() -> None:
    """EVT-14."""
    house = House(config=PresenceConfig(max_body=10))
    request = subscribe_request()
    request.body = b"x" * 11
    assert (await house.subscribe(request)).status == 413


async def test_watchers_and_resources_are_capped() -> None:
    """RFC 6665 §6.3, EVT-14: 403 for the watcher, 503 for the resource."""
    caps = PresenceConfig(max_subscriptions_per_watcher=1, max_subscriptions_per_resource=2)
    house = House(config=caps)
    answers = [
        await house.subscribe(subscribe_request(call_id=f"c{n}"), Identity(AoR(who), "digest"))
        for n, who in enumerate(["sip:b@x", "sip:b@x", "sip:c@x", "sip:d@x"])
    ]
    assert [tx.status for tx in answers] == [200, 403, 200, 503]
    assert "Retry-After" in answers[3].headers
    assert house.service.stats.limited == {"watcher": 1, "resource": 1}


async def test_what_one_address_may_have_is_capped() -> None:
    """EVT-14: counted by where the last SUBSCRIBE came from; a trusted peer speaks for many."""
    house = House(config=PresenceConfig(max_subscriptions_per_source=1))
    here, there = FakeFlow(), FakeFlow(remote=("192.0.2.10", 5060))

    async def asks(n: int, flow: FakeFlow, identity: Identity = AS_BOB) -> FakeTransaction:
        return await house.subscribe(subscribe_request(call_id=f"c{n}"), identity, flow)

    first = await asks(1, here)
    full = await asks(2, here)
    assert (full.status, "Retry-After" in full.headers) == (503, True)
    assert (await asks(3, here, Identity(BOB, "asserted"))).status == 200
    moved = subscribe_request(call_id="c1", cseq=2, to_tag=first.to_tag)
    assert (await house.subscribe(moved, AS_BOB, there)).status == 200
    assert (await asks(4, there)).status == 503
    index = house.service.engine.index
    for live in tuple(index):
        house.service.engine.forget(live)
    assert (index.coming_from("192.0.2.9"), index.coming_from("192.0.2.10")) == (0, 0)
    assert house.service.stats.limited == {"source": 2}


async def test_fetch_is_one_notify_and_leaves_nothing() -> None:
    """RFC 6665 §4.4.3, EVT-01."""
    house = House()
    await house.published(pidf())
    tx = await house.subscribe(subscribe_request("Expires: 0"))
    assert (tx.status, tx.headers["Expires"]) == (200, "0")
    (notify,) = house.endpoint.take()
    assert (notify.state, notify.body) == ("terminated;reason=timeout", pidf())
    assert house.store.rows == {}
    assert len(house.service.engine.index) == 0
    await house.published(pidf("away"))
    assert house.endpoint.take() == []


async def test_without_publications_the_neutral_body_is_told() -> None:
    """RFC 6665 §4.2.1.2, PRS-05."""
    house = House()
    await house.subscribe(subscribe_request())
    body = house.endpoint.take()[0].body
    assert CLOSED in body
    assert b"<contact>sip:alice@example.com</contact>" in body


async def test_neutral_body_may_be_empty() -> None:
    """PRS-05: by setting."""
    house = House(packages={"presence": presence_package(neutral="empty")})
    await house.subscribe(subscribe_request())
    notify = house.endpoint.take()[0].request
    assert (notify.body, notify.get("content-type"), notify.get("content-length")) == (
        b"",
        None,
        "0",
    )


async def test_pending_watcher_gets_200_and_no_state() -> None:
    """RFC 6665 §4.2.1.2, §8.3.1, EVT-02: never 202."""
    house = House(authorize=default_policy("confirm"))
    await house.published(pidf())
    tx = await house.subscribe(subscribe_request())
    assert tx.status == 200
    notify = house.endpoint.take()[0]
    assert (notify.state, notify.body) == ("pending;expires=3600", b"")
    await house.published(pidf("away"))
    assert house.endpoint.take() == []


async def test_blocked_watcher_gets_403() -> None:
    """RFC 6665 §4.2.1.3."""
    house = House(authorize=default_policy("block"))
    tx = await house.subscribe(subscribe_request())
    assert (tx.status, house.store.rows) == (403, {})


async def test_from_is_no_identity() -> None:
    """AUT-10: whoever claims to be alice in From is still bob."""
    house = House(authorize=default_policy("block"))
    request = subscribe_request()
    request.lines[2] = f"From: <{ALICE}>;tag=w1"
    assert (await house.subscribe(request, AS_BOB)).status == 403
    assert (await house.subscribe(subscribe_request(), AS_ALICE)).status == 200


async def test_event_id_is_echoed_and_matched() -> None:
    """RFC 6665 §8.2.1, EVT-10: package and id match, other parameters do not matter."""
    house = House()
    tx = await house.subscribe(subscribe_request(event="presence;id=7;x=y"))
    assert house.endpoint.take()[0].request.get("event") == "presence;id=7"
    other = subscribe_request(event="presence;id=8", cseq=2, to_tag=tx.to_tag)
    same = subscribe_request(event="presence;z;id=7", cseq=2, to_tag=tx.to_tag)
    assert (await house.subscribe(other)).status == 481
    assert (await house.subscribe(same)).status == 200


async def test_refresh_prolongs_and_notifies() -> None:
    """RFC 6665 §4.2.1.4: even when nothing has changed."""
    house = House()
    tag = await house.watching()
    house.clock.now += 100
    tx = await house.subscribe(subscribe_request("Expires: 600", cseq=2, to_tag=tag))
    assert (tx.status, tx.headers["Expires"]) == (200, "600")
    assert [notify.state for notify in house.endpoint.take()] == ["active;expires=600"]
    assert house.store.rows[tag].expires_at == NOON + 700


async def test_contact_of_a_refresh_is_the_new_target() -> None:
    """RFC 3261 §12.2.2, EVT-09."""
    house = House()
    tag = await house.watching()
    await house.subscribe(subscribe_request(cseq=2, to_tag=tag, contact="<sip:bob@192.0.2.77>"))
    assert house.endpoint.take()[0].request.uri_text == "sip:bob@192.0.2.77"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        pytest.param({"cseq": 1}, 500, id="cseq-not-higher"),
        pytest.param({"cseq": 0}, 500, id="cseq-lower"),
        pytest.param({"cseq": 2, "call_id": "other"}, 481, id="other-call-id"),
        pytest.param({"cseq": 2, "from_tag": "w2"}, 481, id="other-remote-tag"),
        pytest.param({"cseq": 2, "to_tag": "nobody"}, 481, id="unknown-dialog"),
    ],
)
async def test_what_is_not_the_dialog(request_: dict[str, str | int], status: int) -> None:
    """RFC 3261 §12.2.2, RFC 6665 §4.1.2.2, EVT-11."""
    house = House()
    tag = await house.watching()
    within = subscribe_request(**{"to_tag": tag, **request_})  # type: ignore[arg-type]  # mixed
    tx = await house.subscribe(within)
    assert tx.status == status
    assert house.endpoint.take() == []


async def test_refresh_by_somebody_else_is_403() -> None:
    house = House()
    tag = await house.watching()
    tx = await house.subscribe(subscribe_request(cseq=2, to_tag=tag), AS_ALICE)
    assert tx.status == 403


async def test_refresh_is_negotiated_anew() -> None:
    """RFC 3856 §6.7, EVT-05: Accept of the latest SUBSCRIBE counts."""
    house = House()
    tag = await house.watching()
    tx = await house.subscribe(subscribe_request("Accept: text/plain", cseq=2, to_tag=tag))
    assert tx.status == 406


async def test_unsubscribe_ends_with_state() -> None:
    """RFC 6665 §4.2.1.4, EVT-01."""
    house = House()
    await house.published(pidf())
    tag = await house.watching()
    tx = await house.subscribe(subscribe_request("Expires: 0", cseq=2, to_tag=tag))
    assert (tx.status, tx.headers["Expires"]) == (200, "0")
    (notify,) = house.endpoint.take()
    assert (notify.state, notify.body) == ("terminated;reason=timeout", pidf())
    assert house.store.rows == {}
    again = await house.subscribe(subscribe_request(cseq=3, to_tag=tag))
    assert again.status == 481


async def test_refresh_moves_a_subscription_here() -> None:
    """EVT-11, EVT-08: any process answers; CSeq goes on above what the other may have used."""
    store = FakeStore()
    there, here = House(store=store), House(store=store)
    tag = await there.watching()
    tx = await here.subscribe(subscribe_request(cseq=2, to_tag=tag))
    assert tx.status == 200
    (notify,) = here.endpoint.take()
    assert notify.cseq > there.service.engine.index.get(tag).ceiling  # type: ignore[union-attr]
    tx = await here.subscribe(subscribe_request(cseq=3, to_tag=tag))
    assert here.endpoint.take()[0].cseq == notify.cseq + 1
    assert store.rows[tag].cseq_ceiling > notify.cseq


async def test_unsubscribe_reaches_a_process_that_does_not_serve_it() -> None:
    """EVT-11."""
    store = FakeStore()
    there, here = House(store=store), House(store=store)
    await there.published(pidf())
    tag = await there.watching()
    tx = await here.subscribe(subscribe_request("Expires: 0", cseq=2, to_tag=tag))
    assert (tx.status, store.rows) == (200, {})
    (notify,) = here.endpoint.take()
    assert (notify.state, notify.body) == ("terminated;reason=timeout", pidf())
    assert notify.cseq > 1000


async def test_expired_row_is_481_before_the_sweep_finds_it() -> None:
    house = House()
    tag = await house.watching("Expires: 60")
    house.clock.now += 60
    tx = await house.subscribe(subscribe_request(cseq=2, to_tag=tag))
    assert tx.status == 481


async def test_change_during_the_write_is_not_lost() -> None:
    """The subscription hears of what commits while its own write is awaited."""
    house = House()
    house.store.gate = asyncio.Event()
    task = asyncio.create_task(house.subscribe(subscribe_request()))
    await settle()
    assert len(house.service.engine.index) == 1
    publication = House(store=FakeStore())
    await publication.published(pidf("meanwhile"))
    state = publication.store.state(PRESENCE)
    house.service.engine.published(PRESENCE, 7, state.publications)
    assert house.endpoint.take() == []
    house.store.gate.set()
    assert (await task).status == 200
    (notify,) = house.endpoint.take()
    assert b"meanwhile" in notify.body


@pytest.mark.parametrize(
    ("failure", "status"), [(StoreUnavailable("away"), 504), (StoreFull("full"), 503)]
)
async def test_store_failure_leaves_no_subscription(failure: Exception, status: int) -> None:
    house = House()
    house.store.failing = failure
    tx = await house.subscribe(subscribe_request())
    assert (tx.status, tx.headers["Retry-After"]) == (status, "5")
    assert len(house.service.engine.index) == 0
    assert house.endpoint.take() == []


async def test_package_may_refuse_and_mark_a_subscription() -> None:
    """The seam: `admit`, `variants`, `key` and `headers` of the package record."""

    class Refused(PresenceError):
        status = 421

    def admit(request: Request) -> None:
        if request.get("supported") != "eventlist":
            raise Refused

    lists = replace(
        presence_package(), key="presence+list", admit=admit, headers=(("Require", "eventlist"),)
    )

    async def variant(aor: AoR, package: EventPackage, request: Request) -> EventPackage | None:
        return lists if "friends" in aor else None

    packages = {"presence": presence_package(), "presence+list": lists}
    house = House(packages=packages, variants=(variant,))
    uri = "sip:bob-friends@example.com"
    assert (await house.subscribe(subscribe_request(uri=uri))).status == 421
    tx = await house.subscribe(subscribe_request("Supported: eventlist", uri=uri))
    assert (tx.status, tx.headers["Require"]) == (200, "eventlist")
    assert house.endpoint.take()[0].request.get("require") == "eventlist"
    row = house.store.rows[tx.to_tag or ""]
    assert row.resource == Resource(uri, "presence+list")


async def test_notify_goes_back_over_the_connection() -> None:
    """EVT-09: a Contact behind a translator is reached by the connection of its SUBSCRIBE."""
    house = House()
    connection = FakeFlow("TCP")
    await house.subscribe(subscribe_request(contact="<sip:bob@x.invalid>"), flow=connection)
    assert house.endpoint.take()[0].flow is connection
    connection.closed = True
    await house.published(pidf())
    assert house.endpoint.take()[0].flow is house.endpoint.flow

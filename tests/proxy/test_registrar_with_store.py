"""RFC 3261 §10.3 over the real stores: what is acknowledged is there, whoever asks next."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from proxy.answers import Extensions
from proxy.changes import BindingsChange, Cause
from proxy.registrar_service import RegistrarService
from proxy.registration import Limits
from sip.authenticator import Identity
from sip.message import Response
from store import migrate
from store.store import Store, open_store
from tests.proxy.loopback import BOB, TO_BOB, world
from tests.proxy.proxykit import ALICE, EDGE, FakeTransaction, request

OWNER = Identity(ALICE, "digest")
STORES = ("sqlite", pytest.param("postgres", marks=pytest.mark.postgres))


@pytest.fixture(params=STORES)
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/bindings.db"
    return str(request.getfixturevalue("postgres_dsn"))


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    await asyncio.to_thread(migrate.upgrade, store_url)
    opened = await open_store(store_url, node="test")
    yield opened
    await opened.close()


def registrar(store: Store, *, ahead: float = 0.0) -> RegistrarService:
    """One with nothing in memory, as after a restart; its clock may run `ahead` seconds."""
    return RegistrarService(
        store=store,
        limits=Limits(60, 7200, 10),
        is_ours={"example.com"}.__contains__,
        clock=lambda: time.time() + ahead,
        edge=EDGE,
        extensions=Extensions(),
    )


async def register(
    service: RegistrarService, *lines: str, cseq: int = 1, call_id: str = "c1"
) -> Response:
    message = request("REGISTER", "sip:example.com", *lines, cseq=cseq, call_id=call_id)
    tx = FakeTransaction(message)
    await service.register(tx, OWNER)
    return tx.sent[-1]


def contacts(response: Response) -> set[str]:
    return {contact.uri for contact in response.contacts}


async def test_binding_outlives_its_process(store: Store) -> None:
    """Acknowledged means stored; a registrar without memory goes on where the other stopped."""
    await register(
        registrar(store),
        'Contact: <sip:alice@192.0.2.1:5070>;q=0.5;reg-id=1;+sip.instance="<urn:uuid:1>"',
        "Path: <sip:edge.example.com;lr;ob>",
        "Supported: path",
    )
    found = (await registrar(store).lookup(ALICE))[0]
    assert (found.contact, found.q, found.reg_id) == ("sip:alice@192.0.2.1:5070", 0.5, 1)
    assert (found.instance, found.path[1:]) == ("<urn:uuid:1>", ("<sip:edge.example.com;lr;ob>",))
    assert EDGE.token(found.path[0]) == (found.flow, found.worker)
    second = await register(registrar(store), "Contact: <sip:alice@192.0.2.2>", call_id="c2")
    assert contacts(second) == {"sip:alice@192.0.2.1:5070", "sip:alice@192.0.2.2"}


async def test_phones_that_register_at_once_are_all_there(store: Store) -> None:
    """Each loses the race to another and is decided again on what is there."""
    services = [registrar(store) for _ in range(4)]
    responses = await asyncio.gather(
        *(
            register(service, f"Contact: <sip:alice@192.0.2.{number}>", call_id=f"c{number}")
            for number, service in enumerate(services)
        )
    )
    assert [response.status for response in responses] == [200] * 4
    expected = {f"sip:alice@192.0.2.{number}" for number in range(4)}
    assert contacts(await register(registrar(store))) == expected


async def test_star_leaves_nothing(store: Store) -> None:
    await register(registrar(store), "Contact: <sip:alice@192.0.2.1>")
    assert (await register(registrar(store), "Contact: *", "Expires: 0", cseq=2)).contacts == ()
    assert await registrar(store).lookup(ALICE) == ()


async def test_sweep_is_told_once(store: Store) -> None:
    """The store deletes what expired; the registrar says what is left of it."""
    service = registrar(store)
    heard: list[BindingsChange] = []
    service.subscribe(heard.append)
    await register(service, "Contact: <sip:alice@192.0.2.1>;expires=60")
    for _ in range(2):
        expired = await store.expire(time.time() + 7300)
        await service.expired(expired.bindings)
        await service.settle()
    assert [(change.cause, len(change.after)) for change in heard] == [
        (Cause.REGISTERED, 1),
        (Cause.EXPIRED, 0),
    ]


async def test_message_reaches_a_phone_registered_in_the_store(store: Store) -> None:
    """RFC 3261 §16.5, on the wire."""
    async with world(store=store) as (alice, bob):
        call = alice.send("MESSAGE", BOB, TO_BOB)
        (await bob.request()).respond(200)
        assert (await call.final()).status == 200

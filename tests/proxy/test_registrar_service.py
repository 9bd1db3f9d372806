"""RFC 3261 §10.3 through the shell: round trips, lost races, who may register, what is told."""

import pytest

from proxy.answers import Extensions
from proxy.changes import BindingsChange, Cause
from proxy.errors import Contention, NotFound, NotOwner, OutOfOrder, ProxyError
from proxy.registrar_service import RegistrarService, _is_at
from proxy.registration import Limits
from sip.authenticator import Identity
from sip.message import Response
from store.operations import WriteBindings
from store.outcomes import BindingsChanged, BindingsOutcome
from store.values import BindingSet, Change, Kind
from tests.proxy.proxykit import ALICE, BOB, EDGE, FakeStore, FakeTransaction, binding, request

OWNER = Identity(ALICE, "digest")
CONTACT = "Contact: <sip:alice@192.0.2.10:5070>"


class World:
    """One registrar over a fake store, with a clock that is a number."""

    def __init__(self, store: FakeStore | None = None, *, heard: bool = True) -> None:
        self.now = 1000.0
        self.store = store or FakeStore()
        self.heard: list[BindingsChange] = []
        self.registrar = RegistrarService(
            store=self.store,
            limits=Limits(min_expires=60, max_expires=7200, max_contacts=2),
            is_ours={"example.com"}.__contains__,
            clock=lambda: self.now,
            edge=EDGE,
            extensions=Extensions(),
        )
        if heard:
            self.registrar.subscribe(self.heard.append)

    async def register(
        self,
        *lines: str,
        cseq: int = 1,
        identity: Identity = OWNER,
        to: str = "<sip:alice@example.com>",
        call_id: str = "call-1",
    ) -> Response:
        message = request("REGISTER", "sip:example.com", *lines, cseq=cseq, to=to, call_id=call_id)
        tx = FakeTransaction(message)
        await self.registrar.register(tx, identity)
        return tx.sent[-1]


async def test_new_aor_costs_one_round_trip() -> None:
    """The core guesses that nothing is there, and the store's comparison confirms it."""
    world = World()
    response = await world.register(CONTACT)
    assert response.status == 200
    assert (world.store.reads, len(world.store.writes)) == (0, 1)


async def test_refresh_costs_one_round_trip() -> None:
    world = World()
    await world.register(CONTACT)
    await world.register(CONTACT, cseq=2)
    assert (world.store.reads, len(world.store.writes)) == (0, 2)


async def test_wrong_guess_is_decided_again_on_what_is_there() -> None:
    """Another process registered the other phone."""
    store = FakeStore()
    store.sets[ALICE] = BindingSet(7, (binding("sip:alice@192.0.2.99", call_id="other"),))
    response = await World(store).register(CONTACT)
    assert len(response.contacts) == 2
    assert (store.reads, len(store.writes)) == (0, 2)


async def test_refusal_is_never_based_on_a_guess() -> None:
    """What the cache says is out of order may be gone from the store."""
    world = World()
    await world.register(CONTACT, cseq=5)
    world.store.sets[ALICE] = BindingSet(2, ())
    assert (await world.register(CONTACT, cseq=4)).status == 200


async def test_out_of_order_fails_after_looking() -> None:
    """RFC 3261 §10.3 step 7."""
    world = World()
    await world.register(CONTACT, cseq=5)
    with pytest.raises(OutOfOrder):
        await world.register(CONTACT, cseq=5)
    assert len(world.store.writes) == 1


async def test_endless_contention_is_503() -> None:
    class Busy(FakeStore):
        async def write_bindings(self, op: WriteBindings) -> BindingsOutcome:
            return BindingsChanged(BindingSet(op.expected_version + 1, ()))

    with pytest.raises(Contention) as caught:
        await World(Busy()).register(CONTACT)
    assert (caught.value.status, list(caught.value.headers)) == (503, [("Retry-After", "1")])


async def test_answer_lists_every_binding_with_its_time_left_and_the_date() -> None:
    """RFC 3261 §10.3 step 8."""
    world = World()
    await world.register("Contact: <sip:alice@192.0.2.1>;q=0.2;expires=600")
    world.now += 100
    response = await world.register(
        'Contact: <sip:alice@192.0.2.2>;+sip.instance="<urn:uuid:1>"', cseq=2
    )
    assert list(response.all("contact")) == [
        '<sip:alice@192.0.2.2>;+sip.instance="<urn:uuid:1>";expires=3600',
        "<sip:alice@192.0.2.1>;q=0.2;expires=500",
    ]
    assert response.get("date") == "Thu, 01 Jan 1970 00:18:20 GMT"


async def test_path_goes_back() -> None:
    """RFC 3327 §5.3."""
    response = await World().register(CONTACT, "Path: <sip:p1;lr>, <sip:p2;lr>", "Supported: path")
    assert list(response.values("path")) == ["<sip:p1;lr>", "<sip:p2;lr>"]


async def test_fetch_reads_the_store() -> None:
    """RFC 3261 §10.2.3: what another process wrote counts."""
    world = World()
    await world.register(CONTACT)
    world.store.sets[ALICE] = BindingSet(2, (binding("sip:alice@elsewhere"),))
    assert [contact.uri for contact in (await world.register(cseq=2)).contacts] == [
        "sip:alice@elsewhere"
    ]


async def test_star_looks_before_it_removes() -> None:
    """RFC 3261 §10.2.2."""
    store = FakeStore()
    store.sets[ALICE] = BindingSet(3, (binding(), binding("sip:alice@192.0.2.2")))
    response = await World(store).register("Contact: *", "Expires: 0", cseq=2)
    assert response.contacts == ()
    assert store.sets[ALICE].bindings == ()


@pytest.mark.parametrize(
    ("to", "identity", "error"),
    [
        pytest.param("<sip:alice@example.com>", Identity(BOB, "digest"), NotOwner, id="other"),
        pytest.param("<sip:alice@example.com>", Identity(None, "asserted"), NotOwner, id="nobody"),
        pytest.param("<sip:bob@example.com>", Identity(ALICE, "asserted"), NotOwner, id="asserted"),
        pytest.param("<sip:alice@example.org>", OWNER, NotFound, id="foreign"),
        pytest.param("<sip:example.com>", OWNER, NotFound, id="no-user"),
    ],
)
async def test_only_the_owner_registers(
    to: str, identity: Identity, error: type[ProxyError]
) -> None:
    """RFC 3261 §10.3 steps 4 and 5."""
    world = World()
    with pytest.raises(error):
        await world.register(CONTACT, to=to, identity=identity)
    assert world.store.writes == []


async def test_owner_is_compared_in_canonical_form() -> None:
    """RFC 3261 §10.3 step 5: without parameters, unescaped, host in lower case."""
    to = "Alice <sips:%61lice@EXAMPLE.com;user=phone>"
    assert (await World().register(CONTACT, to=to)).status == 200


async def test_lookup_gives_live_bindings_by_q() -> None:
    store = FakeStore()
    store.sets[ALICE] = BindingSet(
        1, (binding("sip:low@h", q=0.1), binding("sip:high@h"), binding("sip:x@h", expires_at=999))
    )
    world = World(store)
    assert [one.contact for one in await world.registrar.lookup(ALICE)] == [
        "sip:high@h", "sip:low@h"
    ]  # fmt: skip
    await world.registrar.lookup(ALICE)
    assert store.reads == 1


async def test_change_elsewhere_makes_the_next_lookup_read() -> None:
    world = World()
    await world.register(CONTACT)
    world.store.sets[ALICE] = BindingSet(2, ())
    world.registrar.on_change(Change(Kind.BINDING, ALICE, 2))
    assert await world.registrar.lookup(ALICE) == ()


async def test_lost_feed_makes_every_lookup_read() -> None:
    world = World()
    await world.register(CONTACT)
    world.store.sets[ALICE] = BindingSet(2, ())
    world.registrar.on_change(Change(Kind.RESYNC, "", 0))
    assert await world.registrar.lookup(ALICE) == ()


async def test_nobody_listening_costs_no_read() -> None:
    world = World(heard=False)
    await world.register(CONTACT)
    world.registrar.on_change(Change(Kind.BINDING, ALICE, 2))
    await world.registrar.expired([ALICE])
    await world.registrar.settle()
    assert world.store.reads == 0


async def test_each_registration_is_told_once() -> None:
    world = World()
    await world.register(CONTACT)
    await world.register(CONTACT, cseq=2)
    assert [(change.cause, change.version) for change in world.heard] == [
        (Cause.REGISTERED, 1), (Cause.REGISTERED, 2)
    ]  # fmt: skip
    assert world.heard[0].before == ()
    assert world.heard[1].before == world.heard[0].after


async def test_fetch_and_refusal_are_not_told() -> None:
    world = World()
    await world.register()
    with pytest.raises(NotOwner):
        await world.register(CONTACT, identity=Identity(BOB, "digest"))
    assert world.heard == []


async def test_sweep_is_told_with_what_is_left() -> None:
    world = World()
    await world.register(CONTACT)
    world.store.sets[ALICE] = BindingSet(2, ())
    for _ in range(2):
        await world.registrar.expired([ALICE])
        await world.registrar.settle()
    change = world.heard[-1]
    assert (change.cause, len(change.before or ()), change.after) == (Cause.EXPIRED, 1, ())
    assert len(world.heard) == 2


async def test_expiry_noticed_by_a_register_is_told_before_it() -> None:
    """The row goes with the same write, so no sweep can tell it again."""
    world = World()
    await world.register(CONTACT)
    world.now += 5000
    await world.register("Contact: <sip:alice@192.0.2.2>", cseq=2)
    assert [change.cause for change in world.heard[1:]] == [Cause.EXPIRED, Cause.REGISTERED]
    assert world.heard[1].after == ()
    assert world.store.writes[-1].remove == ("sip:alice@192.0.2.10:5070",)


@pytest.mark.parametrize(
    ("contact", "beyond_doubt"),
    [
        ("sip:a@192.0.2.9:5062", True),
        ("sip:a@192.0.2.9:5062;transport=tcp", True),
        ("sip:a@192.0.2.9:50621", False),
        ("sip:a@192.0.2.9", False),
        ("sip:192.0.2.9:5062", False),
        ("sip:a@192.0.2.9:5062;MADDR=192.0.2.1", False),
        ("sip:a@192.0.2.9:5062;x=@192.0.2.1:5060", False),
    ],
)
def test_contact_where_the_request_came_from(contact: str, beyond_doubt: bool) -> None:
    """RFC 5393 §3: only what cannot be another place is spared the look at our addresses."""
    assert _is_at(contact, ("192.0.2.9", 5062)) is beyond_doubt
    assert not _is_at(contact, ("192.0.2.8", 5062))

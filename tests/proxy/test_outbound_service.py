"""RFC 5626 §5 to §7, RFC 5627 §5, RFC 3608 through the registrar's shell."""

from collections.abc import Awaitable, Callable

import pytest

from proxy.answers import Extensions
from proxy.changes import BindingsChange, Cause
from proxy.errors import LoopingContact, NoBinding, NotFound
from proxy.registrar_service import RegistrarService
from proxy.registration import Limits
from proxy.targets import Targets
from sip.authenticator import Identity
from sip.message import Response
from sip.uri import SipUri
from store.errors import StoreError
from store.operations import WriteBindings
from store.outcomes import BindingsOutcome
from store.values import Binding, BindingSet, Change, Kind
from tests.proxy.proxykit import (
    ALICE,
    EDGE,
    FakeFlow,
    FakeStore,
    FakeTransaction,
    binding,
    request,
)

INSTANCE = '+sip.instance="<urn:uuid:1>"'
PUBLIC = f"{ALICE};gr=urn:uuid:1"
SOURCE = ("192.0.2.10", 40000)


class Shaky(FakeStore):
    """A store that is out at times."""

    down = False

    async def write_bindings(self, op: WriteBindings) -> BindingsOutcome:
        if self.down:
            raise StoreError("down")
        return await super().write_bindings(op)


class World:
    """One registrar, and a phone that is directly on it."""

    def __init__(self, extensions: Extensions | None = None) -> None:
        self.now = 1000.0
        self.cseq = 0
        self.store = Shaky()
        self.heard: list[BindingsChange] = []
        self.closed: set[str] = set()
        """Names of flows that are gone."""
        self.later: Callable[[], Awaitable[object]] | None = None
        """Done while the store is out."""
        self.registrar = RegistrarService(
            store=self.store,
            limits=Limits(min_expires=60, max_expires=7200, max_contacts=5),
            is_ours={"example.com", "example.org"}.__contains__,
            clock=lambda: self.now,
            edge=EDGE,
            extensions=extensions or Extensions(),
            is_open=lambda name: name not in self.closed,
            leads_back=lambda contact: "@example.com" in contact or "192.0.2.1;lr" in contact,
            sleep=self._sleep,
        )
        self.registrar.subscribe(self.heard.append)

    async def _sleep(self, seconds: float) -> None:
        if self.later is not None:
            await self.later()

    async def register(
        self,
        contact: str,
        *lines: str,
        flow: FakeFlow | None = None,
        call_id: str = "call-1",
        uri: str = "sip:example.com",
    ) -> Response:
        self.cseq += 1
        flow = flow or FakeFlow("TCP", SOURCE)
        via = f"SIP/2.0/{flow.transport} 192.0.2.10:5070;branch=z9hG4bK1"
        message = request(
            "REGISTER", uri, f"Contact: {contact}", *lines, cseq=self.cseq, call_id=call_id,
            via=via,
        )  # fmt: skip
        tx = FakeTransaction(message, flow)
        await self.registrar.register(tx, Identity(ALICE, "digest"))
        return tx.sent[-1]

    @property
    def stored(self) -> tuple[Binding, ...]:
        return self.store.sets.get(ALICE, BindingSet(0, ())).bindings

    async def targets(self, uri: str) -> Targets:
        return await self.registrar.targets(SipUri.parse(uri), request("INVITE", uri))

    async def contacts(self, uri: str) -> list[str]:
        return [each.uri for group in (await self.targets(uri)).groups for each in group]


async def test_client_on_a_connection_is_stored_with_our_own_way_back() -> None:
    """RFC 5626 §5.1, §6: its flow is named by a token that only we make."""
    world = World()
    response = await world.register("<sip:alice@192.0.2.10:5070>")
    stored = world.stored[0]
    assert stored.path[0].endswith("@192.0.2.1:5060;lr;ob>")
    assert EDGE.token(stored.path[0]) == ("tcp:192.0.2.10:40000", "w1")
    assert (stored.flow, stored.worker) == ("tcp:192.0.2.10:40000", "w1")
    assert response.get("path") is None


async def test_plain_udp_client_is_reached_by_its_contact() -> None:
    world = World()
    await world.register("<sip:alice@192.0.2.10:5070>", flow=FakeFlow())
    assert (world.stored[0].path, world.stored[0].flow) == ((), "")


async def test_udp_client_behind_a_nat_is_reached_where_it_came_from() -> None:
    """RFC 3581 §4, RFC 5626 §5.2: by the very socket that heard it."""
    world = World()
    await world.register("<sip:alice@10.0.0.5>", flow=FakeFlow(remote=("203.0.113.5", 40000)))
    assert world.stored[0].flow == "udp:192.0.2.1:5060>203.0.113.5:40000"


@pytest.mark.parametrize(
    ("extensions", "lines", "agreed", "timer"),
    [
        pytest.param(Extensions(), ["Supported: outbound"], "outbound", "120", id="agreed"),
        pytest.param(Extensions(flow_timer=0), ["Supported: outbound"], "outbound", None,
                     id="no-timer"),
        pytest.param(Extensions(), [], None, None, id="not-asked"),
        pytest.param(Extensions(outbound=False), ["Supported: outbound"], None, None, id="off"),
    ],
)  # fmt: skip
async def test_answer_says_that_the_flow_is_registered(
    extensions: Extensions, lines: list[str], agreed: str | None, timer: str | None
) -> None:
    """RFC 5626 §6, §5.4."""
    response = await World(extensions).register(f"<sip:alice@h>;reg-id=1;{INSTANCE}", *lines)
    assert (response.get("require"), response.get("flow-timer")) == (agreed, timer)


async def test_service_route_is_told() -> None:
    """RFC 3608 §6.1, in the order of the setting."""
    routes = ("<sip:edge.example.com;lr>", "<sip:home.example.com;lr>")
    response = await World(Extensions(service_route=routes)).register("<sip:alice@h>")
    assert tuple(response.values("service-route")) == routes


async def test_closed_connection_takes_its_flow_and_nothing_else() -> None:
    """RFC 5626 §7, LOC-04: one event."""
    world = World()
    gone, kept = FakeFlow("TCP", SOURCE), FakeFlow("TCP", ("192.0.2.10", 40001))
    for number, flow in enumerate((gone, kept), 1):
        await world.register(f"<sip:alice@192.0.2.10>;reg-id={number};{INSTANCE}", flow=flow)
    world.registrar.flow_lost(gone)
    await world.registrar.settle()
    assert [one.reg_id for one in world.stored] == [2]
    change = world.heard[-1]
    assert (change.cause, len(change.before or ()), len(change.after)) == (Cause.FLOW_LOST, 2, 1)
    world.registrar.flow_lost(gone)
    await world.registrar.settle()
    assert len(world.heard) == 3


async def test_listening_phone_keeps_its_binding_when_its_connection_closes() -> None:
    world = World()
    flow = FakeFlow("TCP", SOURCE)
    await world.register("<sip:alice@192.0.2.10:5070;transport=tcp>", flow=flow)
    world.registrar.flow_lost(flow)
    await world.registrar.settle()
    assert [(one.path, one.flow) for one in world.stored] == [((), "")]
    assert world.heard[-1].cause is Cause.FLOW_LOST


async def test_connection_that_closed_before_the_answer_counts_as_lost() -> None:
    world = World()
    await world.register("<sip:a@x.invalid>", flow=FakeFlow("WS", SOURCE, closed=True))
    await world.registrar.settle()
    assert world.stored == ()


async def test_flow_that_failed_takes_its_binding() -> None:
    """RFC 5626 §7: a 430, as after a restart of the process that held it."""
    world = World()
    await world.register("<sip:a@x.invalid>", flow=FakeFlow("WS", SOURCE))
    world.registrar.flow_failed(ALICE, world.stored[0])
    await world.registrar.settle()
    assert world.stored == ()


async def test_flow_that_was_replaced_meanwhile_stays() -> None:
    """RFC 5626 §4.4: the client has recovered before its old flow was found dead."""
    world = World()
    contact = f"<sip:a@x.invalid>;reg-id=1;{INSTANCE}"
    await world.register(contact, flow=FakeFlow("WS", SOURCE))
    old = world.stored[0]
    await world.register(contact, flow=FakeFlow("WS", ("192.0.2.10", 40001)))
    world.registrar.flow_failed(ALICE, old)
    await world.registrar.settle()
    assert [one.flow for one in world.stored] == ["ws:192.0.2.10:40001"]


async def test_binding_of_a_connection_of_a_former_life_is_met_and_goes() -> None:
    """RFC 5626 §7, LOC-04: the process was killed, so nobody was told that the flow is lost."""
    world = World()
    await world.register("<sip:a@x.invalid>", flow=FakeFlow("WS", SOURCE))
    await world.register("<sip:alice@192.0.2.10:5070;transport=tcp>", flow=FakeFlow("TCP", SOURCE))
    await world.register("<sip:alice@10.0.0.5>", flow=FakeFlow(remote=("203.0.113.5", 40000)))
    world.closed = {binding.flow for binding in world.stored}
    found = await world.registrar.lookup(ALICE)
    assert {one.contact for one in found} == {
        "sip:alice@192.0.2.10:5070;transport=tcp",
        "sip:alice@10.0.0.5",
    }
    await world.registrar.settle()
    assert {(one.contact, one.flow[:4]) for one in world.stored} == {
        ("sip:alice@192.0.2.10:5070;transport=tcp", ""),
        ("sip:alice@10.0.0.5", "udp:"),
    }
    assert {change.cause for change in world.heard[3:]} == {Cause.FLOW_LOST}


async def test_flow_of_another_process_is_not_ours_to_judge() -> None:
    """RFC 5626 §5.3.1: its own process says 430 when it is gone."""
    world = World()
    await world.register("<sip:a@x.invalid>", flow=FakeFlow("WS", SOURCE))
    there = world.stored[0]._replace(worker="w2")
    world.store.sets[ALICE] = BindingSet(7, (there,))
    world.registrar.on_change(Change(Kind.BINDING, ALICE, 7))
    await world.registrar.settle()
    world.closed = {there.flow}
    assert await world.registrar.lookup(ALICE) == (there,)


async def test_phone_that_comes_back_takes_its_former_connections_along() -> None:
    """One that dials anew from another port each time does not fill its address-of-record."""
    world = World()
    for port in range(40000, 40003):
        flow = FakeFlow("TCP", ("192.0.2.10", port))
        await world.register(f"<sip:alice@192.0.2.10:{port};transport=tcp>", flow=flow)
        await world.registrar.settle()
        assert len(world.stored) == 1
        world.closed.add(flow.name)


async def test_what_is_registered_after_the_loss_stays() -> None:
    """RFC 5626 §7: the store was out for a moment, and the phone is back on the same port."""
    world = World(Extensions(nat_keepalive=30))
    flow = FakeFlow(remote=("203.0.113.5", 40000))
    await world.register("<sip:alice@10.0.0.5>", flow=flow)
    world.store.down = True

    async def comes_back() -> None:
        world.later, world.store.down, world.now = None, False, world.now + 1.0
        await world.register("<sip:alice@10.0.0.5>", flow=flow)

    world.later = comes_back
    world.registrar.flow_name_lost(flow.name)
    await world.registrar.settle()
    assert [one.flow for one in world.stored] == [flow.name]
    assert Cause.FLOW_LOST not in {change.cause for change in world.heard}


async def test_operator_removes_all() -> None:
    """LOC-04: an administrative removal is an event as any other."""
    world = World()
    await world.register("<sip:a@192.0.2.10>")
    assert await world.registrar.remove(ALICE) == 1
    assert (world.stored, world.heard[-1].cause) == ((), Cause.REMOVED)
    assert await world.registrar.remove(ALICE) == 0


def gruus(response: Response) -> dict[str, str | None]:
    parameters = response.contacts[0].parameters
    return {name: parameters.value(name) for name in ("pub-gruu", "temp-gruu")}


async def test_client_that_knows_gruus_is_given_them() -> None:
    """RFC 5627 §5.2: another temporary one each time."""
    world = World()
    contact = f"<sip:alice@192.0.2.10>;{INSTANCE}"
    first = gruus(await world.register(contact, "Supported: gruu"))
    second = gruus(await world.register(contact, "Supported: gruu"))
    assert first["pub-gruu"] == second["pub-gruu"] == PUBLIC
    assert first["temp-gruu"] != second["temp-gruu"]
    for gruu in (PUBLIC, first["temp-gruu"], second["temp-gruu"]):
        assert gruu is not None
        assert await world.contacts(gruu) == ["sip:alice@192.0.2.10"]


@pytest.mark.parametrize(
    ("extensions", "contact", "lines"),
    [
        pytest.param(Extensions(), f"<sip:a@h>;{INSTANCE}", [], id="not-asked"),
        pytest.param(Extensions(), "<sip:a@h>", ["Supported: gruu"], id="no-instance"),
        pytest.param(Extensions(gruu=False), f"<sip:a@h>;{INSTANCE}", ["Supported: gruu"],
                     id="off"),
    ],
)  # fmt: skip
async def test_no_gruus(extensions: Extensions, contact: str, lines: list[str]) -> None:
    """RFC 5627 §5.2."""
    response = await World(extensions).register(contact, *lines)
    assert gruus(response) == {"pub-gruu": None, "temp-gruu": None}


async def test_temporary_gruu_ends_when_the_call_id_changes() -> None:
    """RFC 5627 §5.1."""
    world = World()
    contact = f"<sip:alice@192.0.2.10>;{INSTANCE}"
    old = gruus(await world.register(contact, "Supported: gruu"))["temp-gruu"]
    world.now += 10
    await world.register(contact, "Supported: gruu", call_id="rebooted")
    assert old is not None
    with pytest.raises(NotFound):
        await world.targets(old)


async def test_gruu_of_an_instance_that_went_is_480() -> None:
    """RFC 5627 §6.1, §5.3; the temporary one is 404 from then on."""
    world = World()
    one = gruus(await world.register(f"<sip:one@h>;{INSTANCE}", "Supported: gruu"))["temp-gruu"]
    await world.register("<sip:two@h>")
    await world.register(f"<sip:one@h>;expires=0;{INSTANCE}")
    with pytest.raises(NoBinding):
        await world.targets(PUBLIC)
    assert one is not None
    with pytest.raises(NotFound):
        await world.targets(one)


async def test_gruu_of_a_user_who_is_not_there_leaves_the_question_who_it_is() -> None:
    targets = await World().targets(PUBLIC)
    assert (targets.groups, targets.known) == ((), False)


async def test_gruu_that_we_did_not_make_is_404() -> None:
    """RFC 5627 §6.1."""
    with pytest.raises(NotFound):
        await World().targets("sip:tgruu.AAAA@example.com;gr")


async def test_gr_is_a_parameter_as_any_other_when_gruus_are_off() -> None:
    world = World(Extensions(gruu=False))
    await world.register("<sip:alice@192.0.2.10>")
    assert await world.contacts(PUBLIC) == ["sip:alice@192.0.2.10"]


@pytest.mark.parametrize("parameters", ["", f";{INSTANCE}"])
async def test_gruu_is_no_contact(parameters: str) -> None:
    """RFC 5627 §5.1: 403, for it would lead back to itself."""
    with pytest.raises(LoopingContact):
        await World().register(f"<{PUBLIC}>{parameters}")


@pytest.mark.parametrize(
    ("lines", "flow"),
    [
        pytest.param(["<sip:bob@example.com>"], FakeFlow(), id="another-user"),
        pytest.param(["<sip:bob@h>", "Supported: path", "Path: <sip:192.0.2.1;lr>"],
                     FakeFlow("TCP", SOURCE), id="path"),
    ],
)  # fmt: skip
async def test_contact_that_leads_back_to_us_is_403(lines: list[str], flow: FakeFlow) -> None:
    """RFC 5393 §3: two users' contacts at each other's names made thousands of one request."""
    with pytest.raises(LoopingContact):
        await World().register(*lines, flow=flow)


async def test_contact_at_our_address_is_reached_by_its_flow_and_never_by_itself() -> None:
    """RFC 5393 §3: some clients on connections say no more than their address-of-record."""
    world = World()
    flow = FakeFlow("TCP", SOURCE)
    await world.register(f"<{ALICE}>", flow=flow)
    (target,) = (await world.targets(ALICE)).groups[0]
    assert (target.uri, target.routes, target.alternatives) == (ALICE, world.stored[0].path, ())
    world.registrar.flow_lost(flow)
    await world.registrar.settle()
    assert (await world.targets(ALICE)).groups == ()


async def test_contact_that_leads_back_may_be_removed() -> None:
    """Of a binding that was made before it counted as that."""
    world = World()
    world.store.sets[ALICE] = BindingSet(1, (binding("sip:bob@example.com"),))
    await world.register("<sip:bob@example.com>;expires=0", flow=FakeFlow(), call_id="call-2")
    assert world.stored == ()


@pytest.mark.parametrize(
    ("uri", "accepted"),
    [
        pytest.param("sip:example.com", True, id="domain-of-the-user"),
        pytest.param("sip:EXAMPLE.com:5060;transport=tcp", True, id="spelled-otherwise"),
        pytest.param("sip:192.0.2.1", True, id="address-of-the-server"),
        pytest.param("sip:example.org", False, id="another-domain-of-ours"),
    ],
)
async def test_user_is_of_the_domain_that_is_asked(uri: str, accepted: bool) -> None:
    """RFC 3261 §10.3 step 5: 404 for an address-of-record that is not valid there."""
    world = World()
    if accepted:
        assert (await world.register("<sip:a@h>", uri=uri)).status == 200
    else:
        with pytest.raises(NotFound):
            await world.register("<sip:a@h>", uri=uri)

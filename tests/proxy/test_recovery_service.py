"""RFC 5626 §7: a process that starts finds what it registered in its former life."""

from proxy.answers import Extensions
from proxy.recovery_service import LOOKS, PAGE, PATIENCE, PAUSE, RecoveryService
from proxy.registrar_service import RegistrarService
from proxy.registration import Limits
from sip.uri import AoR
from store.errors import StoreError
from store.values import Binding, BindingSet
from tests.proxy.proxykit import EDGE, FakeStore, binding

OPEN = "tcp:192.0.2.10:40001#new.1"
GONE = "tcp:192.0.2.10:40000#old.1"
UDP = "udp:192.0.2.1:5060>203.0.113.5:40000"


class Pages(FakeStore):
    """A store that lists its bindings, and may be out at first."""

    failures = 0

    silent: frozenset[str] = frozenset()

    async def silent_nodes(self) -> frozenset[str]:
        if self.failures:
            self.failures -= 1
            raise StoreError("down")
        return self.silent

    async def bindings_after(self, aor: str, key: str, limit: int) -> list[tuple[str, Binding]]:
        if self.failures:
            self.failures -= 1
            raise StoreError("down")
        rows = [(name, one) for name, found in self.sets.items() for one in found.bindings]
        rows.sort(key=lambda row: (row[0], row[1].key))
        return [row for row in rows if (row[0], row[1].key) > (aor, key)][:limit]

    def keep(self, aor: str, *bindings: Binding) -> None:
        self.sets[aor] = BindingSet(1, bindings)


class World:
    """A process that starts over a store."""

    def __init__(self) -> None:
        self.store = Pages()
        self.slept: list[float] = []
        self.registrar = RegistrarService(
            store=self.store,
            limits=Limits(60, 7200, 5),
            is_ours={"example.com"}.__contains__,
            clock=lambda: 1000.0,
            edge=EDGE,
            extensions=Extensions(nat_keepalive=30),
            is_open={OPEN}.__contains__,
        )
        self.recovery = RecoveryService(
            registrar=self.registrar,
            store=self.store,
            worker_of=lambda node: node.partition("/")[0],
            own="w1",
            sleep=self._sleep,
        )

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


def made(flow: str, worker: str = "w1") -> Binding:
    return binding(f"sip:{len(flow)}@x.invalid", flow=flow, worker=worker)


async def test_lost_connections_go_and_nothing_else() -> None:
    world = World()
    world.store.keep("sip:a@example.com", made(GONE))
    world.store.keep("sip:b@example.com", made(OPEN), made(UDP))
    world.store.keep("sip:c@example.com", made(GONE, "w2"), binding())
    kept = {aor: found.bindings for aor, found in world.store.sets.items()}
    await world.recovery.run()
    left = {aor: found.bindings for aor, found in world.store.sets.items()}
    assert left == {**kept, "sip:a@example.com": ()}


async def test_doors_of_nats_are_kept_open_again() -> None:
    """Only by the process whose socket they were opened to, and not for clients that do it."""
    world = World()
    world.store.keep("sip:a@example.com", made(UDP))
    world.store.keep("sip:b@example.com", made(UDP.replace("203", "204"), "w2"))
    world.store.keep("sip:c@example.com", made(UDP.replace("203", "205"))._replace(reg_id=1))
    await world.recovery.run()
    assert world.registrar.flows.names("udp:") == [UDP]


async def test_many_are_read_page_by_page() -> None:
    world = World()
    for number in range(PAGE + 1):
        world.store.keep(f"sip:{number}@example.com", made(GONE))
    await world.recovery.run()
    assert world.slept == [PAUSE]
    assert not any(found.bindings for found in world.store.sets.values())


async def test_a_store_that_is_out_is_waited_for() -> None:
    world = World()
    world.store.keep("sip:a@example.com", made(GONE))
    world.store.failures = 2
    await world.recovery.run()
    assert world.slept == [PATIENCE, PATIENCE]
    assert world.store.sets["sip:a@example.com"].bindings == ()


async def test_connections_of_a_process_that_is_gone_go_and_its_sockets_wait_for_it() -> None:
    """RFC 5626 §7: told as lost; a UDP client is not called while nobody holds its socket."""
    world = World()
    world.store.keep("sip:a@example.com", made(OPEN, "w2"), made(UDP, "w2"), binding())
    world.store.silent = frozenset({"w2/host", "w1/host"})
    for _ in range(LOOKS - 1):
        await world.recovery.watch()
    assert world.registrar.silent == frozenset()
    await world.recovery.watch()
    assert world.registrar.silent == {"w2"}
    assert world.store.sets["sip:a@example.com"].bindings == (made(UDP, "w2"), binding())
    assert await world.registrar.lookup(AoR("sip:a@example.com")) == (binding(),)
    world.store.silent = frozenset()
    await world.recovery.watch()
    assert len(await world.registrar.lookup(AoR("sip:a@example.com"))) == 2


async def test_a_store_that_was_out_makes_nobody_gone() -> None:
    """All heartbeats are old then: the looks begin anew."""
    world = World()
    world.store.keep("sip:a@example.com", made(OPEN, "w2"))
    world.store.silent = frozenset({"w2/host"})
    for _ in range(LOOKS - 1):
        await world.recovery.watch()
    world.store.failures = 1
    for _ in range(LOOKS):
        await world.recovery.watch()
    assert world.registrar.silent == frozenset()
    assert world.store.sets["sip:a@example.com"].bindings == (made(OPEN, "w2"),)

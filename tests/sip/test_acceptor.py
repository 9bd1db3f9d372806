"""What listens for connections of any kind, on both event loops."""

import asyncio
import os
import resource
import socket
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any, cast

import pytest
import uvloop

from sip.transport.acceptor import PAUSE, Acceptor
from sip.transport.config import BadListener, EndpointConfig, ListenAddress, TlsConfig
from sip.transport.connection_stats import ConnectionStats
from sip.transport.gate import Gate
from sip.transport.handshakes import Handshakes
from sip.transport.tls_context import server_context
from tests.sip.pki import Authority
from tests.sip.wires import FakeTimers, until

CONFIG = EndpointConfig(max_handshakes=2)
LEAST_PAUSE = 0.2
"""Seconds; accepting sooner would but spin more slowly."""
Scenario = Callable[[], Coroutine[Any, Any, None]]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="module")
def tls(authority: Authority) -> TlsConfig:
    return TlsConfig(own=authority.issue("example.com"))


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Iterator[Callable[[Scenario], None]]:
    """Runs a scenario on one of the loops."""
    factory = asyncio.new_event_loop if request.param == "asyncio" else uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        yield lambda scenario: runner.run(scenario())


class Greeter(asyncio.Protocol):
    """Sends what it is sent, and keeps its transport."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


class Door:
    """An acceptor with all that belongs to it, and a time of its own."""

    def __init__(self, tls: TlsConfig | None = None, **bounds: Any) -> None:
        self.timers = FakeTimers()
        self.stats = ConnectionStats()
        self.gate = Gate(**{"total": 9, "per_source": 9, **bounds})
        self.handshakes = Handshakes(CONFIG, timers=self.timers, stats=self.stats)
        self.made: list[Greeter] = []
        self._context = server_context(tls) if tls is not None else None
        self.acceptor = self.listen("tcp" if tls is None else "tls")

    def listen(self, transport: str) -> Acceptor:
        """One more listener, beside the one that there is from the beginning."""
        context, factory = self._context, self._make
        return Acceptor(
            ListenAddress(transport, "127.0.0.1", 0),
            CONFIG,
            gate=self.gate,
            stats=self.stats,
            timers=self.timers,
            factory=factory
            if context is None
            else self.handshakes.secured(transport, lambda: context, factory),
        )

    def close(self) -> None:
        self.acceptor.close()
        self.handshakes.close()

    def _make(self) -> Greeter:
        self.made.append(Greeter())
        return self.made[-1]

    def knock(self, source: str = "127.0.0.1", at: Acceptor | None = None) -> socket.socket:
        """A connection from `source`, which nobody has accepted yet."""
        port = (at or self.acceptor).listening.port
        client = socket.create_connection(("127.0.0.1", port), source_address=(source, 0))
        client.setblocking(False)
        return client


async def heard(client: socket.socket) -> bytes:
    """What comes next on `client`."""
    found: list[bytes] = []

    def something() -> bool:
        try:
            found.append(client.recv(99))
        except BlockingIOError:
            return False
        return True

    await until(something)
    return found[0]


async def is_closed(client: socket.socket) -> bool:
    """Whether the other side closes soon, without a word."""
    try:
        return await heard(client) == b""
    except ConnectionResetError:
        return True


async def settle() -> None:
    """Let the loop do what it has to do by now."""
    for _ in range(100):
        await asyncio.sleep(0)


def test_who_closes_makes_room(run: Callable[[Scenario], None]) -> None:
    """Whichever side closes, and whichever loop it is."""

    async def scenario() -> None:
        door = Door(total=1)
        for ours in (False, True, False):
            with door.knock() as client:
                await until(lambda: door.gate.open == 1)
                client.send(b"hello")
                assert await heard(client) == b"hello"
                if ours:
                    door.made[-1].transport.abort()
                    assert await is_closed(client)
            await until(lambda: door.gate.open == 0)
        assert door.stats.accepted["tcp"] == 3
        door.acceptor.close()

    run(scenario)


def test_small_messages_do_not_wait_for_one_another(run: Callable[[Scenario], None]) -> None:
    """TCP_NODELAY: an answer goes out at once."""

    async def scenario() -> None:
        door = Door()
        with door.knock():
            await until(lambda: door.made and hasattr(door.made[0], "transport"))
            sock = door.made[0].transport.get_extra_info("socket")
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        door.acceptor.close()

    run(scenario)


@pytest.mark.parametrize("secure", [False, True])
def test_too_many_of_one_source_are_refused_before_anything_is_made(
    secure: bool, tls: TlsConfig
) -> None:
    async def scenario() -> None:
        door = Door(tls if secure else None, per_source=1)
        with door.knock("127.0.0.2"), door.knock("127.0.0.2") as second:
            assert await is_closed(second)
            with door.knock("127.0.0.3"):
                await until(lambda: door.gate.open == 2)
                await until(lambda: len(door.made) == 2)
        name = "tls" if secure else "tcp"
        assert door.stats.refused == {(name, "source"): 1}
        door.acceptor.close()

    asyncio.run(scenario())


def test_a_trusted_source_may_have_more() -> None:
    async def scenario() -> None:
        door = Door(per_source=1, trusted=lambda address: address == "127.0.0.2")
        with door.knock("127.0.0.2"), door.knock("127.0.0.2"), door.knock("127.0.0.2"):
            await until(lambda: door.gate.open == 3)
        assert not door.stats.refused
        door.acceptor.close()

    asyncio.run(scenario())


def test_tls_on_either_loop(run: Callable[[Scenario], None], authority: Authority) -> None:
    """A handshake, data both ways, and the end: nothing is left of it."""

    async def scenario() -> None:
        door = Door(TlsConfig(own=authority.issue("example.com")))
        for _ in range(3):
            reader, writer = await asyncio.open_connection(
                "127.0.0.1",
                door.acceptor.listening.port,
                ssl=authority.client(),
                server_hostname="example.com",
            )
            writer.write(b"hello" * 10_000)
            assert await reader.readexactly(50_000) == b"hello" * 10_000
            assert (door.gate.open, len(door.handshakes)) == (1, 0)
            writer.close()
            await until(lambda: door.gate.open == 0)
        assert not door.stats.failed_handshakes
        door.acceptor.close()

    run(scenario)


def test_half_open_handshakes_count_and_end(
    run: Callable[[Scenario], None], tls: TlsConfig
) -> None:
    """They count against their source from the first moment, and are closed in time."""

    async def scenario() -> None:
        door = Door(tls, per_source=2)
        with door.knock() as silent, door.knock() as half, door.knock() as refused:
            half.send(b"\x16\x03\x01")  # the beginning of a handshake
            assert await is_closed(refused)
            await until(lambda: len(door.made) == len(door.handshakes) == 2)
            await settle()
            door.timers.run_for(CONFIG.handshake_timeout - 1)
            assert door.gate.open == 2
            door.timers.run_for(2)
            assert await is_closed(silent)
            assert await is_closed(half)
        await until(lambda: door.gate.open == 0)
        assert len(door.handshakes) == 0
        assert door.stats.failed_handshakes["tls"] == 2
        door.acceptor.close()

    run(scenario)


def test_past_the_bound_the_oldest_handshake_makes_room(tls: TlsConfig) -> None:
    """So that nobody who merely begins handshakes keeps others from theirs."""

    async def scenario() -> None:
        door = Door(tls)
        with door.knock("127.0.0.2") as oldest, door.knock("127.0.0.3") as second:
            await until(lambda: len(door.made) == 2)
            await settle()
            with door.knock("127.0.0.4"):
                assert await is_closed(oldest)
                await until(lambda: len(door.made) == 3)
                with pytest.raises(BlockingIOError):
                    second.recv(1)
                assert len(door.handshakes) == CONFIG.max_handshakes
        assert door.stats.failed_handshakes["tls"] == 1
        assert not door.stats.refused
        door.close()

    asyncio.run(scenario())


def test_half_open_handshakes_at_one_listener_do_not_close_another(
    run: Callable[[Scenario], None], tls: TlsConfig
) -> None:
    """RFC 3261 §26.1.5: the oldest of all listeners makes room."""

    async def scenario() -> None:
        door = Door(tls)
        other = door.listen("wss")
        with door.knock() as oldest, door.knock(), door.knock(at=other) as late:
            assert await is_closed(oldest)
            await until(lambda: len(door.made) == 3)
            with pytest.raises(BlockingIOError):
                late.recv(1)
            assert door.stats.failed_handshakes == {"tls": 1}
        assert not door.stats.refused
        other.close()
        door.close()

    run(scenario)


def test_more_at_once_than_the_bound_leave_none_without_a_clock(
    run: Callable[[Scenario], None], tls: TlsConfig
) -> None:
    """RFC 3261 §26.1.5: who is given up before the loop has connected it is closed all the same."""

    async def scenario() -> None:
        door = Door(tls)
        with ExitStack() as stack:
            clients = [stack.enter_context(door.knock()) for _ in range(6)]
            await until(lambda: len(door.made) == 6)
            await until(lambda: door.gate.open == CONFIG.max_handshakes)
            await settle()
            door.timers.run_for(CONFIG.handshake_timeout + 1)
            for client in clients:
                assert await is_closed(client)
        await until(lambda: door.gate.open == 0)
        assert door.stats.failed_handshakes["tls"] == 6
        door.close()

    run(scenario)


def test_an_error_of_a_protocol_is_told_and_leaves_no_socket(
    run: Callable[[Scenario], None],
) -> None:
    """Whatever goes wrong in accepting one: it leaves the gate, and the loop hears of it."""

    async def scenario() -> None:
        told: list[object] = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: told.append(context.get("exception")))
        door = Door()
        door.made = cast("list[Greeter]", None)
        with door.knock() as client:
            assert await is_closed(client)
        await until(lambda: door.gate.open == 0)
        assert [type(error) for error in told] == [AttributeError]
        door.close()

    run(scenario)


def test_closing_ends_handshakes_under_way(run: Callable[[Scenario], None], tls: TlsConfig) -> None:
    async def scenario() -> None:
        door = Door(tls)
        with door.knock() as client:
            await until(lambda: len(door.handshakes) == 1)
            await settle()
            door.close()
            assert await is_closed(client)
        await until(lambda: door.gate.open == 0)

    run(scenario)


@contextmanager
def no_descriptors() -> Iterator[None]:
    """The process can open no file."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(name) for name in os.listdir("/proc/self/fd"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1, before[1]))
    taken = []
    try:
        while True:
            try:
                taken.append(os.dup(0))
            except OSError:
                break
        yield
    finally:
        for descriptor in taken:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_without_descriptors_it_waits_and_goes_on(run: Callable[[Scenario], None]) -> None:
    """No spin, no end: accepting pauses for a while, is counted once, and resumes."""

    async def scenario() -> None:
        door = Door()
        with door.knock():
            with no_descriptors():
                await until(lambda: door.stats.refused)
                await settle()
                assert door.stats.refused == {("tcp", "emfile"): 1}
            door.timers.run_for(LEAST_PAUSE)
            await settle()
            assert door.gate.open == 0
            door.timers.run_for(PAUSE + 1)
            await until(lambda: door.gate.open == 1)
        door.acceptor.close()

    run(scenario)


def test_a_pause_that_outlives_the_acceptor_is_harmless() -> None:
    async def scenario() -> None:
        door = Door()
        with door.knock():
            with no_descriptors():
                await until(lambda: door.stats.refused)
            door.acceptor.close()
            door.timers.run_for(PAUSE + 1)
            assert door.gate.open == 0

    asyncio.run(scenario())


async def test_a_port_in_use_is_an_error_that_names_it() -> None:
    door = Door()
    with pytest.raises(BadListener, match="in use") as caught:
        Acceptor(
            door.acceptor.listening,
            replace(CONFIG, reuse_port=False),
            gate=door.gate,
            stats=door.stats,
            timers=door.timers,
            factory=Greeter,
        )
    assert str(door.acceptor.listening) in str(caught.value)
    door.acceptor.close()


async def test_an_ipv6_wildcard_leaves_the_ipv4_port_free() -> None:
    """RFC 3493 §5.3: IPV6_V6ONLY, so that "tcp:0.0.0.0:P" and "tcp:[::]:P" go together."""
    door = Door()
    port = door.acceptor.listening.port
    other = Acceptor(
        ListenAddress("tcp", "::", port),
        CONFIG,
        gate=door.gate,
        stats=door.stats,
        timers=door.timers,
        factory=Greeter,
    )
    assert str(other.listening) == f"tcp:[::]:{port}"
    other.close()
    door.acceptor.close()

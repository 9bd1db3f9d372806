"""A client whose server's name stands for several servers (RFC 3263 §4.3)."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from sip.errors import TransportError
from sip.locate import Target
from sip.transaction import client as client_machines
from sip.transport.client import UserAgent
from sip.transport.client_errors import RequestRefused, Unreachable
from sip.transport.config import EndpointConfig, ListenAddress
from sip.transport.endpoint import Endpoint, ServerTransaction
from sip.uri import SipUri

NAME = "servers.example.com"


class Known:
    """A resolver that knows one name."""

    def __init__(self, *targets: Target) -> None:
        self.targets = targets
        self.asked: list[str] = []
        self.closed = False

    async def locate(
        self, uri: SipUri, *, transports: Sequence[str], size: int = 0
    ) -> Sequence[Target]:
        self.asked.append(str(uri))
        if not self.targets:
            raise TransportError(f"cannot find {uri.host}: nobody knows it")
        return self.targets

    async def locate_response(
        self, host: str, port: int | None, transport: str
    ) -> Sequence[Target]:
        return self.targets

    def failed(self, target: Target) -> None:
        raise AssertionError("the client goes on by itself")

    async def close(self) -> None:
        self.closed = True


@asynccontextmanager
async def server(status: int, transport: str = "tcp") -> AsyncIterator[Target]:
    """One that answers everything with `status`."""

    def answer(transaction: ServerTransaction) -> None:
        transaction.respond(status)

    one = Endpoint(config=EndpointConfig(listen=(f"{transport}:127.0.0.1:0",)), on_request=answer)
    await one.start()
    listening = ListenAddress.parse(one.listening[0])
    try:
        yield Target(transport, listening.host, listening.port, NAME)
    finally:
        await one.stop()


@asynccontextmanager
async def mute() -> AsyncIterator[Target]:
    """One that takes connections, and answers nothing."""
    requests: list[ServerTransaction] = []
    config = EndpointConfig(listen=("tcp:127.0.0.1:0",))
    one = Endpoint(config=config, on_request=requests.append)
    await one.start()
    try:
        yield Target("tcp", "127.0.0.1", ListenAddress.parse(one.listening[0]).port, NAME)
        assert requests
    finally:
        await one.stop()


def agent(resolver: Known, transport: str = "tcp", port: int = 5060) -> UserAgent:
    return UserAgent(
        "sip:alice@example.com", server=(NAME, port), transport=transport, resolver=resolver
    )


async def gone() -> Target:
    """Where nobody listens any more."""
    async with server(200) as target:
        return target


async def test_the_next_server_is_used_when_the_first_does_not_listen() -> None:
    """RFC 3263 §4.3: a failure of the connection."""
    async with server(200) as good, agent(Known(await gone(), good)) as alice:
        assert (await alice.options()).status == 200


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_the_next_server_is_asked_when_one_answers_503(transport: str) -> None:
    """RFC 3263 §4.3: the same request, as a transaction of its own; then it stays there."""
    async with (
        server(503, transport) as busy,
        server(200, transport) as good,
        agent(Known(busy, good), transport) as alice,
    ):
        assert (await alice.options()).status == 200
        assert (await alice.options()).status == 200


async def test_the_next_server_is_asked_when_one_says_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """RFC 3263 §4.3: timer F has fired."""
    monkeypatch.setattr(client_machines, "TRANSACTION", 0.05)
    async with mute() as silent, server(200) as good, agent(Known(silent, good)) as alice:
        assert (await alice.options()).status == 200


async def test_when_every_server_is_busy_the_last_answer_counts() -> None:
    """RFC 3263 §4.3."""
    async with server(503) as busy, server(503) as other, agent(Known(busy, other)) as alice:
        with pytest.raises(RequestRefused) as refused:
            await alice.options()
    assert refused.value.code == 503


async def test_another_answer_is_no_reason_to_go_on() -> None:
    """RFC 3263 §4.3: 500 is the server's word on the request."""
    async with server(500) as first, server(200) as second, agent(Known(first, second)) as alice:
        with pytest.raises(RequestRefused) as refused:
            await alice.options()
    assert refused.value.code == 500


async def test_no_server_at_all_is_told_and_the_resolver_closed() -> None:
    """RFC 3263 §4.3."""
    nobody, lost = Known(), Known(await gone(), await gone())
    with pytest.raises(Unreachable, match=rf"tcp:{NAME}:5060: cannot find"):
        async with agent(nobody):
            pass
    with pytest.raises(Unreachable, match=rf"tcp:{NAME}: 127\.0\.0\.1"):
        async with agent(lost, port=0):
            pass
    assert nobody.closed
    assert lost.closed
    assert lost.asked == [f"sip:{NAME};transport=tcp"]

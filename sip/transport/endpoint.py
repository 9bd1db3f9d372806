"""A SIP endpoint: listeners, flows and transactions in one (RFC 3261 §17, §18).

Shell, and what the layers above are given. Requests are handed up by the callback it was
built with; it knows nothing of what they are for.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from sip.errors import ParseError, TransportError
from sip.message import Draft, Request, Response, build_response, parse_message
from sip.transport.client_transaction import ClientTransaction
from sip.transport.config import BadListener, EndpointConfig, ListenAddress
from sip.transport.flow import Flow
from sip.transport.ids import Ids
from sip.transport.ports import shared_port
from sip.transport.resolve import Resolver, SystemResolver, numeric
from sip.transport.server_transaction import ServerTransaction as ServerTransaction
from sip.transport.server_transaction import WireFlow
from sip.transport.tcp import TcpPool
from sip.transport.timers import LoopTimers
from sip.transport.transactions import OnError, TransactionLayer
from sip.transport.udp import UdpFlow, UdpListener
from sip.uri import SipUri, parse_uri

DEFAULT_PORT: Final = 5060
UDP_LIMIT: Final = 1300
"""Octets of a request beyond which it goes by TCP (RFC 3261 §18.1.1)."""
TIMEOUT: Final = 408
UNAVAILABLE: Final = 503
VIA_ALLOWANCE: Final = 120
"""Octets that the Via still to be put in may take."""


class Endpoint:
    """Sockets and transactions of one process. `start` it within a running event loop."""

    def __init__(
        self,
        *,
        config: EndpointConfig,
        on_request: Callable[[ServerTransaction], None],
        on_ack: Callable[[Request, Flow], None] | None = None,
        on_stray_response: Callable[[Response, Flow], None] | None = None,
        on_error: OnError | None = None,
        resolver: Resolver | None = None,
    ) -> None:
        """`on_request` is given every request but ACK and CANCEL; `on_ack` those ACKs that
        belong to no transaction; `on_error` an exception and the Call-ID it came with, or "".
        """
        self.config = config
        self._on_request = on_request
        self._on_ack = on_ack
        self._on_stray_response = on_stray_response
        self._on_error: OnError = on_error or (lambda error, call_id: None)
        self._resolver = resolver or SystemResolver()
        self._ids = Ids(config.worker_id)
        self.new_branch = self._ids.new_branch
        self.new_tag = self._ids.new_tag
        self.listening: list[str] = []
        """The addresses really listened on, "udp:127.0.0.1:5060", in the order of the config."""
        self._udp: list[UdpListener] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Open every listener; BadListener when one cannot be, and then none stays open."""
        self._timers = LoopTimers(lambda error: self._on_error(error, ""))
        self._layer = layer = TransactionLayer(
            self.config,
            ids=self._ids,
            timers=self._timers,
            clock=time.time,
            on_request=self._on_request,
            on_ack=self._on_ack,
            on_stray_response=self._on_stray_response,
            on_error=self._on_error,
            answer_elsewhere=self._answer_elsewhere,
        )
        self.send_notify = layer.send_notify
        self.receive = layer.receive
        self._tcp = TcpPool(
            self.config,
            timers=self._timers,
            receive=layer.receive,
            refuse=layer.refuse,
            on_closed=layer.flow_closed,
        )
        try:
            for text in self.config.listen:
                self.listening.append(str(await self._listen(ListenAddress.parse(text))))
        except BadListener:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Close sockets and connections; nothing is sent or told any more."""
        for task in self._tasks:
            task.cancel()
        for listener in self._udp:
            listener.close()
        await self._tcp.close()
        self._timers.close()
        self.listening.clear()

    @property
    def pending(self) -> int:
        """Server transactions that have no final answer yet."""
        return self._layer.pending

    @property
    def connections(self) -> int:
        """Open connections."""
        return len(self._tcp)

    async def _listen(self, address: ListenAddress) -> ListenAddress:
        """Open one listener; those at port 0 of one host get the same port, if one is free."""
        if address.port != 0:
            return await self._open(address)
        sibling = next((a for a in self._bound() if a.host == address.host), None)
        if sibling is None:
            port = shared_port(address.host)
        else:
            port = sibling.port if sibling.transport != address.transport else 0
        try:
            return await self._open(ListenAddress(address.transport, address.host, port))
        except BadListener:
            return await self._open(address)  # taken meanwhile: any other will do

    async def _open(self, address: ListenAddress) -> ListenAddress:
        if address.transport == "udp":
            listener = UdpListener(address, self.config, receive=self._layer.receive)
            self._udp.append(listener)
            return listener.listening
        await self._tcp.listen(address)
        return self._tcp.listening[-1]

    def _bound(self) -> list[ListenAddress]:
        return [listener.listening for listener in self._udp] + self._tcp.listening

    def flow_now(self, uri: SipUri, *, prefer: Flow | None = None) -> Flow | None:
        """A flow to `uri` that needs no waiting, or None: a name, or a connection to be opened.

        `prefer` is the flow to use when it leads to the same host by the same transport, and
        otherwise says which of our sockets to use.
        """
        host = numeric(uri.host)
        transport = self._transport_of(uri)
        if host is None or transport is None:
            return None
        remote = (host, uri.port or DEFAULT_PORT)
        if transport == "udp":
            return self._udp_flow(remote, prefer)
        if (
            prefer is not None
            and not prefer.closed
            and prefer.transport.lower() == transport
            and prefer.remote[0] == host
        ):
            return prefer
        return self._tcp.find(remote)

    async def flow_to(self, uri: SipUri, *, size: int = 0, prefer: Flow | None = None) -> Flow:
        """A flow to `uri`, resolved and connected as needed; TransportError when there is none.

        A request of `size` octets that is too large for UDP goes by TCP, unless the URI says
        transport=udp or no connection can be made (RFC 3261 §18.1.1).
        """
        if size > UDP_LIMIT and self._transport_of(uri) == "udp" and uri.transport is None:
            try:
                return await self._stream_to(uri, prefer)
            except TransportError:
                pass  # RFC 3261 §18.1.1: then it goes by UDP after all
        flow = self.flow_now(uri, prefer=prefer)
        if flow is not None:
            return flow
        transport = self._transport_of(uri)
        if transport is None:
            raise TransportError(f"no transport leads to {uri}")
        if transport == "tcp":
            return await self._stream_to(uri, prefer)
        for remote in await self._addresses(uri, transport):
            flow = self._udp_flow(remote, prefer)
            if flow is not None:
                return flow
        raise TransportError(f"no socket of ours reaches {uri.host}")

    def _transport_of(self, uri: SipUri) -> str | None:
        """What the URI asks for; UDP by default, TCP when we have no UDP; None when we cannot."""
        if uri.scheme != "sip":
            return None
        named = uri.transport
        if named is None:
            return "udp" if self._udp else "tcp"
        return named.lower() if named.lower() in ("udp", "tcp") else None

    def _udp_flow(self, remote: tuple[str, int], prefer: Flow | None) -> UdpFlow | None:
        """The UDP flow to `remote` from the socket of `prefer`, else from any that can."""
        ipv6 = ":" in remote[0]
        if isinstance(prefer, UdpFlow) and not prefer.closed and ipv6 == (":" in prefer.remote[0]):
            return (
                prefer.beside(remote[1])
                if prefer.remote[0] == remote[0]
                else _flow(prefer.listener, remote)
            )
        for listener in self._udp:
            if ipv6 == (":" in listener.bound[0]):
                return _flow(listener, remote)
        return None

    async def _stream_to(self, uri: SipUri, prefer: Flow | None) -> Flow:
        failure = TransportError(f"cannot find {uri.host}")
        for remote in await self._addresses(uri, "tcp"):
            if (
                prefer is not None
                and not prefer.closed
                and prefer.transport == "TCP"
                and prefer.remote[0] == remote[0]
            ):
                return prefer
            try:
                return await self._tcp.connect(remote)
            except TransportError as error:
                failure = error
        raise failure

    async def _addresses(self, uri: SipUri, transport: str) -> list[tuple[str, int]]:
        port = uri.port or DEFAULT_PORT
        host = numeric(uri.host)
        if host is not None:
            return [(host, port)]
        return list(await self._resolver.resolve(uri.host, port, transport))

    def client_transaction(
        self,
        request_bytes: bytes,
        method: str,
        branch: str,
        flow: Flow,
        *,
        on_response: Callable[[Response], None],
        on_timeout: Callable[[], None],
        on_transport_error: Callable[[], None],
    ) -> ClientTransaction:
        """Send a request whose top Via bears `branch` (of `new_branch`), as a relay does."""
        return self._layer.client_transaction(
            request_bytes,
            method,
            branch,
            flow,
            on_response=on_response,
            on_timeout=on_timeout,
            on_transport_error=on_transport_error,
        )

    async def request(self, request: Request, *, flow: Flow | None = None) -> Response:
        """Send `request` (not INVITE), putting the Via in, and return its final response.

        A time-out comes back as 408 and a failure to send as 503 (RFC 3261 §8.1.3.1).
        """
        try:
            flow = flow or await self._flow_for(request)
        except (TransportError, ParseError):
            return synthesised(request, UNAVAILABLE)
        branch = self.new_branch()
        draft = Draft(request)
        draft.prepend("Via", f"{flow.via_prefix};rport;branch={branch}")
        answer: asyncio.Future[Response] = asyncio.get_running_loop().create_future()

        def settle(response: Response) -> None:
            if not answer.done() and response.status >= 200:
                answer.set_result(response)

        transaction = self.client_transaction(
            bytes(draft),
            request.method,
            branch,
            flow,
            on_response=settle,
            on_timeout=lambda: settle(synthesised(request, TIMEOUT)),
            on_transport_error=lambda: settle(synthesised(request, UNAVAILABLE)),
        )
        try:
            return await answer
        except asyncio.CancelledError:
            transaction.end()
            raise

    async def _flow_for(self, request: Request) -> Flow:
        """The flow to a request's first Route, else to its Request-URI (RFC 3261 §8.1.2)."""
        routes = request.values("route")
        uri = parse_uri(routes[0].strip().strip("<>")) if routes else request.uri
        if not isinstance(uri, SipUri):
            raise TransportError(f"no transport leads to {uri}")
        return await self.flow_to(uri, size=len(bytes(request)) + VIA_ALLOWANCE)

    def _answer_elsewhere(self, flow: WireFlow, port: int, data: bytes) -> None:
        """Open a connection to where the request came from, for its response (§18.2.2)."""
        task = asyncio.create_task(self._connect_and_send((flow.remote[0], port), data))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect_and_send(self, remote: tuple[str, int], data: bytes) -> None:
        try:
            flow = await self._tcp.connect(remote)
            flow.send(data)
        except TransportError as error:
            self._on_error(error, "")


def synthesised(request: Request, status: int) -> Response:
    """The response that stands for a time-out or a failure to send (RFC 3261 §8.1.3.1)."""
    response = parse_message(build_response(request, status))
    assert isinstance(response, Response)
    return response


def _flow(listener: UdpListener, remote: tuple[str, int]) -> UdpFlow:
    host, port = remote
    return listener.flow((host, port, 0, 0) if ":" in host else (host, port))

"""A SIP endpoint: listeners, flows and transactions in one (RFC 3261 §17, §18).

Shell, and what the layers above are given. Requests are handed up by the callback it was
built with; it knows nothing of what they are for.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from sip.errors import ParseError, TransportError
from sip.locate import DEFAULT_PORTS, numeric
from sip.message import Draft, Request, Response, build_response, parse_message
from sip.transport.client_transaction import ClientTransaction
from sip.transport.config import BadListener, EndpointConfig, ListenAddress
from sip.transport.connection_stats import ConnectionStats
from sip.transport.dns_resolver import DnsResolver
from sip.transport.flow import Flow
from sip.transport.ids import Ids
from sip.transport.layer import WEBSOCKETS, TransportLayer
from sip.transport.server_transaction import ServerTransaction as ServerTransaction
from sip.transport.server_transaction import WireFlow
from sip.transport.source_limits import SourceLimits
from sip.transport.target import Resolver, Target
from sip.transport.timers import LoopTimers
from sip.transport.transactions import OnError, Stateless, TransactionLayer
from sip.uri import SipUri, parse_uri
from sip.via import Via

TIMEOUT: Final = 408
UNAVAILABLE: Final = 503
VIA_ALLOWANCE: Final = 120
"""Octets that the Via still to be put in may take."""
MAX_ELSEWHERE: Final = 1_000
"""Responses for which a new road is sought at once; past it they are given up."""


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
        on_flow_closed: Callable[[Flow], None] | None = None,
        trusted: Callable[[str], bool] | None = None,
        resolver: Resolver | None = None,
        stateless: Mapping[str, Stateless] | None = None,
    ) -> None:
        """`on_request` is given every request but ACK and CANCEL; `on_ack` those ACKs that
        belong to no transaction; `on_error` an exception and the Call-ID it came with, or "";
        `stateless` those of the methods it names, before there is a transaction;
        `on_flow_closed` is told of a connection that is gone before `stop`. `trusted` says of
        an address whether it is exempt from the limits of one source.
        """
        self.config = config
        self._on_request = on_request
        self._on_ack = on_ack
        self._on_stray_response = on_stray_response
        self._on_error: OnError = on_error or (lambda error, call_id: None)
        self._stateless = stateless
        self._on_flow_closed = on_flow_closed
        self._trusted = trusted or (lambda address: False)
        self._resolver: Resolver = resolver or DnsResolver()
        self._ids = Ids(config.worker_id)
        self.new_branch = self._ids.new_branch
        self.new_tag = self._ids.new_tag
        self.listening: list[str] = []
        """The addresses really listened on, "udp:127.0.0.1:5060", in the order of the config."""
        self.limits: SourceLimits | None = None
        """What sources may send, and what was refused; None without a limit or before `start`."""
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Open every listener; BadListener when one cannot be, and then none stays open."""
        self._timers = LoopTimers(lambda error: self._on_error(error, ""))
        self.limits = self._source_limits()
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
            stateless=self._stateless,
            limits=self.limits,
        )
        self.send_notify = layer.send_notify
        self.receive = layer.receive
        self._flows = TransportLayer(
            self.config,
            timers=self._timers,
            receive=layer.receive,
            refuse=layer.refuse,
            on_closed=self._flow_closed,
            trusted=self._trusted,
        )
        try:
            for text in self.config.listen:
                self.listening.append(str(self._flows.listen(ListenAddress.parse(text))))
        except BadListener:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Close sockets and connections; nothing is sent or told any more."""
        for task in self._tasks:
            task.cancel()
        self._flows.close()
        await self._resolver.close()
        await asyncio.sleep(0)  # what waits for the end of this turn still goes out
        self._timers.close()
        self.listening.clear()

    def _source_limits(self) -> SourceLimits | None:
        config = self.config
        if not config.source_rate:
            return None
        return SourceLimits(
            config.source_rate, config.source_burst, now=self._timers.now, exempt=self._trusted
        )

    @property
    def pending(self) -> int:
        """Server transactions that have no final answer yet."""
        return self._layer.pending

    @property
    def connections(self) -> int:
        """Open connections."""
        return len(self._flows.connections)

    @property
    def connection_stats(self) -> ConnectionStats:
        """What happened to connections so far."""
        return self._flows.stats

    def connections_by(self, transport: str) -> int:
        """Open connections by "tcp", "tls", "ws" or "wss"."""
        return self._flows.connections.open_by(transport)

    def flow_now(self, uri: SipUri, *, prefer: Flow | None = None) -> Flow | None:
        """A flow to `uri` that needs no waiting, or None: a name, or a connection to be opened.

        `prefer` says which of our UDP sockets to use.
        """
        target = self._flows.numeric_target(uri)
        return None if target is None else self._flows.open_flow(target, prefer)

    async def flow_to(self, uri: SipUri, *, size: int = 0, prefer: Flow | None = None) -> Flow:
        """The first flow to `uri` that can be had, TransportError when there is none."""
        failure = TransportError(f"no transport leads to {uri}")
        for target in await self.targets(uri, size=size):
            try:
                return await self.flow_for(target, prefer=prefer)
            except TransportError as error:
                self._resolver.failed(target)
                failure = error
        raise failure

    async def targets(self, uri: SipUri, *, size: int = 0) -> Sequence[Target]:
        """Where a request of `size` octets for `uri` may go, in the order to be tried.

        TransportError when nothing leads there (RFC 3263 §4).
        """
        target = self._flows.numeric_target(uri, size)
        if target is not None:
            return (target,)
        return await self._resolver.locate(uri, transports=self._flows.transports, size=size)

    async def flow_for(self, target: Target, *, prefer: Flow | None = None) -> Flow:
        """A flow to `target`, its connection opened as needed; TransportError if it cannot be."""
        return await self._flows.flow_for(target, prefer)

    def failed(self, target: Target) -> None:
        """Remember that `target` did not serve: for a while it is tried last (RFC 3263 §4.3)."""
        self._resolver.failed(target)

    def flow_named(self, name: str) -> Flow | None:
        """The open flow of that `Flow.name`; one by UDP is there as long as its socket is."""
        return self._flows.flow_named(name)

    def reload_tls(self) -> None:
        """Read certificates again, for the connections to come; TransportError changes nothing."""
        self._flows.reload_tls()

    def _flow_closed(self, flow: Flow) -> None:
        self._layer.flow_closed(flow)
        if self._on_flow_closed is not None and not self._flows.connections.closed:
            self._on_flow_closed(flow)

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

    def _answer_elsewhere(self, flow: WireFlow, data: bytes) -> None:
        """Open a connection to where the request came from, for its response (§18.2.2).

        TransportError when it came over a WebSocket, to whose client there is no other road, and
        when too many are sought already.
        """
        if flow.transport.lower() in WEBSOCKETS:
            raise TransportError(f"{flow.name}: the connection is closed")
        if len(self._tasks) >= MAX_ELSEWHERE:
            raise TransportError(f"{flow.name}: closed, and too many are sought anew")
        task = asyncio.create_task(self._connect_and_send(flow, data))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect_and_send(self, flow: WireFlow, data: bytes) -> None:
        response = parse_message(data)
        try:
            (await self._flow_back(flow, response.via)).send(data)
        except (TransportError, ParseError) as error:
            self._on_error(error, response.get("call-id") or "")

    async def _flow_back(self, flow: WireFlow, via: Via) -> Flow:
        """A new road for a response: to the source address, else to the sent-by (RFC 3263 §5)."""
        transport = flow.transport.lower()
        port = via.port or DEFAULT_PORTS[transport]
        domain = via.host.strip("[]")
        try:
            return await self.flow_for(Target(transport, flow.remote[0], port, domain))
        except TransportError:
            if numeric(domain):
                raise
        failure = TransportError(f"no way back to {domain}")
        for target in await self._resolver.locate_response(domain, via.port, transport):
            try:
                return await self.flow_for(target)
            except TransportError as error:
                failure = error
        raise failure


def synthesised(request: Request, status: int) -> Response:
    """The response that stands for a time-out or a failure to send (RFC 3261 §8.1.3.1)."""
    response = parse_message(build_response(request, status))
    assert isinstance(response, Response)
    return response

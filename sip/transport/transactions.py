"""The transaction layer: which message belongs to what (RFC 3261 §17.1.3, §17.2.3).

Shell without sockets or event loop: messages come in by `receive`, go out by flows, and time
comes from `Timers`, so that two of these joined back to back make a network (tests/dialogues).
Everything here is on the road of every message: tests/bench/bench_endpoint.py.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from sip.errors import ParseError, SipError, TransportError
from sip.message import Request, Response, build_response, parse_message, salvage
from sip.stun import FIRST_OCTET, binding_answer
from sip.transaction.answers import Answers
from sip.transaction.kept_answer import is_short, whole
from sip.transaction.key import invite_key
from sip.transport.client_transaction import ClientTransaction, Exchange, NotifyTransaction
from sip.transport.config import EndpointConfig
from sip.transport.flow import Flow
from sip.transport.ids import Ids
from sip.transport.server_transaction import ServerTransaction, WireFlow
from sip.transport.source_limits import SourceLimits
from sip.transport.timers import Timers
from sip.transport.top_via import arrive

OK: Final = 200
BAD_REQUEST: Final = 400
NO_TRANSACTION: Final = 481
SERVER_ERROR: Final = 500
OVERLOADED: Final = 503

_BRANCH: Final = b";branch="
_STATUS_LINE: Final = b"SIP/2.0 "
_STATUS: Final = slice(8, 11)
_LINE_BREAKS: Final = b"\r\n"
_NO_LETTERS: Final = _LINE_BREAKS + FIRST_OCTET
"""What no request line begins with, but some datagrams do."""

OnError = Callable[[Exception, str], None]
"""Told of an exception and the Call-ID of the message that caused it, or ""."""


Stateless = Callable[[Request, Flow, str], bytes | None]
"""Answers a request without a transaction (RFC 3261 §8.2.7): the request, where it came from and
the To tag of the answer in, the response out; None leaves the request to `on_request`."""

Headers = Iterable[tuple[str, str]]

Answered = tuple[Flow, bytes]
"""Where an answer went, and the answer: all that is kept for when the request is sent again."""


class TransactionLayer:
    """All transactions of one endpoint."""

    def __init__(
        self,
        config: EndpointConfig,
        *,
        ids: Ids,
        timers: Timers,
        clock: Callable[[], float],
        on_request: Callable[[ServerTransaction], None],
        on_ack: Callable[[Request, Flow], None] | None = None,
        on_stray_response: Callable[[Response, Flow], None] | None = None,
        on_error: OnError | None = None,
        answer_elsewhere: Callable[[WireFlow, bytes], None] | None = None,
        stateless: Mapping[str, Stateless] | None = None,
        limits: SourceLimits | None = None,
    ) -> None:
        """`clock` gives Unix seconds; `answer_elsewhere` sends a response whose connection is
        gone, or raises TransportError; `stateless` answers the methods that it names; without
        `limits` a source may send as much as it likes.
        """
        self.timers = timers
        self.now = timers.now
        self.schedule = timers.schedule
        self.new_tag = ids.new_tag
        self._stateless_tag = ids.stateless_tag
        self._stateless = stateless or {}
        self.on_request = on_request
        self._config = config
        self._limits = limits
        self._clock = clock
        self._on_ack = on_ack
        self._on_stray_response = on_stray_response
        self._on_error = on_error
        self._elsewhere = answer_elsewhere
        self._servers: dict[bytes, ServerTransaction | Answered] = {}
        self._answers = Answers(config.max_answered)
        self._sweeping = False
        self._clients: dict[bytes, Exchange] = {}
        self._branch_length = ids.branch_length
        self._by_flow: dict[Flow, set[bytes]] = {}
        self.pending = 0
        """Server transactions that have not ended."""

    def receive(self, data: bytes, flow: WireFlow) -> None:
        """Take one message in. Whatever is wrong with it, this returns."""
        try:
            if data.startswith(_STATUS_LINE):
                self._receive_response(data, flow)
            else:
                self._receive_request(data, flow)
        except ParseError:
            self.refuse(data, flow)
        except TransportError as error:
            self._tell(error, data)
        except Exception as error:  # noqa: BLE001 - the one place where a message's errors end
            self._tell(error, data)
            self._apologise(data, flow)

    def _receive_response(self, data: bytes, flow: Flow) -> None:
        at = data.find(_BRANCH) + len(_BRANCH)
        exchange = self._clients.get(data[at : at + self._branch_length])
        status = data[_STATUS]
        if isinstance(exchange, NotifyTransaction) and status.isdigit():
            exchange.receive(int(status), data)
        elif exchange is not None or self._limits is None or self._limits.admits(flow.remote[0]):
            self._receive_parsed(data, flow)

    def _receive_parsed(self, data: bytes, flow: Flow) -> None:
        """Match a response by branch and CSeq method; a stray one is passed up (§18.1.2)."""
        response = parse_message(data)
        if not isinstance(response, Response):
            return
        key = client_key(response.via.branch or "", response.cseq.method)
        exchange = self._clients.get(key)
        if isinstance(exchange, ClientTransaction):
            exchange.take(response)
        elif exchange is not None:
            exchange.receive(response.status, data)
        elif self._on_stray_response is not None:
            self._on_stray_response(response, flow)

    def _receive_request(self, data: bytes, flow: WireFlow) -> None:
        limits = self._limits
        if limits is not None and not limits.admits(flow.remote[0]):
            self._turn_away(data, flow, limits)
            return
        if data[:1] in _NO_LETTERS:
            data = self._pass_over(data, flow)
            if not data:
                return
        data, key, port = arrive(data, flow.source)
        known = self._servers.get(key)
        if known is None:
            self._receive_new(data, flow, key, port)
        elif isinstance(known, tuple):
            if not data.startswith(b"ACK "):
                answer_flow, kept = known
                answer_flow.send(whole(kept, _request(data)) if is_short(kept) else kept)
        elif data.startswith(b"ACK "):
            known.acknowledge(_request(data))
        else:
            known.again()

    def _turn_away(self, data: bytes, flow: WireFlow, limits: SourceLimits) -> None:
        """Refuse a source that sends too much; most of it is dropped, a connection closed."""
        if limits.answers(flow.remote[0]):
            self.refuse(data, flow, OVERLOADED, headers=self._retry_later())
        if flow.reliable:
            flow.close()

    def _pass_over(self, data: bytes, flow: WireFlow) -> bytes:
        """The request behind line breaks, if any; a STUN keep-alive is answered (RFC 5626 §8)."""
        if not data.startswith(FIRST_OCTET):
            return data.lstrip(_LINE_BREAKS)
        answer = None if flow.reliable else binding_answer(data, flow.remote)
        if answer is not None:
            self._send_once(answer, flow)
        return b""

    def _receive_new(self, data: bytes, flow: WireFlow, key: bytes, port: int) -> None:
        request = _request(data)
        if request.method == "ACK":
            if self._on_ack is not None:
                self._on_ack(request, flow)
            return
        stateless = self._stateless.get(request.method)
        if stateless is not None:
            response = stateless(request, flow, self._stateless_tag(key))
            if response is not None:
                (flow if port == flow.source.port else flow.beside(port)).send(response)
                return
        if self.pending >= self._config.max_transactions:
            self._refuse_for_load(request, flow, port)
            return
        transaction = ServerTransaction(request, flow, key, port, self._clock(), self)
        self._servers[key] = transaction
        self.pending += 1
        if request.method == "CANCEL":
            self._cancel(transaction)
        else:
            self.on_request(transaction)

    def _cancel(self, transaction: ServerTransaction) -> None:
        """Answer a CANCEL and tell the INVITE it is for (RFC 3261 §9.2)."""
        invite = self._servers.get(invite_key(transaction.key))
        if not isinstance(invite, ServerTransaction):
            transaction.respond(NO_TRANSACTION)
            return
        transaction.respond(OK, to_tag=invite.local_tag)
        invite.cancel(transaction.request)

    def refuse(
        self,
        data: bytes,
        flow: WireFlow,
        status: int = BAD_REQUEST,
        *,
        headers: Headers = (),
    ) -> None:
        """Answer `status` to a request that is not read further (RFC 3261 §18.3)."""
        request = salvage(data)
        if request is not None and request.method != "ACK":
            tag = self.new_tag()
            self._send_once(build_response(request, status, headers=headers, to_tag=tag), flow)

    def _refuse_for_load(self, request: Request, flow: WireFlow, port: int) -> None:
        headers, tag = self._retry_later(), self.new_tag()
        response = build_response(request, OVERLOADED, headers=headers, to_tag=tag)
        self._send_once(response, flow.beside(port))

    def _retry_later(self) -> Headers:
        return (("Retry-After", str(self._config.retry_after)),)

    def _apologise(self, data: bytes, flow: WireFlow) -> None:
        """Answer 500 to a request that we failed to handle, through its transaction if any."""
        request = salvage(data)
        if request is None or request.method == "ACK":
            return
        try:
            known = self._servers.get(arrive(data, flow.source)[1])
        except SipError:
            known = None
        if isinstance(known, ServerTransaction):
            known.respond(SERVER_ERROR)
        elif known is None:
            self._send_once(build_response(request, SERVER_ERROR, to_tag=self.new_tag()), flow)

    def _send_once(self, data: bytes, flow: Flow) -> None:
        """Send without a transaction; when the flow is gone there is nobody to tell."""
        try:
            flow.send(data)
        except TransportError as error:
            self._tell(error, data)

    def _tell(self, error: Exception, data: bytes) -> None:
        if self._on_error is not None:
            request = salvage(data)
            self._on_error(error, (request.get("call-id") or "") if request else "")

    def answered(self, transaction: ServerTransaction, now: float) -> None:
        """See `Keeper`: over UDP the answer is kept for timer J, over a connection J is 0."""
        self.pending -= 1
        key = transaction.key
        if transaction.flow.reliable:
            self._servers.pop(key, None)
            return
        self._servers[key] = (transaction.answer_flow, transaction.kept)
        self._answers.keep(key, now)
        if not self._sweeping or len(self._answers) > self._config.max_answered:
            self._sweep()

    def forget(self, transaction: ServerTransaction) -> None:
        """See `Keeper`."""
        if self._servers.pop(transaction.key, None) is not None:
            self.pending -= 1

    def answer_elsewhere(self, flow: WireFlow, data: bytes) -> None:
        """See `Keeper`."""
        if self._elsewhere is None or not flow.reliable:
            raise TransportError("the peer is gone")
        self._elsewhere(flow, data)

    def _sweep(self) -> None:
        """Forget the answers whose timer J has fired, and come back for the next."""
        for key in self._answers.expired(self.timers.now()):
            self._servers.pop(key, None)
        if self._sweeping:
            return
        next_at = self._answers.next_at()
        if next_at is not None:
            self._sweeping = True
            self.timers.schedule(next_at, self._on_sweep)

    def _on_sweep(self) -> None:
        self._sweeping = False
        self._sweep()

    def send_notify(
        self, data: bytes, branch: str, flow: Flow, done: Callable[[int, Response | None], None]
    ) -> None:
        """Send a request other than INVITE in ready bytes, whose top Via has `branch`.

        `done` is called once, never from within this call: with the final status (and the
        response when it is no 2xx, or one that speaks of rates), 408 when none came (timer F),
        503 when it could not be sent.
        """
        key = branch.encode()
        exchange = NotifyTransaction(data, key, flow, done=done, owner=self)
        self._begin(exchange)
        exchange.start()

    def client_transaction(
        self,
        data: bytes,
        method: str,
        branch: str,
        flow: Flow,
        *,
        on_response: Callable[[Response], None],
        on_timeout: Callable[[], None],
        on_transport_error: Callable[[], None],
    ) -> ClientTransaction:
        """Send ready bytes whose top Via has `branch`; every response is passed up."""
        exchange = ClientTransaction(
            data,
            method=method,
            key=client_key(branch, method),
            flow=flow,
            owner=self,
            on_response=on_response,
            on_timeout=on_timeout,
            on_transport_error=on_transport_error,
        )
        self._begin(exchange)
        exchange.start()
        return exchange

    def _begin(self, exchange: Exchange) -> None:
        self._clients[exchange.key] = exchange
        if exchange.flow.reliable:
            self._by_flow.setdefault(exchange.flow, set()).add(exchange.key)

    def finished(self, transaction: Exchange) -> None:
        """See `Owner`."""
        self._clients.pop(transaction.key, None)
        if transaction.flow.reliable:
            keys = self._by_flow.get(transaction.flow)
            if keys is not None:
                keys.discard(transaction.key)
                if not keys:
                    del self._by_flow[transaction.flow]

    def flow_closed(self, flow: Flow) -> None:
        """A connection is gone: so are the requests that wait for answers on it (§17.1.4).

        An error of one who is told keeps no other from being told.
        """
        for key in self._by_flow.pop(flow, ()):
            exchange = self._clients.get(key)
            if exchange is None:
                continue
            try:
                exchange.fail()
            except Exception as error:  # noqa: BLE001 - the one place for errors of these
                self._tell(error, b"")


def client_key(branch: str, method: str) -> bytes:
    """What a response is matched by: the branch, and for a CANCEL that it is one (§17.1.3)."""
    key = branch.encode(errors="surrogateescape")
    return key + b" CANCEL" if method == "CANCEL" else key


def _request(data: bytes) -> Request:
    message = parse_message(data)
    if not isinstance(message, Request):
        raise ParseError("request", data[:40].decode(errors="replace"))
    return message

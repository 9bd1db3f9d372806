"""What tests of the proxy and the dispatcher are made of: requests as text, and small fakes."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from proxy.outbound import Edge
from sip.certificates import PeerCertificate
from sip.errors import TransportError
from sip.locate import Target
from sip.message import Request, Response, build_response, parse_message
from sip.transport.flow import Flow, contact, flow_name, via_prefix
from sip.uri import AoR, SipUri
from store.operations import WriteBindings
from store.outcomes import BindingsChanged, BindingsOutcome, BindingsWritten
from store.values import Binding, BindingSet

ALICE = AoR("sip:alice@example.com")
BOB = AoR("sip:bob@example.com")
SERVER = ("192.0.2.1", 5060)
CLIENT = ("192.0.2.10", 5070)
KEY = b"k" * 32
EDGE = Edge("w1", KEY, lambda flow: "192.0.2.1:5060")


def request(
    method: str,
    uri: str = "sip:example.com",
    *lines: str,
    sender: str = "sip:alice@example.com",
    to: str = "<sip:alice@example.com>",
    cseq: int = 1,
    call_id: str = "call-1",
    via: str = "SIP/2.0/UDP 192.0.2.10:5070;branch=z9hG4bK1;rport",
    body: str = "",
) -> Request:
    """A request as the wire brings it; `lines` are further header lines."""
    head = [
        f"{method} {uri} SIP/2.0",
        f"Via: {via}",
        *([] if any(line.startswith("Max-Forwards") for line in lines) else ["Max-Forwards: 70"]),
        f"From: <{sender}>;tag=from-1",
        f"To: {to}",
        f"Call-ID: {call_id}",
        f"CSeq: {cseq} {method}",
        *lines,
        f"Content-Length: {len(body)}",
        "",
        body,
    ]
    message = parse_message("\r\n".join(head).encode("utf-8", "surrogateescape"))
    assert isinstance(message, Request)
    return message


def binding(uri: str = "sip:alice@192.0.2.10:5070", **changes: object) -> Binding:
    """A binding that lives until 4600."""
    values: dict[str, object] = {
        "contact": uri,
        "expires_at": 4600.0,
        "q": None,
        "call_id": "call-1",
        "cseq": 1,
        "received": "",
        "path": (),
        "instance": "",
        "reg_id": None,
        "user_agent": "",
        "updated_at": 1000.0,
        "flow": "",
        "worker": "",
        "parameters": "",
        "begun_at": 1000.0,
    }
    return Binding(**{**values, **changes})  # type: ignore[arg-type]  # a table of test values


@dataclass
class FakeFlow:
    """A flow that remembers what was sent."""

    transport: str = "UDP"
    remote: tuple[str, int] = CLIENT
    local: tuple[str, int] = SERVER
    closed: bool = False
    broken: bool = False
    secure: bool = False
    certificate: PeerCertificate | None = None
    sent: list[bytes] = field(default_factory=list)

    @property
    def name(self) -> str:
        name = flow_name(self.transport, self.remote)
        return name if self.reliable else name.replace(":", f":{self.local[0]}:{self.local[1]}>", 1)

    @property
    def reliable(self) -> bool:
        return self.transport != "UDP"

    @property
    def via_prefix(self) -> str:
        return via_prefix(self.transport, self.local)

    @property
    def contact(self) -> str:
        return contact(self.transport, self.local)

    def send(self, data: bytes) -> None:
        if self.broken:
            raise TransportError("gone")
        self.sent.append(data)


class FakeTransaction:
    """A server transaction without timers."""

    def __init__(self, request: Request, flow: Flow | None = None) -> None:
        self.request = request
        self.flow: Flow = flow or FakeFlow()
        self.answer_flow = self.flow
        self.on_cancel: Callable[[], None] | None = None
        self.cancelled_by: Request | None = None
        self.success_headers: Sequence[tuple[str, str]] = ()
        self.sent: list[Response] = []
        self.response = b""

    @property
    def final(self) -> bool:
        return any(response.status >= 200 for response in self.sent)

    @property
    def statuses(self) -> list[int]:
        return [response.status for response in self.sent]

    def respond(
        self,
        status: int,
        *,
        reason: str | None = None,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        to_tag: str | None = None,
    ) -> None:
        if 200 <= status < 300:
            headers = (*headers, *self.success_headers)
        data = build_response(
            self.request, status, reason=reason, headers=headers, body=body, to_tag=to_tag or "t"
        )
        self.respond_bytes(status, data)

    def respond_bytes(self, status: int, data: bytes) -> None:
        message = parse_message(data)
        assert isinstance(message, Response)
        self.sent.append(message)
        self.response = data


class FakeStore:
    """Bindings in a dictionary, with the real one's compare-and-swap."""

    def __init__(self) -> None:
        self.sets: dict[str, BindingSet] = {}
        self.reads = 0
        self.writes: list[WriteBindings] = []

    async def bindings(self, aor: str) -> BindingSet:
        self.reads += 1
        return self.sets.get(aor, BindingSet(0, ()))

    async def write_bindings(self, op: WriteBindings) -> BindingsOutcome:
        self.writes.append(op)
        current = self.sets.get(op.aor, BindingSet(0, ()))
        if current.version != op.expected_version:
            return BindingsChanged(current)
        gone = {*op.remove, *(each.key for each in op.put)}
        kept = tuple(each for each in current.bindings if each.key not in gone)
        self.sets[op.aor] = BindingSet(current.version + 1, (*kept, *op.put))
        return BindingsWritten(current.version + 1)


@dataclass
class Sent:
    """One client transaction that the relay began."""

    request: Request
    method: str
    branch: str
    flow: Flow
    on_response: Callable[[Response], None]
    on_timeout: Callable[[], None]
    on_transport_error: Callable[[], None]
    ended: bool = False

    def end(self) -> None:
        self.ended = True

    def answer(self, status: int, *headers: tuple[str, str], reason: str | None = None) -> None:
        """The target answers."""
        data = build_response(self.request, status, reason=reason, headers=headers, to_tag="bob")
        message = parse_message(data)
        assert isinstance(message, Response)
        self.on_response(message)


class FakeSender:
    """The sending half of an endpoint."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.out = FakeFlow(remote=("192.0.2.20", 5060))
        self.asked: list[str] = []
        self.unreachable: set[str] = set()
        """URIs that lead nowhere."""
        self.located: dict[str, Sequence[Target]] = {}
        """URIs that have to be looked up."""
        self.refusing: set[Target] = set()
        """Targets that no flow can be had to."""
        self.flows: dict[str, FakeFlow] = {}
        """Open flows by name."""
        self.failures: list[Target] = []
        self.branches = 0

    @property
    def calls(self) -> list[Sent]:
        """What was sent but CANCELs."""
        return [sent for sent in self.sent if sent.method != "CANCEL"]

    @property
    def cancels(self) -> list[Sent]:
        return [sent for sent in self.sent if sent.method == "CANCEL"]

    def new_branch(self) -> str:
        self.branches += 1
        return f"z9hG4bKours{self.branches}"

    def flow_now(self, uri: SipUri) -> Flow | None:
        if str(uri) in self.unreachable or str(uri) in self.located:
            return None
        self.asked.append(str(uri))
        return self.out

    def flow_named(self, name: str) -> Flow | None:
        return self.flows.get(name)

    async def targets(self, uri: SipUri, *, size: int = 0) -> Sequence[Target]:
        self.asked.append(str(uri))
        if str(uri) in self.unreachable:
            raise TransportError("no route")
        if str(uri) in self.located:
            return self.located[str(uri)]
        return (Target("udp", uri.host, uri.port or 5060, uri.host),)

    async def flow_for(self, target: Target) -> Flow:
        if target in self.refusing:
            raise TransportError("refused")
        return FakeFlow(target.transport.upper(), remote=(target.host, target.port))

    def failed(self, target: Target) -> None:
        self.failures.append(target)

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
    ) -> Sent:
        message = parse_message(request_bytes)
        assert isinstance(message, Request)
        sent = Sent(message, method, branch, flow, on_response, on_timeout, on_transport_error)
        self.sent.append(sent)
        return sent

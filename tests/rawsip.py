"""A SIP client on plain sockets, for tests of the real server: none of our own stack is in it.

One `SipClient` is one UDP socket or TCP connection. It sends what it is told to, character by
character, retransmits over UDP until a final answer comes, answers every NOTIFY with 200 and
keeps all it heard, in order. Times are seconds.
"""

import asyncio
import re
import secrets
import ssl
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol, Self, cast

T1: Final = 0.5
ANSWER_TIMEOUT: Final = 8.0
RECEIVE_BUFFER: Final = 4 * 1024 * 1024

Header = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Heard:
    """One message as it was received."""

    start: str
    headers: tuple[Header, ...]
    body: bytes

    @classmethod
    def parse(cls, data: bytes) -> Self:
        head, _, body = data.partition(b"\r\n\r\n")
        start, *lines = head.decode(errors="surrogateescape").split("\r\n")
        parted = (line.partition(":") for line in lines)
        return cls(start, tuple((name.strip(), text.strip()) for name, _, text in parted), body)

    @property
    def status(self) -> int:
        """The status code; 0 for a request."""
        return int(self.start.split()[1]) if self.start.startswith("SIP/2.0 ") else 0

    @property
    def method(self) -> str:
        """The method of the request, or of the request that was answered."""
        return self["CSeq"].split()[1] if self.status else self.start.split()[0]

    @property
    def cseq(self) -> int:
        return int(self["CSeq"].split()[0])

    @property
    def branch(self) -> str:
        found = re.search(r";branch=([^;,\s]+)", self["Via"])
        return found.group(1) if found else ""

    def all(self, name: str) -> list[str]:
        """Every line of header `name`, in order."""
        return [text for key, text in self.headers if key.lower() == name.lower()]

    def get(self, name: str) -> str | None:
        return next(iter(self.all(name)), None)

    def __getitem__(self, name: str) -> str:
        """The first line of header `name`; missing is a failure of the test."""
        value = self.get(name)
        assert value is not None, f"no {name} in {self.start} {self.headers}"
        return value


def tag_of(value: str) -> str:
    """The tag parameter of a From or To value."""
    found = re.search(r";tag=([^;>\s]+)", value)
    assert found is not None, value
    return found.group(1)


def compose(start: str, headers: Iterable[Header], body: bytes = b"") -> bytes:
    """A message of exactly these headers; Content-Length is the caller's."""
    lines = [start, *(f"{name}: {text}" for name, text in headers), "", ""]
    return "\r\n".join(lines).encode(errors="surrogateescape") + body


class Pipe(Protocol):
    """What a client sends on."""

    def send(self, data: bytes) -> None: ...
    def close(self) -> None: ...


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, hear: Callable[[bytes], None]) -> None:
        self.hear = hear
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str | object, int]) -> None:
        self.hear(data)

    def error_received(self, exc: Exception) -> None:
        """A refused datagram: the server is down, which some tests are about."""

    def send(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.sendto(data)

    def close(self) -> None:
        assert self.transport is not None
        self.transport.close()


class _Stream(asyncio.Protocol):
    """Messages of a TCP connection, told apart by Content-Length (RFC 3261 §18.3)."""

    def __init__(self, hear: Callable[[bytes], None], lost: Callable[[], None]) -> None:
        self.hear = hear
        self.lost = lost
        self.transport: asyncio.Transport | None = None
        self.waiting = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost()

    def data_received(self, data: bytes) -> None:
        self.waiting = (self.waiting + data).lstrip(b"\r\n")
        while (end := self.waiting.find(b"\r\n\r\n")) >= 0:
            length = re.search(rb"\r\n(?:Content-Length|l)\s*:\s*(\d+)", self.waiting[:end], re.I)
            assert length is not None, self.waiting
            whole = end + 4 + int(length.group(1))
            if len(self.waiting) < whole:
                return
            message, self.waiting = self.waiting[:whole], self.waiting[whole:].lstrip(b"\r\n")
            self.hear(message)

    def send(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(data)

    def close(self) -> None:
        assert self.transport is not None
        self.transport.close()


@dataclass
class SipClient:
    """One local address that speaks SIP with one server."""

    server: tuple[str, int]
    transport: str
    """"UDP", "TCP" or "TLS"."""
    local: tuple[str, int] = ("", 0)
    requests: list[Heard] = field(default_factory=list)
    """Every request heard, retransmissions included, in order."""
    dialogs: dict[str, dict[str, Heard]] = field(default_factory=dict)
    """The same by Call-ID and branch, so each request once."""
    responses: list[Heard] = field(default_factory=list)
    on_request: Callable[[Heard], None] | None = None
    answer: Callable[[Heard], int | None] = lambda _: 200
    """The status a request heard is answered with; None leaves it unanswered."""
    deaf: bool = False
    """Whether requests are lost on the way to us, unanswered and unheard."""
    ended: bool = False
    """Whether the TCP connection is gone."""
    _pipe: Pipe | None = None
    _finals: dict[str, asyncio.Future[Heard]] = field(default_factory=dict)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    async def open(
        cls,
        server: tuple[str, int],
        transport: str = "UDP",
        *,
        source: str | None = None,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> Self:
        """Bind a UDP socket, or connect over TCP or TLS, to `server`; from the address `source`,
        and its `port`."""
        client = cls(server, transport)
        loop = asyncio.get_running_loop()
        bound = (source, port) if source else None
        made: asyncio.BaseTransport
        if transport == "UDP":
            made, client._pipe = await loop.create_datagram_endpoint(
                lambda: _Datagrams(client.hear), remote_addr=server, local_addr=bound
            )
        else:
            made, client._pipe = await loop.create_connection(
                lambda: _Stream(client.hear, client.end), *server, local_addr=bound, ssl=tls
            )
        client.local = made.get_extra_info("sockname")[:2]
        return client

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        assert self._pipe is not None
        self._pipe.close()

    @property
    def contact(self) -> str:
        """A Contact URI that leads back to this socket."""
        suffix = "" if self.transport == "UDP" else f";transport={self.transport.lower()}"
        return f"sip:{self.host_port}{suffix}"

    @property
    def host_port(self) -> str:
        """Our address as it stands in a URI or Via, IPv6 in brackets."""
        host, port = self.local
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def via(self, branch: str | None = None) -> str:
        return f"SIP/2.0/{self.transport} {self.host_port};rport;branch={branch or new_branch()}"

    def send(self, data: bytes) -> None:
        """Put bytes on the wire as they are."""
        assert self._pipe is not None
        self._pipe.send(data)

    def end(self) -> None:
        """Note that the connection is gone."""
        self.ended = True
        self._news.set()

    def hear(self, data: bytes) -> None:
        """Take a message in: a final answer wakes its sender, a request is answered."""
        if not data.strip():
            return
        message = Heard.parse(data)
        if message.status:
            self.responses.append(message)
            waiting = self._finals.get(message.branch)
            if waiting is not None and message.status >= 200 and not waiting.done():
                waiting.set_result(message)
        elif not self.deaf:
            self._take_request(message)
        self._news.set()

    def _take_request(self, request: Heard) -> None:
        status = self.answer(request)
        if status is not None and request.method != "ACK":
            self.send(response_to(request, status))
        self.requests.append(request)
        self.dialogs.setdefault(request["Call-ID"], {}).setdefault(request.branch, request)
        if self.on_request is not None:
            self.on_request(request)

    async def until(self, met: Callable[[], bool], within: float = ANSWER_TIMEOUT) -> bool:
        """Wait for `met` to hold, looked at after each message heard; whether it came to hold."""
        deadline = asyncio.get_running_loop().time() + within
        while not met():
            self._news.clear()
            left = deadline - asyncio.get_running_loop().time()
            try:
                await asyncio.wait_for(self._news.wait(), max(0.0, left))
            except TimeoutError:
                return met()
        return True

    async def exchange(self, data: bytes, within: float = ANSWER_TIMEOUT) -> Heard:
        """Send a request as it is, retransmitted over UDP (§17.1.2.2); its final answer."""
        branch = Heard.parse(data).branch
        answered = asyncio.get_running_loop().create_future()
        self._finals[branch] = answered
        retransmitting = asyncio.ensure_future(self._send_repeatedly(data))
        try:
            return await asyncio.wait_for(answered, within)
        finally:
            retransmitting.cancel()
            del self._finals[branch]

    async def _send_repeatedly(self, data: bytes) -> None:
        pause = T1
        self.send(data)
        while self.transport == "UDP":
            await asyncio.sleep(pause)
            self.send(data)
            pause = min(2 * pause, 4.0)

    def request(
        self,
        method: str,
        uri: str,
        *,
        from_: str,
        to: str,
        call_id: str,
        cseq: int,
        headers: Sequence[Header] = (),
        body: bytes = b"",
        branch: str | None = None,
    ) -> bytes:
        """The bytes of an ordinary request from this client."""
        return compose(
            f"{method} {uri} SIP/2.0",
            [
                ("Via", self.via(branch)),
                ("Max-Forwards", "70"),
                ("From", from_),
                ("To", to),
                ("Call-ID", call_id),
                ("CSeq", f"{cseq} {method}"),
                *headers,
                ("Content-Length", str(len(body))),
            ],
            body,
        )


def new_branch() -> str:
    return f"z9hG4bK{secrets.token_hex(8)}"


def response_to(request: Heard, status: int) -> bytes:
    """A plain answer to a request heard (§8.2.6)."""
    copied = [(key, text) for key, text in request.headers if key.lower() in COPIED]
    return compose(f"SIP/2.0 {status} Answer", [*copied, ("Content-Length", "0")])


COPIED: Final = frozenset({"via", "from", "to", "call-id", "cseq"})

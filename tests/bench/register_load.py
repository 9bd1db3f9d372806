"""REGISTER with digest credentials, over UDP, a number of them in flight: the load of a registrar.

Three phases over the same users, each one request an operation: `register_challenge` has no
credentials and is answered 401; `register_new` answers that challenge and makes a binding;
`register_refresh` uses the nonce once more with the next nc, as phones do, and needs no challenge.
A registration from nothing costs the first two.
"""

import hashlib
import re
import select
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

SOCKETS: Final = 16
WINDOW: Final = 32
"""Requests in flight."""
TIMEOUT: Final = 2.0
"""Seconds until a request is sent again."""
MAX_SENT: Final = 4
CHECK_INTERVAL: Final = 0.2
CNONCE: Final = "0a4f113b"
_NONCE: Final = re.compile(rb'nonce="([^"]+)"')
_CALL_ID: Final = re.compile(rb"\r\nCall-ID: r(\d+)@")


@dataclass(slots=True)
class Registrant:
    """One user agent."""

    number: int
    socket: socket.socket
    nonce: str = ""
    count: int = 0
    """Of the nonce."""
    cseq: int = 0
    secret: str = ""
    """H(A1)."""
    sent: bytes = b""
    sent_at: float = 0.0
    times: int = 0


def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def user_name(number: int) -> str:
    return f"u{number:06d}"


@dataclass(slots=True)
class RegisterLoad:
    """All user agents, and one phase after the other."""

    server: tuple[str, int]
    domain: str
    password: str
    count: int
    agents: list[Registrant] = field(default_factory=list)
    repeated: int = 0
    """Requests that had to be sent again."""
    odd: dict[int, int] = field(default_factory=dict)
    """Answers of another status than the phase wants, by status."""
    _poll: select.epoll = field(default_factory=select.epoll)
    _sockets: dict[int, socket.socket] = field(default_factory=dict)

    def __post_init__(self) -> None:
        sockets = [self._open() for _ in range(SOCKETS)]
        self.agents = [
            Registrant(
                number,
                sockets[number % SOCKETS],
                secret=md5(f"{user_name(number)}:{self.domain}:{self.password}"),
            )
            for number in range(self.count)
        ]

    def _open(self) -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.setblocking(False)
        made.connect(self.server)
        self._sockets[made.fileno()] = made
        self._poll.register(made, select.EPOLLIN)
        return made

    def close(self) -> None:
        """Let all sockets go."""
        for each in self._sockets.values():
            each.close()
        self._poll.close()

    def challenge(self) -> int:
        """REGISTER without credentials: 401; how many were answered so."""
        return self._phase(401, lambda agent: self._request(agent, ""))

    def register(self) -> int:
        """REGISTER with credentials for the nonce last learned: 200; how many."""
        return self._phase(200, lambda agent: self._request(agent, self._credentials(agent)))

    def _phase(self, wanted: int, build: Callable[[Registrant], bytes]) -> int:
        """Send what `build` makes for every agent, WINDOW in flight."""
        waiting = iter(self.agents)
        flying: dict[int, Registrant] = {}
        done = 0
        checked_at = time.monotonic()
        while True:
            while len(flying) < WINDOW and (agent := next(waiting, None)) is not None:
                agent.sent, agent.times = build(agent), 0
                flying[agent.number] = agent
                self._send(agent)
            if not flying:
                return done
            for number, status in self._heard():
                if flying.pop(number, None) is None:
                    continue
                done += status == wanted
                if status != wanted:
                    self.odd[status] = self.odd.get(status, 0) + 1
            if time.monotonic() - checked_at > CHECK_INTERVAL:
                checked_at = time.monotonic()
                self._send_again(flying, checked_at)

    def _send(self, agent: Registrant) -> None:
        agent.times += 1
        agent.sent_at = time.monotonic()
        agent.socket.send(agent.sent)

    def _send_again(self, flying: dict[int, Registrant], now: float) -> None:
        for agent in [each for each in flying.values() if now - each.sent_at > TIMEOUT]:
            if agent.times >= MAX_SENT:
                raise SystemExit(f"no answer to {agent.sent.decode()}")
            self.repeated += 1
            self._send(agent)

    def _heard(self) -> Sequence[tuple[int, int]]:
        """Number of the agent and status of each answer that has come; nonces are noted."""
        heard = []
        for descriptor, _ in self._poll.poll(CHECK_INTERVAL):
            while True:
                try:
                    data = self._sockets[descriptor].recv(4096)
                except BlockingIOError:
                    break
                found = _CALL_ID.search(data)
                if found is None or not data.startswith(b"SIP/2.0 "):
                    continue
                number, status = int(found[1]), int(data[8:11])
                nonce = _NONCE.search(data) if status == 401 else None
                if nonce:
                    self.agents[number].nonce, self.agents[number].count = nonce[1].decode(), 0
                heard.append((number, status))
        return heard

    def _credentials(self, agent: Registrant) -> str:
        """An Authorization header for the next use of the agent's nonce (RFC 7616 §3.4)."""
        agent.count += 1
        uri, nc = f"sip:{self.domain}", f"{agent.count:08x}"
        request = md5(f"REGISTER:{uri}")
        response = md5(f"{agent.secret}:{agent.nonce}:{nc}:{CNONCE}:auth:{request}")
        return (
            f'Authorization: Digest username="{user_name(agent.number)}", realm="{self.domain}", '
            f'nonce="{agent.nonce}", uri="{uri}", response="{response}", algorithm=MD5, '
            f'cnonce="{CNONCE}", qop=auth, nc={nc}\r\n'
        )

    def _request(self, agent: Registrant, credentials: str) -> bytes:
        agent.cseq += 1
        host, port = agent.socket.getsockname()
        aor = f"sip:{user_name(agent.number)}@{self.domain}"
        return (
            f"REGISTER sip:{self.domain} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {host}:{port};rport;branch=z9hG4bKr{agent.number}.{agent.cseq}\r\n"
            f"Max-Forwards: 70\r\nFrom: <{aor}>;tag=f{agent.number}\r\nTo: <{aor}>\r\n"
            f"Call-ID: r{agent.number}@{host}\r\nCSeq: {agent.cseq} REGISTER\r\n"
            f"Contact: <sip:{user_name(agent.number)}@{host}:{port}>;expires=3600\r\n"
            f"User-Agent: bench\r\n{credentials}Content-Length: 0\r\n\r\n"
        ).encode()

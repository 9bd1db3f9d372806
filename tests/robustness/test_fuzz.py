"""10,000 mutated messages over UDP and TCP: the server answers on, logs no error of its own, and
its memory stays flat.

Most come from a source that has to authenticate; some from one that is believed, so that they get
further in. The seed is fixed: a failure comes again.
"""

import random
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Final

import pytest

from tests.processes import DOMAIN, LOOPBACK, Deployment, Running, Section, sqlite_url
from tests.rawsip import compose
from tests.rawusers import pidf
from tests.robustness.health import Health
from tests.robustness.mutation import mutate, mutate_apart_from_routing

SEED: Final = 4475
ROUNDS: Final = 50
MESSAGES_PER_ROUND: Final = 200
"""A quarter each: over UDP and over TCP, from either source."""
MESSAGES_PER_CONNECTION: Final = 10
FLAT: Final = 20 * 1024 * 1024
"""Octets that the resident size may grow in the second half, when caches and pools are full."""
BELIEVED: Final = "127.0.0.2"
UNIQUE: Final = b"UNIQUE"
"""In a message to be mutated: replaced by another number each time, or it were a retransmission."""

Send = Callable[[list[bytes]], None]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    directory = tmp_path_factory.mktemp("fuzz")
    settings: dict[str, Section] = {
        "sip": {"trusted_peers": [f"{BELIEVED}/32"]},
        "limits": {"source_rate": 0},  # so that the stranger's messages are looked at, all of them
    }
    deployment = Deployment(directory, sqlite_url(directory), settings)
    deployment.prepare({"alice": "wonderland"})
    with deployment.serving() as running:
        yield running


class Attacker:
    """One source address: a UDP socket, and TCP connections that come and go."""

    def __init__(self, server: tuple[str, int], source: str) -> None:
        self.server = server
        self.source = source
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind((source, 0))
        self.udp.setblocking(False)

    @property
    def sent_by(self) -> str:
        return f"{self.source}:{self.udp.getsockname()[1]}"

    def datagrams(self, messages: list[bytes]) -> None:
        for message in messages:
            self.udp.sendto(message[:60_000], self.server)
        with suppress(BlockingIOError):
            while True:
                self.udp.recv(65_536)

    def streams(self, messages: list[bytes]) -> None:
        """A few messages on each connection, which the server may close when it likes."""
        for start in range(0, len(messages), MESSAGES_PER_CONNECTION):
            address = (self.source, 0)
            with (
                socket.create_connection(self.server, 5, source_address=address) as stream,
                suppress(ConnectionError, TimeoutError),
            ):
                stream.sendall(b"".join(messages[start : start + MESSAGES_PER_CONNECTION]))
                stream.shutdown(socket.SHUT_WR)
                # Read to the end: closing at once would reset what is not read over there.
                while stream.recv(65_536):
                    pass

    def close(self) -> None:
        self.udp.close()


def ordinary(method: str, sent_by: str, transport: str) -> bytes:
    """A request as a client would send it, with UNIQUE where each has to differ."""
    aor = f"sip:alice@{DOMAIN}"
    body = pidf(aor, "fuzz") if method == "PUBLISH" else b""
    return compose(
        f"{method} {f'sip:{DOMAIN}' if method == 'REGISTER' else aor} SIP/2.0",
        [
            ("Via", f"SIP/2.0/{transport} {sent_by};rport;branch=z9hG4bKUNIQUE"),
            ("Max-Forwards", "70"),
            ("From", f"<{aor}>;tag=fUNIQUE"),
            ("To", f"<{aor}>"),
            ("Call-ID", "fuzz-UNIQUE"),
            ("CSeq", f"1 {method}"),
            ("Contact", f"<sip:alice@{sent_by}>;q=0.5"),
            ("Event", "presence;id=7"),
            ("Accept", "application/pidf+xml;q=0.9, */*;q=0.1"),
            ("Expires", "120"),
            ("Supported", "eventlist, path"),
            ("Content-Type", "application/pidf+xml"),
            ("Content-Length", str(len(body))),
        ],
        body,
    )


METHODS: Final = ("REGISTER", "SUBSCRIBE", "PUBLISH", "INVITE", "OPTIONS", "MESSAGE", "CANCEL")


def corpus(torture: Mapping[str, bytes], sent_by: str, transport: str) -> list[bytes]:
    """Ordinary requests and the torture messages, ours being the Via on top of each."""
    via = f"\r\nVia: SIP/2.0/{transport} {sent_by};rport;branch=z9hG4bKUNIQUE\r\n".encode()
    tortured = [message.replace(b"\r\n", via, 1) for message in torture.values()]
    return [*(ordinary(method, sent_by, transport) for method in METHODS), *tortured]


class Barrage:
    """Both attackers, and the random numbers they draw from."""

    def __init__(self, server: Running, torture: Mapping[str, bytes]) -> None:
        self.rng = random.Random(SEED)
        self.sent = 0
        self.stranger = Attacker(server.sip, LOOPBACK)
        self.believed = Attacker(server.sip, BELIEVED)
        sources = {"UDP": self.stranger.sent_by, "TCP": self.stranger.sent_by}
        self.any = {kind: corpus(torture, by, kind) for kind, by in sources.items()}
        self.known = [ordinary(method, self.believed.sent_by, "UDP") for method in METHODS]

    def _draw(self, base: list[bytes], change: Callable[[random.Random, bytes], bytes]) -> bytes:
        self.sent += 1
        message = change(self.rng, self.rng.choice(base))
        return message.replace(UNIQUE, str(self.sent).encode())

    def round(self) -> None:
        """A quarter of the messages by each road."""
        roads: list[tuple[Send, list[bytes], Callable[[random.Random, bytes], bytes]]] = [
            (self.stranger.datagrams, self.any["UDP"], mutate),
            (self.believed.datagrams, self.known, mutate_apart_from_routing),
            (self.stranger.streams, self.any["TCP"], mutate),
            (self.believed.streams, self.known, mutate_apart_from_routing),
        ]
        for send, base, change in roads:
            send([self._draw(base, change) for _ in range(MESSAGES_PER_ROUND // len(roads))])

    def close(self) -> None:
        self.stranger.close()
        self.believed.close()


async def test_ten_thousand_mutated_messages_leave_the_server_as_it_was(
    server: Running, torture: Mapping[str, bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    """RFC 3261 §8.2 and §18.3: what is broken is answered or dropped, and harms nothing else."""
    health, barrage, begun = Health(server), Barrage(server, torture), time.monotonic()
    sizes: list[int] = []
    try:
        for _ in range(ROUNDS):
            barrage.round()
            assert await health.answers("UDP")
            assert await health.answers("TCP")
            sizes.append(server.resident)
    finally:
        barrage.close()
    growth = sizes[-1] - sizes[ROUNDS // 2]
    with capsys.disabled():
        print(
            f"\nfuzz: {barrage.sent} messages in {time.monotonic() - begun:.1f} s, resident "
            f"{sizes[0] >> 20} MiB, {sizes[-1] >> 20} MiB, {growth >> 10} KiB in the second half"
        )
    assert barrage.sent == ROUNDS * MESSAGES_PER_ROUND
    assert growth < FLAT
    assert health.trouble() == []

"""TLS connections: what a handshake costs, and what it costs to hold them. Times are seconds."""

import asyncio
import ipaddress
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.processes import DOMAIN, LOOPBACK
from tests.rawsip import compose, new_branch

AT_A_TIME: Final = 32
"""Handshakes in flight."""
ANSWER_TIMEOUT: Final = 10.0


def write_certificate(directory: Path) -> tuple[Path, Path]:
    """A self-signed certificate for DOMAIN on loopback, and its key: PEM files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, DOMAIN)])
    now = datetime.now(UTC)
    names = [x509.DNSName(DOMAIN), x509.IPAddress(ipaddress.ip_address(LOOPBACK))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    files = directory / "certificate.pem", directory / "key.pem"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return files


class Held(asyncio.Protocol):
    """One connection: keeps what came last."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.waiting: asyncio.Future[bytes] | None = None
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self.waiting is not None and not self.waiting.done():
            self.waiting.set_result(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True

    async def ask(self, data: bytes) -> bytes:
        """Send a request; what comes back first."""
        assert self.transport is not None
        self.waiting = asyncio.get_running_loop().create_future()
        self.transport.write(data)
        return await asyncio.wait_for(self.waiting, ANSWER_TIMEOUT)


@dataclass(slots=True)
class Paced:
    """What came of requests sent at a steady rate."""

    answered: int = 0
    latencies: list[float] = field(default_factory=list)
    """Seconds from when each was due to its answer."""

    def percentile(self, share: float) -> float:
        """The latency that `share` of all are not above."""
        return sorted(self.latencies)[int(share * (len(self.latencies) - 1))]


@dataclass(slots=True)
class TlsLoad:
    """Connections to one server, held open."""

    server: tuple[str, int]
    authority: Path
    """PEM file of the certificate that signed the server's; none: plain TCP."""
    secure: bool = True
    held: list[Held] = field(default_factory=list)

    async def open(self, count: int) -> None:
        """Open `count` more, AT_A_TIME in flight."""
        context = ssl.create_default_context(cafile=str(self.authority)) if self.secure else None
        numbers = iter(range(count))
        loop = asyncio.get_running_loop()

        async def work() -> None:
            for _ in numbers:
                _, protocol = await loop.create_connection(
                    Held, *self.server, ssl=context, server_hostname=DOMAIN if context else None
                )
                self.held.append(protocol)

        await asyncio.gather(*(work() for _ in range(AT_A_TIME)))

    async def options(self) -> int:
        """One OPTIONS over each, one after the other; how many were answered 200."""
        answered = 0
        for number, each in enumerate(self.held):
            answer = await each.ask(options(number, "TLS" if self.secure else "TCP"))
            answered += answer.startswith(b"SIP/2.0 200 ")
        return answered

    async def options_at(self, rate: int, seconds: float) -> "Paced":
        """`rate` OPTIONS a second, each over the next connection, however long answers take."""
        loop, paced = asyncio.get_running_loop(), Paced()
        begun, asking = loop.time(), []
        for number in range(int(rate * seconds)):
            due = begun + number / rate
            if due > loop.time():
                await asyncio.sleep(due - loop.time())
            held = self.held[number % len(self.held)]
            asking.append(asyncio.ensure_future(self._ask_on_time(held, number, due, paced)))
        await asyncio.gather(*asking)
        return paced

    async def _ask_on_time(self, held: Held, number: int, due: float, paced: "Paced") -> None:
        answer = await held.ask(options(number, "TLS" if self.secure else "TCP"))
        paced.answered += answer.startswith(b"SIP/2.0 200 ")
        paced.latencies.append(asyncio.get_running_loop().time() - due)

    @property
    def lost(self) -> int:
        """How many are gone."""
        return sum(each.lost for each in self.held)

    def close(self) -> None:
        """Let all of them go."""
        for each in self.held:
            if each.transport is not None:
                each.transport.abort()
        self.held.clear()


def options(number: int, transport: str) -> bytes:
    """A plain OPTIONS for the server."""
    headers: Sequence[tuple[str, str]] = [
        ("Via", f"SIP/2.0/{transport} {LOOPBACK}:5061;rport;branch={new_branch()}"),
        ("Max-Forwards", "70"),
        ("From", f"<sip:held{number}@{DOMAIN}>;tag={number}"),
        ("To", f"<sip:{DOMAIN}>"),
        ("Call-ID", new_branch()),
        ("CSeq", "1 OPTIONS"),
        ("Content-Length", "0"),
    ]
    return compose(f"OPTIONS sip:{DOMAIN} SIP/2.0", headers)

"""From a host name to addresses, as the system does it: no NAPTR, no SRV. Shell."""

import asyncio
import socket
from collections.abc import Sequence
from typing import Protocol

from sip.errors import TransportError
from sip.locate import DEFAULT_PORTS, Target, usable_transports
from sip.locate import numeric as numeric
from sip.uri import SipUri


class Resolver(Protocol):
    """Finds where a host is (RFC 3263 §4)."""

    async def resolve(self, host: str, port: int, transport: str) -> Sequence[tuple[str, int]]:
        """Addresses in the order to be tried, never none; TransportError when there is none."""


class SystemResolver:
    """The system's own look-up of host names: A and AAAA records (RFC 3263 §4.2)."""

    async def resolve(self, host: str, port: int, transport: str) -> Sequence[tuple[str, int]]:
        """See `Resolver`."""
        kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host, port, type=kind)
        except OSError as error:
            raise TransportError(f"cannot find {host}: {error.strerror or error}") from error
        return [(str(address[0]), port) for *_, address in found]

    async def locate(
        self, uri: SipUri, *, transports: Sequence[str], size: int = 0
    ) -> Sequence[Target]:
        """See `sip.transport.target.Resolver`."""
        domain = (uri.parameters.value("maddr") or uri.host).strip("[]")
        found = [
            Target(transport, host, port, domain)
            for transport in usable_transports(uri, transports, size)
            for host, port in await self.resolve(
                domain, uri.port or DEFAULT_PORTS[transport], transport
            )
        ]
        if not found:
            raise TransportError(f"no transport leads to {uri}")
        return found

    async def locate_response(
        self, host: str, port: int | None, transport: str
    ) -> Sequence[Target]:
        """See `sip.transport.target.Resolver`."""
        bare = host.strip("[]")
        found = await self.resolve(bare, port or DEFAULT_PORTS[transport], transport)
        return [Target(transport, address, at, bare) for address, at in found]

    def failed(self, target: Target) -> None:
        """Nothing is remembered."""

"""From a host name to addresses. Shell.

One injectable object: RFC 3263's NAPTR and SRV records join by giving another `Resolver`.
"""

import asyncio
import socket
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import ip_address
from typing import Final, Protocol

from sip.errors import TransportError

NUMERIC_CACHE: Final = 16_384


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


@lru_cache(maxsize=NUMERIC_CACHE)
def numeric(host: str) -> str | None:
    """`host` as an address without brackets, or None when it is a name."""
    bare = host[1:-1] if host.startswith("[") else host
    try:
        return str(ip_address(bare))
    except ValueError:
        return None

"""The servers that a client's server name stands for, and which is used (RFC 3263 §4.3). Shell."""

import socket
from collections.abc import Iterable

from sip.errors import TransportError
from sip.locate import Target
from sip.transport.client_errors import Unreachable
from sip.transport.endpoint import Endpoint
from sip.transport.flow import Flow, bracketed
from sip.transport.target import Resolver
from sip.uri import SipUri


class ClientServers:
    """Tried in order, each until it fails. `str` of it is for messages."""

    def __init__(self, host: str, port: int, transport: str, resolver: Resolver) -> None:
        """With `port` 0 DNS tells the port as well (RFC 3263 §4.2)."""
        where = f"{bracketed(host)}:{port}" if port else bracketed(host)
        self._uri = SipUri.parse(f"sip:{where};transport={transport}")
        self._text = f"{transport}:{where}"
        self._transport = transport
        self._resolver = resolver
        self._untried: list[Target] = []
        self._failure = ""

    def __str__(self) -> str:
        return self._text

    async def locate(self) -> None:
        """Ask where the servers are; Unreachable when nobody knows."""
        try:
            found = await self._resolver.locate(self._uri, transports=(self._transport,))
        except TransportError as error:
            raise Unreachable(f"cannot reach {self}: {error}") from error
        self._untried = list(found)

    async def connect(self, endpoint: Endpoint) -> Flow:
        """A flow to the first server that can be reached; Unreachable when none can."""
        flow = await self.next(endpoint)
        if flow is None:
            raise Unreachable(f"cannot reach {self}: {self._failure}")
        return flow

    async def next(self, endpoint: Endpoint) -> Flow | None:
        """A flow to the next server that can be reached; None when there is no other."""
        while self._untried:
            try:
                return await endpoint.flow_for(self._untried.pop(0))
            except TransportError as error:
                self._failure = str(error)
        return None

    def own_addresses(self) -> list[str]:
        """Ours on the way to them, one of each family that has a way; peers will send there."""
        found = [own for own in map(self._own_address, _one_of_each_family(self._untried)) if own]
        if not found:
            raise Unreachable(f"cannot reach {self}: {self._failure}")
        return found

    def _own_address(self, target: Target) -> str | None:
        family = socket.AF_INET6 if ":" in target.host else socket.AF_INET
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((target.host, target.port))
                name: str = probe.getsockname()[0]
        except OSError as error:
            self._failure = error.strerror or str(error)
            return None
        return name


def _one_of_each_family(targets: Iterable[Target]) -> Iterable[Target]:
    first: dict[bool, Target] = {}
    for target in targets:
        first.setdefault(":" in target.host, target)
    return first.values()

"""Every open connection of an endpoint, of whatever transport (RFC 3261 §18, RFC 5923). Shell.

Requests and responses alike travel on a connection that is there, found by its name or by its
peer's address. Those that went silent, or deal with us too slowly, are closed.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from typing import Final, Protocol

from sip.transport.config import (
    STREAMS,
    WILDCARDS,
    Address,
    EndpointConfig,
    ListenAddress,
    advertised,
)
from sip.transport.connection_stats import ConnectionStats
from sip.transport.flow import Here, connection_name
from sip.transport.server_transaction import WireFlow
from sip.transport.target import Target
from sip.transport.timers import Timers

MAX_REMEMBERED: Final = 1_024
"""Of our own addresses in the forms that a Via wants; past it they are made anew."""
BOOT_OCTETS: Final = 6
"""Random octets that tell the connections of one life of a process from those of any other."""

_MEANT: Final = {"tcp": ("tcp",), "tls": ("tls",), "ws": ("ws", "wss"), "wss": ("wss",)}
"""What a target's transport may be had by: both kinds of WebSocket are "ws" in a URI."""


class Connection(WireFlow, Protocol):
    """A flow that is a connection."""

    def is_stale(self, now: float) -> bool:
        """Whether it has been idle, or too slow, for longer than is allowed."""

    def abort(self) -> None:
        """Close at once, without sending what waits."""

    def close(self) -> None:
        """Close once what waits is sent."""


class Connections:
    """The table of them, and what they are told of their endpoint."""

    def __init__(
        self,
        config: EndpointConfig,
        *,
        timers: Timers,
        receive: Callable[[bytes, WireFlow], None],
        refuse: Callable[[bytes, WireFlow, int], None],
        on_closed: Callable[[WireFlow], None],
    ) -> None:
        """`receive` takes a message, `refuse` one that cannot be read and the status for it."""
        self.config = config
        self.timers = timers
        self.receive = receive
        self.refuse = refuse
        self.stats = ConnectionStats()
        self.closed = False
        self._on_closed = on_closed
        self._boot = os.urandom(BOOT_OCTETS).hex()
        self._numbers = count(1)
        self._all: dict[str, Connection] = {}
        self._open: Counter[str] = Counter()
        self._by_remote: dict[str, dict[Address, tuple[Connection, ...]]] = {
            name: {} for name in STREAMS
        }
        """The newest first. A server of many domains has one for each of its certificates, and a
        peer's port can be connected to several of our listeners."""
        self._aliases: dict[Address, Connection] = {}
        self._alias_of: dict[Connection, Address] = {}
        self._listening: list[ListenAddress] = []
        self._here: dict[tuple[str, Address], Here] = {}
        self._sweep_timer = timers.schedule(timers.now() + config.sweep_interval, self._sweep)

    def __len__(self) -> int:
        return len(self._all)

    def name(self, transport: str, remote: Address) -> str:
        """The name of a new connection to `remote`, which no other has, had or will have."""
        return connection_name(transport, remote, self._boot, next(self._numbers))

    def named(self, name: str) -> Connection | None:
        """The open connection of that name."""
        flow = self._all.get(name)
        return None if flow is None or flow.closed else flow

    def open_by(self, transport: str) -> int:
        """How many are open by `transport`, in lower case."""
        return self._open[transport]

    def add(self, flow: Connection) -> bool:
        """Take a new connection in, whose handshakes are done; False when we are closing."""
        if self.closed:
            return False
        transport = flow.transport.lower()
        self._all[flow.name] = flow
        self._open[transport] += 1
        table = self._by_remote[transport]
        table[flow.remote] = (flow, *table.get(flow.remote, ()))
        return True

    def drop(self, flow: Connection) -> None:
        """A connection is gone."""
        if self._all.pop(flow.name, None) is None:
            return
        transport = flow.transport.lower()
        self._open[transport] -= 1
        table = self._by_remote[transport]
        others = tuple(one for one in table.pop(flow.remote) if one is not flow)
        if others:
            table[flow.remote] = others
        self._forget_alias(flow)
        self._on_closed(flow)

    def alias(self, flow: Connection, port: int) -> None:
        """The peer of `flow` wants requests for its `port` sent on it (RFC 5923 §8.2).

        A connection has one alias; one of somebody else is not taken away.
        """
        remote = (flow.remote[0], port)
        holder = self._aliases.get(remote)
        if holder is not None and holder.certificate != flow.certificate:
            return
        self._forget_alias(flow)
        if holder is not None:
            self._forget_alias(holder)
        self._aliases[remote] = flow
        self._alias_of[flow] = remote

    def _forget_alias(self, flow: Connection) -> None:
        remote = self._alias_of.pop(flow, None)
        if remote is not None:
            del self._aliases[remote]

    def find(self, transport: str, remote: Address) -> Iterator[Connection]:
        """The open connections to `remote`, whoever opened them, the newest first."""
        for name in _MEANT.get(transport, ()):
            for flow in self._by_remote[name].get(remote, ()):
                if not flow.closed:
                    yield flow

    def leading_to(self, target: Target) -> Connection | None:
        """The open connection that may be used for `target`.

        With TLS its peer must have shown that it is who `target` wants, be it but an address
        (RFC 5923 §8.1): a phone without a certificate is reached by the name of its flow.
        """
        remote = (target.host, target.port)
        for flow in self.find(target.transport, remote):
            if flow.transport != "TLS" or _is(flow, target):
                return flow
        alias = self._aliases.get(remote) if target.transport == "tls" else None
        return alias if alias is not None and not alias.closed and _is(alias, target) else None

    def listens(self, address: ListenAddress) -> None:
        """Remember a listener, whose address may be told to peers."""
        self._listening.append(address)
        self._here.clear()

    def here(self, transport: str, bound: Address) -> Here:
        """What peers are told about the connection whose end here is `bound`."""
        found = self._here.get((transport, bound))
        if found is None:
            if len(self._here) >= MAX_REMEMBERED:
                self._here.clear()
            local = self._reachable(transport.lower(), bound)
            advertise = self.config.advertise
            found = Here.of(transport, advertised(advertise, local, transport=transport))
            self._here[transport, bound] = found
        return found

    def _reachable(self, transport: str, bound: Address) -> Address:
        """Where peers can open a connection to: a listener's address, the nearest to `bound`."""
        host, port = bound
        listening = [one for one in self._listening if one.transport == transport]
        if not listening or any(port == one.port and _covers(one, host) for one in listening):
            return bound
        covering = [one for one in listening if _covers(one, host)]
        if covering:
            return host, covering[0].port
        return (listening[0].host, listening[0].port)

    def close(self) -> None:
        """Close every connection, and take no more in."""
        self.closed = True
        self._sweep_timer.cancel()
        for flow in list(self._all.values()):
            flow.close()

    def _sweep(self) -> None:
        now = self.timers.now()
        for flow in self._stale(now):
            self.stats.stalled[flow.transport.lower()] += 1
            flow.abort()
        self._sweep_timer = self.timers.schedule(now + self.config.sweep_interval, self._sweep)

    def _stale(self, now: float) -> Iterable[Connection]:
        return [flow for flow in self._all.values() if flow.is_stale(now)]


def _is(flow: Connection, target: Target) -> bool:
    """Whether the peer has shown that it is `target.domain` (RFC 5922 §7.3)."""
    return flow.certificate is not None and flow.certificate.names(target.domain)


def _covers(listener: ListenAddress, host: str) -> bool:
    """Whether a connection to `host` would reach `listener`."""
    if listener.host in WILDCARDS:
        return (":" in listener.host) == (":" in host)
    return listener.host == host

"""One DNS query, over aiodns. Shell.

c-ares, which aiodns wraps, asks the next server when one does not answer, repeats over TCP what
was truncated, follows CNAMEs, and reads /etc/hosts for addresses. It works in a thread of its
own, begun with the first query.
"""

import asyncio
import socket
from collections.abc import Sequence
from typing import Final, NamedTuple

import aiodns
import pycares

from sip.dns_cache import Failure, Question, Record
from sip.dns_records import Naptr, Srv

QUERIES_PER_RESOLVER: Final = 20_000
"""c-ares keeps answers as well, without a bound on how many; a new one begins empty."""
LEAST_TRIES: Final = 2
"""Of each server within the time-out, so that one lost datagram is no failure."""
FAMILIES: Final = {
    "A": socket.AF_INET,
    "AAAA": socket.AF_INET6,
    "A+AAAA": socket.AF_UNSPEC,
}

_ABSENT: Final = frozenset(
    {aiodns.error.ARES_ENOTFOUND, aiodns.error.ARES_ENODATA, aiodns.error.ARES_EBADNAME}
)
_UNREACHED: Final = frozenset(
    {aiodns.error.ARES_ETIMEOUT, aiodns.error.ARES_ECONNREFUSED, aiodns.error.ARES_ECANCELLED}
)
_DISTURBED: Final = frozenset({aiodns.error.ARES_EBADRESP, aiodns.error.ARES_ECONNREFUSED})
"""What all queries of a channel end with when the answer to one of them cannot be read."""
_FLAGS: Final = pycares.ARES_FLAG_NOSEARCH | pycares.ARES_FLAG_EDNS
"""A host in a SIP URI is fully qualified; nothing is put behind it."""


class Answer(NamedTuple):
    """Records, none when the name has none of them."""

    records: tuple[Record, ...]
    ttl: float
    """Seconds; 0 is for this once."""


class Channel:
    """A resolver of aiodns, made anew after so many queries."""

    def __init__(self, servers: Sequence[str], timeout: float) -> None:
        """As for `DnsQuery`."""
        self._servers = list(servers)
        self._timeout = timeout
        self._resolver: aiodns.DNSResolver | None = None
        self._asked = 0
        self._closing: set[asyncio.Task[None]] = set()

    async def ask(self, question: Question) -> Answer:
        """The answer to `question`; DNSError when there is none."""
        if question.kind in FAMILIES:
            return await self._addresses(question)
        return await self._records(question)

    async def _addresses(self, question: Question) -> Answer:
        found = await self._current().getaddrinfo(question.name, FAMILIES[question.kind])
        addresses = dict.fromkeys(node.addr[0].decode() for node in found.nodes)
        ttls = [cname.ttl for cname in found.cnames] + [node.ttl for node in found.nodes]
        return Answer(tuple(addresses), min(ttls, default=0))

    async def _records(self, question: Question) -> Answer:
        result = await self._current().query_dns(question.name, question.kind)
        ttl = min((record.ttl for record in result.answer), default=0)
        records = (_record(entry.data) for entry in result.answer)
        return Answer(tuple(record for record in records if record is not None), ttl)

    def _current(self) -> aiodns.DNSResolver:
        if self._resolver is None or self._asked >= QUERIES_PER_RESOLVER:
            self._retire()
            loop = asyncio.get_running_loop()
            servers = max(1, len(self._servers))
            self._resolver = aiodns.DNSResolver(
                self._servers or None,
                loop,
                flags=_FLAGS,
                timeout=self._timeout / max(LEAST_TRIES, servers),
                tries=LEAST_TRIES,
            )
            self._asked = 0
        self._asked += 1
        return self._resolver

    def _retire(self) -> None:
        """Close the resolver once its last query has had its time."""
        old, self._resolver = self._resolver, None
        if old is not None:
            task = asyncio.create_task(_close_later(old, 2 * self._timeout))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Let go of sockets and thread; queries under way fail."""
        for task in self._closing:
            task.cancel()
        if self._resolver is not None:
            await self._resolver.close()
            self._resolver = None


class DnsQuery:
    """Asks `servers`, "host" or "host:port", numeric; the system's when there are none."""

    def __init__(self, servers: Sequence[str], timeout: float) -> None:
        """`timeout`: seconds for a whole query, every server and try together."""
        self._timeout = timeout
        self._shared = Channel(servers, timeout)
        self._single = Channel(servers, timeout)
        """For one query at a time, which no other can disturb."""
        self._turn = asyncio.Lock()

    async def ask(self, question: Question) -> Answer | Failure:
        """The answer to `question`, or why there is none; raises nothing."""
        try:
            async with asyncio.timeout(self._timeout):
                return await self._ask(question)
        except TimeoutError:
            return Failure("no DNS server answered in time", reached=False)
        except aiodns.error.DNSError as error:
            code, text = error.args[0], str(error.args[-1])
            if code in _ABSENT:
                return Answer((), 0)
            return Failure(text, reached=code not in _UNREACHED)

    async def _ask(self, question: Question) -> Answer:
        """The answer, asked for once more alone if it may have been another's that was rubbish."""
        try:
            return await self._shared.ask(question)
        except aiodns.error.DNSError as error:
            if error.args[0] not in _DISTURBED:
                raise
        async with self._turn:
            return await self._single.ask(question)

    async def close(self) -> None:
        """Let go of sockets and threads; queries under way fail."""
        await self._shared.close()
        await self._single.close()


async def _close_later(resolver: aiodns.DNSResolver, delay: float) -> None:
    try:
        await asyncio.sleep(delay)
    finally:
        await resolver.close()


def _record(data: object) -> Record | None:
    """A record of ours; None for one that only leads there, as a CNAME."""
    match data:
        case pycares.NAPTRRecordData():
            return Naptr(
                data.order,
                data.preference,
                data.flags,
                data.service,
                data.regexp,
                data.replacement,
            )
        case pycares.SRVRecordData():
            return Srv(data.priority, data.weight, data.port, data.target)
    return None

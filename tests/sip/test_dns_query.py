"""Look-ups beside one that a hostile or broken name server answers with rubbish."""

import asyncio
import struct
from typing import Final, cast

import pytest

from sip.dns_cache import Failure, Question
from sip.transport.dns_query import LEAST_TRIES, Answer, DnsQuery

HEAD: Final = 12
"""Octets of the head of a DNS message (RFC 1035 §4.1.1)."""
ADDRESS: Final = bytes((192, 0, 2, 1))
RUBBISH: Final = b"\xff" * 40


class NameServer(asyncio.DatagramProtocol):
    """Answers rubbish for "bad.test", and nothing else before c-ares has asked for that twice."""

    def __init__(self) -> None:
        self._bad = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if b"\x03bad" in data:
            self._bad += 1
            self._transport.sendto(RUBBISH, addr)
        elif self._bad >= LEAST_TRIES:
            self._transport.sendto(_answer(data), addr)


def _answer(query: bytes) -> bytes:
    """One address for the name that is asked for, which stands as it was asked."""
    end = query.index(b"\0", HEAD) + 5
    head = query[:2] + struct.pack("!HHHHH", 0x8180, 1, 1, 0, 0)
    record = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, len(ADDRESS)) + ADDRESS
    return head + query[HEAD:end] + record


@pytest.fixture
async def port() -> int:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(NameServer, local_addr=("127.0.0.1", 0))
    return int(transport.get_extra_info("sockname")[1])


async def test_rubbish_for_one_name_fails_no_other(port: int) -> None:
    """RFC 3263 §4.2: who can have us ask for a name of theirs stops nobody else's look-up."""
    query = DnsQuery([f"127.0.0.1:{port}"], 4.0)
    names = [f"good{number}.test" for number in range(5)]
    good = [asyncio.create_task(query.ask(Question("A", name))) for name in names]
    await asyncio.sleep(0)
    bad = await query.ask(Question("A", "bad.test"))
    assert isinstance(bad, Failure)
    answers = await asyncio.gather(*good)
    await query.close()
    assert answers == [Answer(("192.0.2.1",), 60)] * len(names)

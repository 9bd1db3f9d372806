"""RFC 3261 §18.3, §7.5 and RFC 5626 §3.5.1: messages out of a stream, however it is cut."""

from collections.abc import Callable, Iterator
from time import process_time

import pytest

from sip.errors import ParseError
from sip.framing import Ping, StreamReader
from sip.message import MAX_HEAD

OPTIONS = b"OPTIONS sip:a SIP/2.0\r\nTo: <sip:a>\r\nContent-Length: 0\r\n\r\n"
MESSAGE = b"MESSAGE sip:a SIP/2.0\r\nL  : 0006\r\nTo: <sip:a>\r\n\r\nab\r\n\r\n"
FOLDED = b"MESSAGE sip:a SIP/2.0\r\nTo: x\r\nCONTENT-LENGTH:\r\n  2\r\n\r\nhi"

Cut = Callable[[bytes], Iterator[bytes]]


def whole(data: bytes) -> Iterator[bytes]:
    yield data


def byte_by_byte(data: bytes) -> Iterator[bytes]:
    for octet in data:
        yield bytes([octet])


def in_threes(data: bytes) -> Iterator[bytes]:
    for at in range(0, len(data), 3):
        yield data[at : at + 3]


def feed_all(reader: StreamReader, pieces: Iterator[bytes]) -> None:
    for piece in pieces:
        reader.feed(piece)


def read(cut: Cut, data: bytes) -> tuple[list[bytes | str], StreamReader]:
    reader = StreamReader()
    found: list[bytes | str] = []
    for piece in cut(data):
        for one in reader.feed(piece):
            found.append("ping" if isinstance(one, Ping) else one)
    return found, reader


@pytest.mark.parametrize("cut", [whole, byte_by_byte, in_threes])
@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", []),
        (OPTIONS, [OPTIONS]),
        (MESSAGE, [MESSAGE]),
        (FOLDED, [FOLDED]),
        (OPTIONS + MESSAGE + FOLDED + OPTIONS, [OPTIONS, MESSAGE, FOLDED, OPTIONS]),
        (b"\r\n\r\n", ["ping"]),
        (b"\r\n\r\n" + OPTIONS, ["ping", OPTIONS]),
        (OPTIONS + b"\r\n\r\n\r\n\r\n", [OPTIONS, "ping", "ping"]),
        (b"\r\n" + OPTIONS + b"\r\n" + MESSAGE, [OPTIONS, MESSAGE]),
        (b"\r\n\r\n\r\n" + OPTIONS, ["ping", OPTIONS]),
    ],
)
def test_stream_is_cut_into_messages(cut: Cut, data: bytes, expected: list[bytes | str]) -> None:
    found, reader = read(cut, data)
    assert found == expected
    assert reader.rest == b""
    trailing, reader = read(cut, data + b"INVI")
    assert trailing == expected
    assert reader.rest == b"INVI"


@pytest.mark.parametrize("cut", [whole, byte_by_byte])
@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"OPTIONS sip:a SIP/2.0\r\nTo: x\r\n\r\n", "no Content-Length"),
        (b"OPTIONS sip:a SIP/2.0\r\nl: -1\r\n\r\n", "negative"),
        (b"OPTIONS sip:a SIP/2.0\r\nl: 0x1\r\n\r\n", "no number"),
        (b"OPTIONS sip:a SIP/2.0\r\nl:\r\n\r\n", "empty"),
        (b"OPTIONS sip:a SIP/2.0\r\nl: 1\r\nContent-Length: 2\r\n\r\n", "two that differ"),
        (b"OPTIONS sip:a SIP/2.0\r\nl: 99999999\r\n\r\n", "larger than the limit"),
        (b"OPTIONS sip:a SIP/2.0\r\nl: " + b"9" * 5000 + b"\r\n\r\n", "absurdly large"),
        (b"x" * (MAX_HEAD + 1), "head without end"),
        (b"a: b\r\n" * (MAX_HEAD // 6 + 1) + b"\r\n", "head too long"),
    ],
)
def test_hopeless_framing_is_refused(cut: Cut, data: bytes, why: str) -> None:
    """RFC 3261 §18.3: a stream without lengths cannot be read on."""
    reader = StreamReader()
    with pytest.raises(ParseError):
        feed_all(reader, cut(data))
    assert reader.broken
    with pytest.raises(ParseError):
        reader.feed(OPTIONS)


def test_messages_before_the_break_are_not_lost() -> None:
    reader = StreamReader()
    assert reader.feed(OPTIONS + b"BAD sip:a SIP/2.0\r\nVia: x\r\n\r\n") == [OPTIONS]
    assert reader.broken
    assert reader.rest.startswith(b"BAD ")


def test_same_length_twice_is_one_length() -> None:
    data = b"OPTIONS sip:a SIP/2.0\r\nl: 2\r\nContent-Length: 02\r\n\r\nhi"
    assert StreamReader().feed(data) == [data]


def test_length_in_a_value_is_no_length() -> None:
    data = b"OPTIONS sip:a SIP/2.0\r\nSubject: Content-Length: 9\r\nContent-Length: 0\r\n\r\n"
    assert StreamReader().feed(data) == [data]


def test_limit_is_for_head_and_body_together() -> None:
    reader = StreamReader(limit=len(MESSAGE))
    assert reader.feed(MESSAGE) == [MESSAGE]
    with pytest.raises(ParseError):
        StreamReader(limit=len(MESSAGE) - 1).feed(MESSAGE)


def seconds_for(octets: int) -> float:
    """CPU to feed a body of so many octets in pieces of 16."""
    head = b"MESSAGE sip:a SIP/2.0\r\nContent-Length: %d\r\n\r\n" % octets
    reader = StreamReader(limit=octets + len(head))
    reader.feed(head)
    started = process_time()
    for _ in range(octets // 16):
        reader.feed(b"\r\n" * 8)
    assert reader.rest == b""
    return process_time() - started


def test_cost_grows_with_the_octets_not_their_square() -> None:
    seconds_for(16384)
    small = min(seconds_for(65536) for _ in range(3))
    large = min(seconds_for(65536 * 8) for _ in range(3))
    assert large < small * 8 * 4


@pytest.mark.parametrize(
    ("data", "between"),
    [
        (b"", True),
        (b"\r\n", True),
        (b"\r\n\r", True),
        (b"\r\n\r\n", True),
        (OPTIONS + b"\r\n", True),
        (b"O", False),
        (b"\r\nO", False),
        (OPTIONS[:-1], False),
        (MESSAGE[:-4], False),
    ],
)
def test_a_line_break_is_no_beginning_of_a_message(data: bytes, between: bool) -> None:
    """RFC 3261 §7.5: it is ignored, or becomes a ping; no message is awaited after it."""
    reader = StreamReader()
    reader.feed(data)
    assert reader.between_messages is between

"""Frames and handshakes of SIP over WebSocket, as values (RFC 6455 §4.2, §5.2; RFC 7118 §4)."""

import pytest

from sip.websocket import (
    NO_SUBPROTOCOL,
    NO_UPGRADE,
    OTHER_ORIGIN,
    OTHER_VERSION,
    FrameWatch,
    Opcode,
    Refusal,
    frame,
    opcode_for,
    refusal,
)

HANDSHAKE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Protocol": "sip",
    "Sec-WebSocket-Version": "13",
    "Origin": "https://phone.example.com",
}
OURS = frozenset({"https://phone.example.com"})


@pytest.mark.parametrize(
    ("size", "head"),
    [
        (0, "8100"),
        (125, "817d"),
        (126, "817e007e"),
        (65535, "817effff"),
        (65536, "817f0000000000010000"),
    ],
)
def test_a_frame_says_its_length_in_the_shortest_form(size: int, head: str) -> None:
    """RFC 6455 §5.2; a server does not mask."""
    assert frame(Opcode.TEXT, b"x" * size) == bytes.fromhex(head) + b"x" * size


@pytest.mark.parametrize(
    ("message", "opcode"),
    [
        (b"OPTIONS sip:a SIP/2.0\r\n", Opcode.TEXT),
        ("Subject: ž\r\n".encode(), Opcode.TEXT),
        (b"Subject: \xff\r\n", Opcode.BINARY),
    ],
)
def test_what_is_no_utf_8_goes_as_binary(message: bytes, opcode: Opcode) -> None:
    """RFC 7118 §4.2."""
    assert opcode_for(message) == opcode


@pytest.mark.parametrize(
    ("changes", "origins", "expected"),
    [
        pytest.param({}, frozenset(), None, id="as-the-rfc-shows-it"),
        pytest.param({}, OURS, None, id="origin-listed"),
        pytest.param({"Origin": "https://evil.example"}, frozenset(), None, id="any-origin"),
        pytest.param({"Origin": "https://evil.example"}, OURS, OTHER_ORIGIN, id="other-origin"),
        pytest.param({"Origin": "null"}, OURS, OTHER_ORIGIN, id="opaque-origin"),
        pytest.param({"Origin": "HTTPS://Phone.Example.COM"}, OURS, None, id="origin-in-capitals"),
        pytest.param({"Origin": None}, OURS, None, id="no-browser"),
        pytest.param({"Upgrade": None}, OURS, NO_UPGRADE, id="plain-http"),
        pytest.param({"Upgrade": "h2c"}, OURS, NO_UPGRADE, id="upgrade-to-something-else"),
        pytest.param({"Upgrade": "h2c, WebSocket"}, OURS, None, id="upgrade-among-others"),
        pytest.param({"Sec-WebSocket-Version": "8"}, OURS, OTHER_VERSION, id="draft-version"),
        pytest.param({"Sec-WebSocket-Version": None}, OURS, OTHER_VERSION, id="no-version"),
        pytest.param({"Sec-WebSocket-Protocol": None}, OURS, NO_SUBPROTOCOL, id="no-subprotocol"),
        pytest.param({"Sec-WebSocket-Protocol": "xmpp"}, OURS, NO_SUBPROTOCOL, id="subprotocol"),
        pytest.param({"Sec-WebSocket-Protocol": "xmpp, sip"}, OURS, None, id="sip-among-others"),
    ],
)
def test_handshake(
    changes: dict[str, str | None], origins: frozenset[str], expected: Refusal | None
) -> None:
    """RFC 7118 §4.1: the subprotocol; RFC 6455 §4.2.2: upgrade, version, origin."""
    headers = {name: value for name, value in {**HANDSHAKE, **changes}.items() if value is not None}
    assert refusal(headers, origins) == expected


def masked(payload: bytes, size: int = 0) -> bytes:
    """A frame of a client; `size` octets of length, 0 for the shortest."""
    mask = bytes((1, 2, 3, 4))
    if size:
        length = bytes((0x80 | {2: 126, 8: 127}[size],)) + len(payload).to_bytes(size, "big")
    else:
        length = bytes((0x80 | len(payload),))
    return b"\x81" + length + mask + bytes(one ^ mask[at % 4] for at, one in enumerate(payload))


CLIENT = masked(b"") + masked(b"x" * 125) + masked(b"y" * 300, 2) + masked(b"z" * 70_000, 8)


@pytest.mark.parametrize("step", [1, 2, 3, 7, 1_000_000])
def test_that_frames_are_masked_is_seen_however_they_are_cut(step: int) -> None:
    """RFC 6455 §5.1, §5.2: from the end of the handshake on, whatever payloads look like."""
    watch = FrameWatch()
    sent = b"GET / HTTP/1.1\r\nA: b\r\n\r\n" + CLIENT + CLIENT
    assert all([watch.see(sent[at : at + step]) for at in range(0, len(sent), step)])
    unmasked = frame(Opcode.TEXT, b"\xff" * 200)
    assert not all([watch.see(unmasked[at : at + step]) for at in range(0, len(unmasked), step)])
    assert not watch.sound
    assert not watch.see(masked(b"too late"))


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\n\r\n", b"\x81"])
def test_what_is_no_whole_frame_is_no_unmasked_one(sent: bytes) -> None:
    assert FrameWatch().see(sent)

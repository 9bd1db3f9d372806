"""RFC 2046 §5.1, RFC 2387: multipart bodies."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sip.errors import ParseError
from sip.multipart import build_multipart, parse_multipart


def test_parts_are_read() -> None:
    body = (
        b"preamble\r\n--x y\r\nContent-Type: application/rlmi+xml\r\n"
        b"Content-ID: <1@a>\r\n\r\n<list/>"
        b"\r\n--x y  \r\n\r\nno headers\r\n--x y--\r\nepilogue --x y"
    )
    first, second = parse_multipart('Multipart/Related; type="a/b";boundary="x y"', body)
    assert first.headers == {"content-type": "application/rlmi+xml", "content-id": "<1@a>"}
    assert first.content_id == "1@a"
    assert first.body == b"<list/>"
    assert (second.headers, second.body, second.content_id) == ({}, b"no headers", None)


def test_a_longer_boundary_is_no_delimiter() -> None:
    body = b"--b\r\n\r\nx\r\n--bc\r\ny\r\n--b--"
    assert [part.body for part in parse_multipart("multipart/mixed;boundary=b", body)] == [
        b"x\r\n--bc\r\ny"
    ]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/plain;boundary=b", b"--b\r\n\r\nx\r\n--b--"),
        ("multipart/mixed", b"--b\r\n\r\nx\r\n--b--"),
        ("multipart/mixed;boundary=" + "b" * 71, b""),
        ('multipart/mixed;boundary="b "', b"--b \r\n\r\nx\r\n--b --"),
        ("multipart/mixed;boundary=b", b""),
        ("multipart/mixed;boundary=b", b"--b\r\n\r\nx\r\n--b"),
        ("multipart/mixed;boundary=b", b"--b--"),
        ("multipart/mixed;boundary=b", b"--b\r\nno empty line\r\n--b--"),
        ("multipart/mixed;boundary=b", b"--b\r\nno colon\r\n\r\nx\r\n--b--"),
        ("multipart/mixed;boundary=b", b"--b\r\n\r\n" * 2000 + b"\r\n--b--"),
    ],
)
def test_broken_multipart_is_refused(content_type: str, body: bytes) -> None:
    with pytest.raises(ParseError):
        parse_multipart(content_type, body)


@pytest.mark.parametrize(("boundary", "subtype"), [("", "mixed"), ('a"b', "mixed"), ("b", "a/b")])
def test_what_cannot_be_written_is_refused(boundary: str, subtype: str) -> None:
    with pytest.raises(ParseError):
        build_multipart([], boundary=boundary, subtype=subtype)


@settings(deadline=None)
@given(st.lists(st.binary(max_size=40), min_size=1, max_size=4))
def test_multipart_round_trip(bodies: list[bytes]) -> None:
    parts = [([("Content-Type", "text/plain")], body) for body in bodies]
    content_type, body = build_multipart(
        parts, boundary="a-b.c", subtype="related", parameters={"type": "text/plain"}
    )
    read = parse_multipart(content_type, body)
    assert [part.body for part in read] == bodies
    assert content_type == 'multipart/related;type="text/plain";boundary="a-b.c"'

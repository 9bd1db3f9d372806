"""RFC 3261 §17.2.2: a request that is sent again is given the same answer again."""

import pytest

from sip.message import Request, build_response, parse_message
from sip.transaction.kept_answer import is_short, shorten, whole

PLAIN = (
    b"SUBSCRIBE sip:alice@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n"
    b"From: <sip:bob@example.com>;tag=f1\r\nTo: <sip:alice@example.com>\r\nCall-ID: c1\r\n"
    b"CSeq: 1 SUBSCRIBE\r\nContent-Length: 0\r\n\r\n"
)


def request(data: bytes) -> Request:
    message = parse_message(data)
    assert isinstance(message, Request)
    return message


@pytest.mark.parametrize(
    ("data", "to_tag"),
    [
        pytest.param(PLAIN, "w0.1", id="a tag of ours"),
        pytest.param(PLAIN, None, id="no tag"),
        pytest.param(
            PLAIN.replace(b"example.com>\r\nCall", b"example.com>;tag=t1\r\nCall"),
            None,
            id="a tag of its own",
        ),
        pytest.param(
            PLAIN.replace(b"From:", b"Via: SIP/2.0/TCP 192.0.2.2\r\nFrom:"), "w0.1", id="two Vias"
        ),
        pytest.param(
            PLAIN.replace(b"From: ", b'f: "\xe9\r\n CSeq: 9" '),
            "w0.1",
            id="a folded name of other octets",
        ),
        pytest.param(PLAIN.replace(b"Call-ID: c1\r\n", b""), "w0.1", id="no Call-ID"),
    ],
)
@pytest.mark.parametrize("body", [b"", b"CSeq: 4\r\n\0\r\nCSeq: 5\r\n"])
def test_the_answer_comes_back_octet_by_octet(data: bytes, to_tag: str | None, body: bytes) -> None:
    """§8.2.6.2: what is copied from the request stands in the request that comes again."""
    response = build_response(
        request(data), 200, headers=(("Expires", "60"),), body=body, to_tag=to_tag
    )
    kept = shorten(response, to_tag or "")
    assert is_short(kept)
    assert len(kept) < len(response) / 2 + len(body)
    assert whole(kept, request(data)) == response


def test_an_answer_without_cseq_is_kept_whole() -> None:
    """What was refused unread may have none."""
    response = build_response(request(PLAIN.replace(b"CSeq: 1 SUBSCRIBE\r\n", b"")), 400)
    assert shorten(response, "") == response
    assert not is_short(response)

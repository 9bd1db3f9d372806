"""What the codec costs per message, in microseconds of CPU: run as a script.

    python tests/bench/bench_codec.py [rounds]

Each round parses messages that differ in branch, tags, Call-ID, CSeq and body, as the wire
brings them, so that nothing is found in a cache that would not be found there in service.
"""

import sys
from collections.abc import Callable, Sequence
from time import process_time
from typing import TypeVar

from sip.check import check_request
from sip.message import Request, build_response, parse_message

PRESENTITIES = 2000
MESSAGES = 4000
ROUNDS = 5

T = TypeVar("T")


def pidf(number: int, version: int) -> bytes:
    """A presence document of about 700 octets."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<presence xmlns="urn:ietf:params:xml:ns:pidf"'
        ' xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"'
        f' xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="sip:u{number}@example.com">\n'
        f' <tuple id="t{number}"><status><basic>open</basic></status>'
        "<rpid:user-input>active</rpid:user-input>"
        f'<contact priority="0.8">sip:u{number}@192.0.2.10:5060</contact>'
        f"<note>version {version:06d}</note></tuple>\n"
        f' <dm:person id="p{number}"><rpid:activities><rpid:meeting/></rpid:activities>'
        '<dm:note xml:lang="en">Until three</dm:note></dm:person>\n</presence>\n'
    ).encode()


def publish(number: int, version: int) -> bytes:
    """A PUBLISH that modifies, as a softphone sends it."""
    body = pidf(number, version)
    user = f"u{number:06d}"
    head = (
        f"PUBLISH sip:{user}@example.com SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 127.0.0.1:{40000 + number};rport;branch=z9hG4bKp{number}.{version}\r\n"
        "Max-Forwards: 70\r\n"
        f"From: <sip:{user}@example.com>;tag=fp{number}\r\n"
        f"To: <sip:{user}@example.com>\r\n"
        f"Call-ID: p{number}.x@127.0.0.1\r\n"
        f"CSeq: {version} PUBLISH\r\n"
        "Event: presence\r\n"
        "Expires: 3600\r\n"
        f"Contact: <sip:{user}@127.0.0.1:{40000 + number}>\r\n"
        f"SIP-If-Match: e{number}.{version}\r\n"
        "Content-Type: application/pidf+xml\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def read(data: bytes) -> Request:
    """Parse, and ask for all that the road of a PUBLISH asks for."""
    request = parse_message(data)
    assert isinstance(request, Request)
    via = request.via
    address = request.from_
    _ = via.branch, via.sent_by, address.tag, address.aor, request.to, request.call_id
    _ = request.cseq, request.event, request.expires, request.content_type
    request.get("sip-if-match")
    return request


def respond(request: Request) -> bytes:
    """The 200 that a PUBLISH gets."""
    headers = (("SIP-ETag", "a81.77"), ("Expires", "3600"))
    return build_response(request, 200, headers=headers, to_tag="w0.8a7f")


def cost(work: Callable[[T], object], items: Sequence[T], rounds: int) -> float:
    """Microseconds of CPU per item, the best round."""
    best = float("inf")
    for _ in range(rounds):
        started = process_time()
        for item in items:
            work(item)
        best = min(best, process_time() - started)
    return best / len(items) * 1e6


def main(rounds: int) -> None:
    """Print one line per thing measured."""
    wire = [
        publish(number % PRESENTITIES, 1 + number // PRESENTITIES) for number in range(MESSAGES)
    ]
    requests = [read(data) for data in wire]
    print(f"parse_message            {cost(parse_message, wire, rounds):6.2f} us")
    print(f"parse and read           {cost(read, wire, rounds):6.2f} us")
    print(f"check_request, read ones {cost(check_request, requests, rounds):6.2f} us")
    print(f"build_response           {cost(respond, requests, rounds):6.2f} us")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)

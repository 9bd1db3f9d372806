"""How messages are written on their way through (RFC 3261 §16.6, §16.7 step 3, §9.1).

Pure. Hot: one pass over the lines, since every relayed message goes through here
(tests/bench/bench_relay.py).
"""

from collections.abc import Container, Sequence
from typing import Final, NamedTuple

from sip.check import hops_left
from sip.errors import ParseError
from sip.grammar import split_list
from sip.head import header_line, key_of_line, to_wire
from sip.header_names import KEYS, key_of
from sip.message import Request, Response, build_request

MAX_FORWARDS: Final = 70
"""Given to a request that has none (§16.6 step 3)."""
REWRITTEN: Final = frozenset({"max-forwards", "max-breadth"})
ROUTE: Final = frozenset({"route"})


class Changed(NamedTuple):
    """What differs in a copy of a request from what came (§16.6)."""

    uri: str
    """Request-URI."""
    routes: Sequence[str]
    """Route values."""
    via: str
    """Our Via value."""
    recorded: Sequence[str] = ()
    """Our Record-Route values, topmost first."""
    breadth: int = 1
    """Max-Breadth of this copy (RFC 5393 §5.3.3)."""
    dropped: frozenset[str] = frozenset()
    """Keys of headers that go no further."""
    added: Sequence[tuple[str, str]] = ()


def forwarded(request: Request, changed: Changed) -> bytes:
    """The request as it leaves. ParseError when a value of `changed` breaks the head."""
    if not changed.uri or len(changed.uri.split()) != 1:
        raise ParseError("Request-URI", changed.uri)
    lines = [f"Via: {changed.via}"]
    lines += [header_line("Record-Route", value) for value in changed.recorded]
    same_routes = list(changed.routes) == list(request.values("route"))
    if not same_routes:
        lines += [header_line("Route", value) for value in changed.routes]
    gone = REWRITTEN | changed.dropped if same_routes else REWRITTEN | changed.dropped | ROUTE
    for line in request.lines:
        name = line.partition(":")[0]
        if (KEYS.get(name) or key_of(name)) not in gone:
            lines.append(line)
    hops = hops_left(request)
    lines.append(f"Max-Forwards: {MAX_FORWARDS if hops is None else hops - 1}")
    lines.append(f"Max-Breadth: {changed.breadth}")
    lines += [header_line(name, value) for name, value in changed.added]
    if request.get("content-length") is None:
        lines.append(f"Content-Length: {len(request.body)}")
    return to_wire(f"{request.method} {changed.uri} {request.version}", lines, request.body)


def returned(
    response: Response, dropped: Container[str] = (), recorded: Sequence[str] | None = None
) -> bytes:
    """The response as it goes back: without our Via (§16.7 step 3) and what is `dropped`, with
    `recorded` for its Record-Route values unless that is None (§16.7 step 8)."""
    lines = list(response.lines)
    if recorded is not None:
        first = next(at for at, line in enumerate(lines) if key_of_line(line) == "record-route")
        after = [line for line in lines[first:] if key_of_line(line) != "record-route"]
        lines[first:] = [f"Record-Route: {value}" for value in recorded] + after
    if dropped:
        lines = [line for line in lines if key_of_line(line) not in dropped]
    for at, line in enumerate(lines):
        if key_of_line(line) == "via":
            rest = split_list(line.partition(":")[2])[1:] if "," in line else ()
            lines[at : at + 1] = [f"Via: {', '.join(rest)}"] if rest else []
            break
    if response.get("content-length") is None:
        lines.append(f"Content-Length: {len(response.body)}")
    return to_wire(response.start_line, lines, response.body)


def is_ours_alone(response: Response) -> bool:
    """Whether `response` has no Via but ours, and so goes back to nobody (§16.7 step 3)."""
    vias = response.all("via")
    return len(vias) == 1 and len(split_list(vias[0])) < 2


def record_routes(
    arrived: tuple[str, str], leaving: tuple[str, str], *, secure: bool = False
) -> tuple[str, ...]:
    """Record-Route values, topmost first: one, or two where the two sides differ.

    Each side is the user part and the Contact value of its flow, `<sip:host:port…>`; two let
    either peer reach us by its own transport and address (RFC 5658 §3.2), and name the flow to
    each. `secure`: all that is said of us is SIPS (§16.6 step 4).
    """
    sides = [leaving] if leaving == arrived else [leaving, arrived]
    return tuple([_record_route(user, contact, secure) for user, contact in sides])


def _record_route(user: str, contact: str, secure: bool) -> str:
    where = contact.removeprefix("<sip:").removesuffix(">")
    if secure:
        return f"<sips:{user}@{where.removesuffix(';transport=tls')};lr>"
    return f"<sip:{user}@{where};lr>"


def cancelling(request: Request, reasons: Sequence[str] = ()) -> bytes:
    """The CANCEL of a request that we sent (§9.1), for `reasons` (RFC 3326 §2)."""
    headers = [("Via", request.values("via")[0]), ("Max-Forwards", str(MAX_FORWARDS))]
    headers += [("Route", value) for value in request.values("route")]
    for name in ("From", "To", "Call-ID"):
        headers.append((name, request.get(name.lower()) or ""))
    headers.append(("CSeq", f"{request.cseq.number} CANCEL"))
    headers += [("Reason", reason) for reason in reasons]
    return bytes(build_request("CANCEL", request.uri_text, headers))

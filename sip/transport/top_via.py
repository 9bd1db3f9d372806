"""The topmost Via of a request as it comes in (RFC 3261 §18.2.1, RFC 3581 §4).

Pure. The sender's address is written into the bytes before they are parsed, and the key of the
transaction is read from them, so that a request sent again is answered without being parsed.
A Via that is written in an unusual way takes the long road, through the codec.

Deviation: a maddr parameter is not followed (RFC 3261 §18.2.2): it would let anybody aim our
answers at somebody else. Neither is a `received` or a filled-in `rport` that the sender wrote.
"""

import re
from dataclasses import dataclass
from typing import Final

from sip.errors import ParseError
from sip.locate import DEFAULT_PORTS
from sip.message import Draft, Request, parse_message
from sip.transaction.key import COOKIE, branch_key, key_of
from sip.via import Via

DEFAULT_PORT: Final = DEFAULT_PORTS["udp"]
MAX_PORT: Final = 65535

_BRANCH: Final = b";branch="
_RPORT: Final = b";rport"

_PLAIN: Final = re.compile(
    rb"\r\n(?:Via|v): ?SIP/2\.0/[A-Z]+ ([^;,\s\"]+)(;rport)?"
    rb";branch=(z9hG4bK[^;,\s\"]*)(;rport)?\r\n[!-~]"
)
"""The first header as nearly everybody writes it."""
_TOP_VIA: Final = re.compile(
    rb"\r\n(?:Via|VIA|via|v|V)[ \t]*:[ \t]*SIP/2\.0/[A-Za-z]+[ \t]+"
    rb"([^;,\s\"]+)(;[^,\s\"]*)(?=\r\n[^ \t]|,)"
)
_UNUSUAL: Final = re.compile(rb";(?:received|rport=|maddr)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Source:
    """Where a message came from, in the forms that go into a Via; made once for each flow."""

    ip: str
    port: int
    host: bytes
    """The address as a sent-by has it."""
    received: bytes
    rport: bytes

    @classmethod
    def of(cls, ip: str, port: int) -> "Source":
        """The source `ip`:`port`, `ip` numeric and without brackets."""
        received = f";received={ip}"
        host = f"[{ip}]" if ":" in ip else ip
        return cls(ip, port, host.encode(), received.encode(), f"={port}{received}".encode())


Arrival = tuple[bytes, bytes, int]
"""A request as it is passed on: the message with `received` and `rport` put in; the key of its
transaction; the port at the source address that the answer goes to over UDP."""


def arrive(data: bytes, source: Source) -> Arrival:
    """Stamp the request `data` from `source`; ParseError when it has no Via that can be read."""
    match = _PLAIN.match(data, data.find(b"\r\n"))
    if match is None:
        return _arrive_otherwise(data, source)
    sent_by, before, branch, after = match.groups()
    key = branch_key(branch, sent_by, data[: data.find(b" ")])
    if before or after:
        at = match.end(2 if before else 4)
        return data[:at] + source.rport + data[at:], key, source.port
    return _without_rport(data, source, key, sent_by, match.end(3))


def _without_rport(data: bytes, source: Source, key: bytes, sent_by: bytes, at: int) -> Arrival:
    """Add `received` at `at` unless the sender named itself by its address (§18.2.1)."""
    host, port = _split_sent_by(sent_by)
    if host != source.host:
        data = data[:at] + source.received + data[at:]
    return data, key, port


def _arrive_otherwise(data: bytes, source: Source) -> Arrival:
    """Stamp a request whose Via is not the first header, or has other parameters."""
    match = _TOP_VIA.search(data)
    if match is None or data.find(b"\r\n\r\n", 0, match.start() + 1) >= 0:
        return _arrive_slowly(data, source)
    sent_by, parameters = match.groups()
    at = parameters.find(_BRANCH) + len(_BRANCH)
    end = parameters.find(b";", at)
    branch = parameters[at:] if end < 0 else parameters[at:end]
    if at < len(_BRANCH) or not branch.startswith(COOKIE) or _UNUSUAL.search(parameters):
        return _arrive_slowly(data, source)
    key = branch_key(branch, sent_by, data[: data.find(b" ")])
    at = parameters.find(_RPORT) + len(_RPORT)
    if at < len(_RPORT):
        return _without_rport(data, source, key, sent_by, match.end(2))
    if parameters[at : at + 1] not in (b"", b";"):
        return _arrive_slowly(data, source)
    at += match.start(2)
    return data[:at] + source.rport + data[at:], key, source.port


def _split_sent_by(sent_by: bytes) -> tuple[bytes, int]:
    """Host and port of a sent-by, the port 5060 when it has none (§18.2.2)."""
    host, colon, port = sent_by.rpartition(b":")
    if not colon or sent_by.endswith(b"]"):
        return sent_by, DEFAULT_PORT
    if not port.isdigit() or len(port) > len(str(MAX_PORT)) or not 0 < int(port) <= MAX_PORT:
        raise ParseError("sent-by", sent_by.decode(errors="replace"))
    return host, int(port)


def _arrive_slowly(data: bytes, source: Source) -> Arrival:
    """Stamp a request whose Via is folded, quoted, of RFC 2543, or stamped by its sender."""
    request = parse_message(data)
    if not isinstance(request, Request):
        raise ParseError("request", data[:40].decode(errors="replace"))
    via = request.via
    draft = Draft(request)
    draft.remove_first_value("Via")
    draft.prepend("Via", str(_stamped(via, source)))
    port = source.port if via.wants_rport else via.port or DEFAULT_PORT
    return bytes(draft), key_of(request), port


def _stamped(via: Via, source: Source) -> Via:
    """`via` with the address it came from, and nothing that its sender claimed about that."""
    kept = via.parameters.without("received").without("maddr")
    clean = Via(via.transport, via.host, via.port, kept)
    if via.wants_rport:
        return clean.with_parameters(rport=str(source.port), received=source.ip)
    if via.host.encode(errors="surrogateescape") != source.host:
        return clean.with_parameters(received=source.ip)
    return clean

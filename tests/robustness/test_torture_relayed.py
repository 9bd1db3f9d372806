"""RFC 4475: what is odd but valid goes through the proxy unharmed, there and back.

A phone registers the user whom the message is for; the message is sent with one more Via, ours, on
top. RFC 3261 §16.6 and §16.7 say what a proxy changes: the Request-URI, Max-Forwards, Via and
Record-Route. Everything else has to arrive octet by octet; folded lines may arrive unfolded.
"""

import re
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import pytest

from tests.processes import TRUSTING, Deployment, Running, merged, sqlite_url
from tests.rawsip import Heard, SipClient, new_branch
from tests.rawusers import User
from tests.robustness.health import Health

DOMAINS: Final = ("example.com", "example.org", "example.net", "chair-dnrc.example.com")
"""Of the Request-URIs."""
RELAYED: Final[Mapping[str, str]] = {
    "wsinv": "sip:vivekg@chair-dnrc.example.com",
    "intmeth": "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*@example.com",
    "esc01": "sip:sips%3Auser%40example.com@example.net",
    "semiuri": "sip:user;par=u%40example.net@example.com",
    "transports": "sip:user@example.com",
    "lwsdisp": "sip:user@example.com",
    "longreq": "sip:user@example.com",
    "mpart01": "sip:kumiko@example.org",
    "sdp01": "sip:user@example.com",
    "invut": "sip:user@example.com",
    "inv2543": "sip:UserB@example.com",
}
"""Each message, and the AoR that it is for."""
CHANGED: Final = re.compile(
    rb"(?:via|v|max-forwards|record-route|route|max-breadth|content-length|l)[ \t]*:", re.IGNORECASE
)
"""Headers that a proxy touches."""
COPIED: Final = re.compile(
    rb"(?:via|v|from|f|to|t|call-id|i|cseq|record-route)[ \t]*:", re.IGNORECASE
)
"""Headers that a response takes over."""
ODD_HEADER: Final = b"X-Odd-!*:  \\"
FOLD: Final = re.compile(rb"[ \t]*\r\n[ \t]+")
MAX_FORWARDS: Final = re.compile(rb"^max-forwards[ \t]*:[ \t]*(\d+)", re.IGNORECASE | re.MULTILINE)
USUAL_HOPS: Final = 70
"""For a request without Max-Forwards (RFC 3261 §16.6 item 3)."""


@dataclass
class Recorder(SipClient):
    """A client that keeps the octets of every message, and answers by copying them."""

    octets: list[bytes] = field(default_factory=list)
    status: bytes = b"200 OK"
    """Status code and reason phrase that it answers with."""

    def hear(self, data: bytes) -> None:
        self.octets.append(data)
        if data.strip() and not data.startswith((b"SIP/2.0 ", b"ACK ")):
            self.send(answer_to(data, self.status))
            self.requests.append(Heard.parse(data))
            self._news.set()
        else:
            super().hear(data)


def answer_to(request: bytes, status: bytes) -> bytes:
    """A response in the octets of its request (RFC 3261 §8.2.6), with one odd header more."""
    lines = [line for line in headers_of(request) if COPIED.match(line)]
    return b"\r\n".join([b"SIP/2.0 " + status, *lines, ODD_HEADER, b"l: 0", b"", b""])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    directory = tmp_path_factory.mktemp("relayed")
    settings = merged(TRUSTING, {"": {"domains": list(DOMAINS)}})
    deployment = Deployment(directory, sqlite_url(directory), settings)
    deployment.prepare()
    with deployment.serving() as running:
        yield running


@pytest.fixture(params=["UDP", "TCP"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def phone(server: Running, transport: str) -> AsyncIterator[Recorder]:
    async with await Recorder.open(server.sip, transport) as made:
        yield made


@pytest.fixture
async def caller(server: Running, transport: str) -> AsyncIterator[Recorder]:
    async with await Recorder.open(server.sip, transport) as made:
        yield made


async def register(phone: SipClient, aor: str) -> User:
    """`phone` becomes the one place where `aor` is."""
    user = User(phone, aor)
    answer = await user.ask("REGISTER", user.domain_uri, [("Contact", f"<{phone.contact}>")])
    assert answer.status == 200
    return user


async def unregister(user: User) -> None:
    headers = [("Contact", "*"), ("Expires", "0")]
    assert (await user.ask("REGISTER", user.domain_uri, headers)).status == 200


def sendable(message: bytes, client: SipClient, branch: str) -> bytes:
    """The message with our Via on top, a Content-Length, and no Route to strange hosts."""
    start, _, rest = message.partition(b"\r\n")
    head, end, body = rest.partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.startswith(b"Route:")]
    if not re.search(rb"^(?:content-length|l)[ \t]*:", head, re.IGNORECASE | re.MULTILINE):
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join([start, f"Via: {client.via(branch)}".encode(), *lines]) + end + body


def headers_of(message: bytes) -> list[bytes]:
    """The header lines, unfolded, white space at folds being one space."""
    head = message.partition(b"\r\n\r\n")[0]
    return FOLD.sub(b" ", head).split(b"\r\n")[1:]


def kept(message: bytes) -> list[bytes]:
    """The header lines that a proxy leaves alone, in order."""
    return [line.rstrip() for line in headers_of(message) if not CHANGED.match(line)]


def vias(message: bytes) -> list[bytes]:
    """The Via values, however many lines they are on."""
    values = [
        line.partition(b":")[2]
        for line in headers_of(message)
        if re.match(rb"(?:via|v)[ \t]*:", line, re.IGNORECASE)
    ]
    return [value.strip() for line in values for value in line.split(b",")]


def hops(message: bytes) -> int | None:
    found = MAX_FORWARDS.search(message)
    return int(found[1]) if found else None


@pytest.mark.parametrize("name", RELAYED)
async def test_an_odd_request_reaches_the_phone_unharmed(
    server: Running, phone: Recorder, caller: Recorder, torture: Mapping[str, bytes], name: str
) -> None:
    """RFC 4475 §3.1.1 and §3.3, RFC 3261 §16.6: octets of headers and body; Via and hop count."""
    user = await register(phone, RELAYED[name])
    branch = new_branch()
    sent = sendable(torture[name], caller, branch)
    caller.send(sent)
    method = sent.split(b" ", 1)[0].decode()
    assert await phone.until(lambda: any(each.method == method for each in phone.requests))
    came = next(each for each in phone.octets if each.startswith(method.encode() + b" "))

    assert came.startswith(f"{method} {phone.contact} SIP/2.0\r\n".encode())
    assert kept(came) == kept(sent)
    assert came.partition(b"\r\n\r\n")[2] == sent.partition(b"\r\n\r\n")[2]
    assert hops(came) == (USUAL_HOPS if hops(sent) is None else (hops(sent) or 0) - 1)
    assert vias(came)[2:] == vias(sent)[1:]
    assert branch.encode() in vias(came)[1]

    assert await caller.until(lambda: any(each.status == 200 for each in caller.responses))
    back = next(each for each in caller.octets if each.startswith(b"SIP/2.0 200 "))
    assert vias(back)[1:] == vias(sent)[1:]
    await unregister(user)
    assert Health(server).trouble() == []


@pytest.mark.parametrize(
    ("reason", "why"),
    [
        ("= 2**3 * 5**2 но сто девяносто девять - простое", "unreason, RFC 4475 §3.1.1.12"),
        ("", "noreason, RFC 4475 §3.1.1.13"),
    ],
)
async def test_an_odd_reason_phrase_comes_back_unharmed(
    phone: Recorder, caller: Recorder, reason: str, why: str
) -> None:
    """RFC 3261 §16.7: the response is passed on as it is, but for the topmost Via."""
    user = await register(phone, "sip:user@example.com")

    phone.status = f"200 {reason}".encode()
    options = caller.request(
        *("OPTIONS", "sip:user@example.com"),
        from_="<sip:caller@example.org>;tag=1",
        to="<sip:user@example.com>",
        call_id=new_branch(),
        cseq=1,
    )
    assert (await caller.exchange(options)).status == 200, why
    back = next(each for each in caller.octets if each.startswith(b"SIP/2.0 200"))
    assert back.startswith(f"SIP/2.0 200 {reason}\r\n".encode())
    assert b"\r\n" + ODD_HEADER + b"\r\n" in back
    await unregister(user)


@pytest.mark.parametrize(
    ("name", "contacts"),
    [
        ("escnull", ["<sip:%00@host5.example.com>", "<sip:%00%00@host5.example.com>"]),
        ("cparam01", ["<sip:+19725552222@gw1.example.net>;unknownparam"]),
        ("cparam02", ["<sip:+19725552222@gw1.example.net;unknownparam>"]),
        ("regescrt", ["<sip:user@example.invalid?Route=%3Csip:sip.example.com%3E>"]),
        ("dblreq", ["<sip:j.user@host.example.com>"]),
    ],
)
async def test_odd_contacts_are_bound_as_they_were_written(
    caller: Recorder, torture: Mapping[str, bytes], name: str, contacts: list[str]
) -> None:
    """RFC 4475 §3.1.1.4, §3.3.12, §3.3.13, §3.3.14: what belongs to the URI stays there."""
    branch = new_branch()
    message = torture[name]
    if name == "dblreq":  # on a stream the second request would be one of its own
        message = message[: message.index(b"\r\n\r\n") + 4]
    if name == "regescrt":  # a contact in our own domain would be refused
        message = message.replace(b"sip:user@example.com?", b"sip:user@example.invalid?")
    caller.send(sendable(message, caller, branch))
    assert await caller.until(lambda: any(each.branch == branch for each in caller.responses))
    answer = next(each for each in caller.responses if each.branch == branch)
    assert answer.status == 200
    bound = [value.partition(";expires=")[0] for value in answer.all("Contact")]
    assert sorted(bound) == sorted(contacts)
    user = User(caller, f"sip:{answer['To'].partition('sip:')[2].partition(';')[0].rstrip('>')}")
    await unregister(user)

"""No octets make the codec raise anything but ParseError, nor take more than its share of time."""

import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from time import process_time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sip.accept import best
from sip.auth_header import Challenge, Credentials
from sip.check import check_request, too_many_hops, unsupported_options
from sip.errors import ParseError
from sip.framing import StreamReader
from sip.grammar import split_list
from sip.message import Draft, Message, Request, build_response, parse_message, salvage
from sip.multipart import parse_multipart
from sip.parameters import Parameters
from sip.subscription_state import SubscriptionState
from sip.trust import asserted_identity

TORTURE = [path.read_bytes() for path in sorted((Path(__file__).parent / "torture").glob("*.dat"))]
SEED = 4475
MUTATIONS = 10_000
ODD = (
    *(
        b"\0",
        b"\r",
        b"\n",
        b"\r\n",
        b"\r\n ",
        b"\r\n\r\n",
        b'"',
        b"\\",
        b"<",
        b">",
        b";",
        b",",
        b"=",
    ),
    *(
        b" ",
        b"\t",
        b":",
        b"%",
        b"%00",
        b"@",
        b"[",
        b"]",
        b"?",
        b"\xff",
        b"\xc3\xa4",
        b"\xed\xa0\x80",
    ),
    *(b"9" * 400, b"a" * 300, b"-1", b"SIP/2.0", b"sip:", b"Via: ", b"l: 5\r\n", b"t: "),
)
LAZY = (
    *("via", "vias", "from_", "to", "call_id", "cseq", "contacts", "event", "expires"),
    *("content_type", "uri"),
)


def look_at_everything(message: Message) -> None:
    """Ask for all that can be asked for; only ParseError may come."""
    for name in LAZY:
        with suppress(ParseError, AttributeError):
            getattr(message, name)
    for address in ("from_", "to"):
        with suppress(ParseError):
            _ = getattr(message, address).aor
    for line in message.lines:
        message.values(line.partition(":")[0].strip().lower())
    with suppress(ParseError):
        parse_multipart(message.get("content-type") or "", message.body)
    for value in message.values("authorization"):
        with suppress(ParseError):
            Credentials.parse(value)
    best(message.values("accept"), ["application/pidf+xml"])


def run(data: bytes) -> None:
    """What a server does with a datagram."""
    try:
        message = parse_message(data)
    except ParseError:
        saved = salvage(data)
        if saved is not None:
            assert build_response(saved, 400, to_tag="t").startswith(b"SIP/2.0 400 ")
        return
    look_at_everything(message)
    if isinstance(message, Request):
        refusal = check_request(message)
        answer = build_response(message, refusal.status if refusal else 200, to_tag="t")
        assert parse_message(answer).get("content-length") == "0"
        unsupported_options(message, ())
        with suppress(ParseError):
            too_many_hops(message)
        with suppress(ParseError):
            asserted_identity(message)
    draft = Draft(message)
    draft.remove_first_value("Via")
    draft.prepend("Via", "SIP/2.0/UDP p;branch=z9hG4bKp")
    assert parse_message(bytes(draft)).via.host == "p"


def mutated(seed: int, count: int) -> Iterator[bytes]:
    """Torture messages with some octets dropped, doubled, replaced or put in."""
    source = random.Random(seed)
    for _ in range(count):
        data = bytearray(source.choice(TORTURE))
        for _ in range(source.randint(1, 6)):
            at = source.randrange(len(data) + 1)
            match source.randrange(4):
                case 0:
                    del data[at : at + source.randint(1, 20)]
                case 1:
                    data[at:at] = source.choice(ODD)
                case 2:
                    data[at : at + 1] = bytes([source.randrange(256)])
                case _:
                    data[at:at] = data[at : at + source.randint(1, 60)]
        yield bytes(data)


def test_mutated_torture_messages() -> None:
    for data in mutated(SEED, MUTATIONS):
        run(data)


def test_mutated_torture_messages_in_a_stream() -> None:
    for data in mutated(SEED + 1, MUTATIONS // 10):
        reader = StreamReader()
        with suppress(ParseError):
            reader.feed(data[:100])
            reader.feed(data[100:])


@settings(deadline=None)
@given(st.binary(max_size=300))
@example(b"\r\n\r\n")
def test_any_octets(data: bytes) -> None:
    run(data)
    run(b"OPTIONS sip:a SIP/2.0\r\n" + data + b"\r\n\r\n")
    run(b"SIP/2.0 200 OK\r\nVia: " + data + b"\r\n\r\n")


pieces = st.lists(
    st.sampled_from([piece.decode("utf-8", "surrogateescape") for piece in ODD])
    | st.text(max_size=3)
)


@settings(deadline=None)
@given(pieces.map("".join))
def test_any_header_value(text: str) -> None:
    for parse in (Parameters.parse, SubscriptionState.parse, Challenge.parse, Credentials.parse):
        with suppress(ParseError):
            parse(text)
    wire = text.encode("utf-8", "surrogatepass")
    for name in (b"Via", b"From", b"To", b"CSeq", b"Contact", b"Event", b"Expires", b"Accept"):
        run(b"OPTIONS sip:a SIP/2.0\r\n" + name + b": " + wire + b"\r\n\r\n")


def message_with(name: str) -> Callable[[str], None]:
    def look(value: str) -> None:
        with suppress(ParseError):
            look_at_everything(
                parse_message(f"OPTIONS sip:a SIP/2.0\r\n{name}: {value}\r\n\r\n".encode())
            )

    return look


def only_parse_error(parse: Callable[[str], object]) -> Callable[[str], None]:
    def look(value: str) -> None:
        with suppress(ParseError):
            parse(value)

    return look


@pytest.mark.parametrize(
    "look",
    [
        pytest.param(message_with("From"), id="from"),
        pytest.param(message_with("Via"), id="via"),
        pytest.param(message_with("Contact"), id="contact"),
        pytest.param(message_with("CSeq"), id="cseq"),
        pytest.param(only_parse_error(Credentials.parse), id="credentials"),
        pytest.param(only_parse_error(split_list), id="list"),
        pytest.param(only_parse_error(Parameters.parse), id="parameters"),
        pytest.param(
            only_parse_error(lambda text: parse_multipart(text, text.encode())), id="parts"
        ),
    ],
)
@pytest.mark.parametrize(
    "unit",
    [
        '"',
        '\\"',
        '"\\',
        "<",
        ">",
        ";",
        ",",
        " ",
        ";a=",
        ';a="',
        "a ",
        "%41",
        "a;",
        "\r\n ",
        "=",
        "a@",
    ],
)
def test_hostile_repetition_costs_no_more_than_its_length(
    look: Callable[[str], None], unit: str
) -> None:
    """A head of 60,000 octets is read in a moment, whatever it repeats."""
    started = process_time()
    look(unit * (60_000 // len(unit)))
    look(f"<sip:a@b>;x={unit * (60_000 // len(unit))}")
    assert process_time() - started < 1.0


@pytest.mark.parametrize(
    "line",
    [b"A:", b"Via: x", b" folded", b"X" * 500 + b": y", b"To: <" + b"<" * 500, b": ", b"\t"],
)
def test_a_head_of_hostile_lines_costs_no_more_than_its_length(line: bytes) -> None:
    """RFC 3261 §7.3: many lines, many of one name, folds without end."""
    started = process_time()
    for count in (100, 256, 60_000 // (len(line) + 2)):
        run(b"OPTIONS sip:a SIP/2.0\r\nCSeq: 1 OPTIONS\r\n" + (line + b"\r\n") * count + b"\r\n")
    assert process_time() - started < 1.0

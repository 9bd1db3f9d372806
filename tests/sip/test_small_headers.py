"""Via, CSeq, Event, Subscription-State and Accept, one table each."""

import pytest

from sip.accept import best
from sip.cseq import CSeq
from sip.errors import ParseError
from sip.event import EventHeader
from sip.subscription_state import SubscriptionState
from sip.via import Via


@pytest.mark.parametrize(
    ("text", "transport", "sent_by", "branch"),
    [
        ("SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bKa", "UDP", "192.0.2.1:5060", "z9hG4bKa"),
        ("SIP/2.0/tcp Host.example.com", "TCP", "host.example.com", None),
        ("SIP / 2.0 / UDP first.example.com: 4000;ttl=16", "UDP", "first.example.com:4000", None),
        ("SIP/2.0/TLS [2001:db8::9:1]:5061;branch=x", "TLS", "[2001:db8::9:1]:5061", "x"),
        ("SIP/2.0/WSS df7jal23ls0d.invalid;branch=x", "WSS", "df7jal23ls0d.invalid", "x"),
        ("SIP/2.0/UDP h:65535 ; branch = z ", "UDP", "h:65535", "z"),
    ],
)
def test_via_is_read(text: str, transport: str, sent_by: str, branch: str | None) -> None:
    """RFC 3261 §20.42."""
    via = Via.parse(text)
    assert (via.transport, via.sent_by, via.branch) == (transport, sent_by, branch)
    assert Via.parse(str(via)) == via


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SIP/2.0/UDP",
        "SIP/2.0 h",
        "SIP/2.0/UDP h:",
        "SIP/2.0/UDP h:70000",
        "SIP/2.0/UDP h;branch=",
        "SIP/2.0/UDP h;;branch=x",
        "SIP/2.0/UDP h;branch=x;branch=y",
        "SIP/2.0/UDP 2001:db8::1",
        "SIP/2.0/UDP [zz]",
        "SIP/2.0/UDP [2001:db8::1::2]:5060;branch=x",
        "SIP/2.0/UDP h, SIP/2.0/UDP i",
        "SIP/2.0/UDP h h",
    ],
)
def test_broken_via_is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        Via.parse(text)


def test_via_is_stamped_with_where_it_came_from() -> None:
    """RFC 3581 §4: rport filled in at its place."""
    via = Via.parse("SIP/2.0/UDP 10.0.0.1;rport;branch=z9hG4bKa")
    assert via.wants_rport
    assert via.rport is None
    stamped = via.with_parameters(received="192.0.2.1", rport="9988")
    assert str(stamped) == "SIP/2.0/UDP 10.0.0.1;rport=9988;branch=z9hG4bKa;received=192.0.2.1"
    assert (stamped.received, stamped.rport) == ("192.0.2.1", 9988)


@pytest.mark.parametrize("written", ["2001:db8::9:1", "[2001:db8::9:1]"])
def test_received_with_and_without_brackets(written: str) -> None:
    """RFC 5118 §4.5."""
    assert Via.parse(f"SIP/2.0/UDP h;received={written};branch=x").received == "2001:db8::9:1"


def test_list_of_vias() -> None:
    vias = Via.parse_many("SIP/2.0/UDP a;branch=1, SIP/2.0/TCP b;branch=2")
    assert [via.branch for via in vias] == ["1", "2"]


@pytest.mark.parametrize(
    ("text", "number", "method"),
    [
        ("1 PUBLISH", 1, "PUBLISH"),
        ("0009 \t INVITE", 9, "INVITE"),
        ("2147483647 REGISTER", 2**31 - 1, "REGISTER"),
        ("7 %weird", 7, "%weird"),
        (f"{'0' * 300}5 ACK", 5, "ACK"),
    ],
)
def test_cseq_is_read(text: str, number: int, method: str) -> None:
    """RFC 3261 §20.16."""
    assert CSeq.parse(text) == (number, method)


@pytest.mark.parametrize(
    "text", ["", "1", "PUBLISH", "-1 ACK", "x ACK", "2147483648 ACK", "1 A B", "٣ ACK", "1\x1cACK"]
)
def test_broken_cseq_is_refused(text: str) -> None:
    """RFC 3261 §8.1.1.5: less than 2**31."""
    with pytest.raises(ParseError):
        CSeq.parse(text)


@pytest.mark.parametrize(
    ("text", "package", "event_id"),
    [
        ("presence", "presence", None),
        ("presence;id=1", "presence", "1"),
        ("presence.winfo ; a=b ; id=x", "presence.winfo", "x"),
    ],
)
def test_event_is_read(text: str, package: str, event_id: str | None) -> None:
    """RFC 6665 §8.2.1."""
    event = EventHeader.parse(text)
    assert (event.package, event.id) == (package, event_id)
    assert EventHeader.parse(str(event)) == event


@pytest.mark.parametrize("text", ["", ";id=1", "a b", "presence;id=1;id=2", "presence,dialog"])
def test_broken_event_is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        EventHeader.parse(text)


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("active;expires=60", SubscriptionState("active", 60)),
        ("Pending", SubscriptionState("pending")),
        ("terminated;reason=noresource", SubscriptionState("terminated", reason="noresource")),
        (
            "terminated ; reason=probation ; retry-after=5",
            SubscriptionState("terminated", reason="probation", retry_after=5),
        ),
        (
            "terminated;reason=never-heard-of",
            SubscriptionState("terminated", None, "never-heard-of"),
        ),
    ],
)
def test_subscription_state_is_read(text: str, state: SubscriptionState) -> None:
    """RFC 6665 §8.2.3."""
    assert SubscriptionState.parse(text) == state
    assert SubscriptionState.parse(str(state)) == state


@pytest.mark.parametrize("text", ["", ";expires=1", "active;expires=x", "active;expires"])
def test_broken_subscription_state(text: str) -> None:
    if text == "active;expires":
        assert SubscriptionState.parse(text).expires is None
        return
    with pytest.raises(ParseError):
        SubscriptionState.parse(text)


PIDF, DIFF, RELATED = "application/pidf+xml", "application/pidf-diff+xml", "multipart/related"


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ([], PIDF),
        ([PIDF], PIDF),
        (["APPLICATION/pidf+xml; charset=utf-8"], PIDF),
        (["*/*"], PIDF),
        (["application/*;q=0.1", "multipart/related"], RELATED),
        ([f"{PIDF};q=0.3", f"{DIFF};q=0.7"], DIFF),
        (["*/*", f"{PIDF};q=0"], DIFF),
        (["text/html"], None),
        (["application/*;q=0"], None),
        (["nonsense", "a/b/c", f"{DIFF};q=7", DIFF], DIFF),
    ],
)
def test_accept_chooses(accept: list[str], chosen: str | None) -> None:
    """RFC 3261 §20.1."""
    assert best(accept, [PIDF, DIFF, RELATED]) == chosen

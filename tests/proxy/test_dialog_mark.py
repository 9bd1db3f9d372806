"""RFC 3261 §16.6 step 4, §26.1: what a mark admits, and that nothing else does."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialog_mark import (
    DAY_DIGITS,
    MARK_DIGITS,
    SECONDS_A_DAY,
    Dialog,
    Role,
    dialog_of,
    leads,
    mark_of,
    next_hop,
    recorded_user,
    side_of,
    token_of,
    way_back,
)
from sip.message import Request, parse_message
from sip.uri import AoR, SipUri
from tests.proxy.proxykit import ALICE, BOB, KEY, request

NOW = 20_000.5 * SECONDS_A_DAY
CALL = Dialog("call-1", "a", ALICE, "")
"""Alice calls somebody who is not ours."""
CAROL = "sip:carol@example.org"
THERE = "192.0.2.20"


def serves(aor: AoR) -> bool:
    return aor.endswith("@example.com")


def is_us(uri: SipUri) -> bool:
    return uri.host in {"example.com", "192.0.2.1"}


def said(
    method: str, from_: str, to: str, *, call_id: str = "call-1", tags: tuple[str, str] = ("a", "c")
) -> Request:
    """A request within the call."""
    message = request(method, "sip:x@h", sender=from_, to=f"<{to}>;tag={tags[1]}", call_id=call_id)
    changed = parse_message(bytes(message).replace(b";tag=from-1", f";tag={tags[0]}".encode()))
    assert isinstance(changed, Request)
    return changed


BY_ALICE = said("BYE", ALICE, CAROL)
BY_CAROL = said("BYE", CAROL, ALICE, tags=("c", "a"))


@pytest.mark.parametrize(
    ("role", "message", "other"),
    [("sender", BY_ALICE, ""), ("receiver", BY_CAROL, ALICE)],
    ids=["alice", "carol"],
)
def test_each_side_is_known_by_its_own_mark(role: Role, message: Request, other: str) -> None:
    """§16.6 step 4: enough in Record-Route to know the dialog again."""
    mark = mark_of(CALL, role, THERE, NOW, KEY)
    assert len(mark) == MARK_DIGITS
    side = side_of(message, mark, serves, NOW, KEY)
    assert side is not None
    assert (side.dialog, side.role, side.other) == (CALL, role, other)
    assert leads(mark, THERE, KEY)
    turned = BY_CAROL if message is BY_ALICE else BY_ALICE
    assert side_of(turned, mark, serves, NOW, KEY) is None


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(said("BYE", ALICE, CAROL, call_id="call-2"), id="another-call"),
        pytest.param(said("BYE", ALICE, CAROL, tags=("b", "c")), id="another-tag"),
        pytest.param(said("MESSAGE", BOB, CAROL), id="under-the-name-of-another-of-ours"),
        pytest.param(said("MESSAGE", "sip:x@example.org", CAROL), id="under-a-foreign-name"),
        pytest.param(said("MESSAGE", ALICE, BOB), id="to-another-of-ours"),
        pytest.param(said("REGISTER", ALICE, CAROL), id="register"),
        pytest.param(said("PUBLISH", ALICE, CAROL), id="publish"),
        pytest.param(
            request("MESSAGE", "sip:x@h", sender=ALICE, to=f"<{CAROL}>"), id="outside-of-dialogs"
        ),
    ],
)
def test_nobody_else_is_let_through_by_it(message: Request) -> None:
    """§26.1: who has seen a mark has it for this dialog only."""
    mark = mark_of(CALL, "sender", THERE, NOW, KEY)
    assert side_of(message, mark, serves, NOW, KEY) is None


def test_names_that_are_not_ours_may_change() -> None:
    """RFC 4916 §3.2: a gateway learns who has answered; we know nothing of either name."""
    mark = mark_of(CALL, "sender", THERE, NOW, KEY)
    renamed = said("BYE", ALICE, "tel:+15551234")
    assert side_of(renamed, mark, serves, NOW, KEY) is not None


@pytest.mark.parametrize(
    ("days", "valid"), [(-2, False), (-1, True), (0, True), (6, True), (7, False), (46_656, False)]
)
def test_a_mark_is_good_for_a_week(days: int, valid: bool) -> None:
    """And from the day before, as another process's clock may have it."""
    mark = mark_of(CALL, "sender", THERE, NOW, KEY)
    later = NOW + days * SECONDS_A_DAY
    assert (side_of(BY_ALICE, mark, serves, later, KEY) is not None) is valid


def test_the_day_of_a_mark_cannot_be_changed() -> None:
    old, new = (
        mark_of(CALL, "sender", THERE, NOW + days * SECONDS_A_DAY, KEY) for days in (-30, 0)
    )
    assert side_of(BY_ALICE, new[:DAY_DIGITS] + old[DAY_DIGITS:], serves, NOW, KEY) is None


def test_another_deployments_mark_is_nobodys() -> None:
    mark = mark_of(CALL, "sender", THERE, NOW, b"another key")
    assert side_of(BY_ALICE, mark, serves, NOW, KEY) is None


@pytest.mark.parametrize("toward", ["192.0.2.21", "", "h.example.org", "192.0.2.2"])
def test_a_mark_leads_to_one_place(toward: str) -> None:
    assert not leads(mark_of(CALL, "sender", THERE, NOW, KEY), toward, KEY)
    assert not leads(mark_of(CALL, "sender", "", NOW, KEY), toward, KEY)


WORDS = st.text(st.sampled_from(string.ascii_lowercase + string.digits), max_size=40)


@given(WORDS, WORDS, st.sampled_from(["sender", "receiver"]))
def test_what_is_guessed_admits_nothing(guess: str, toward: str, role: Role) -> None:
    """§26.1: neither a mark nor the half of one."""
    real = mark_of(CALL, role, THERE, NOW, KEY)
    for message in (BY_ALICE, BY_CAROL):
        assert side_of(message, guess, serves, NOW, KEY) is None
    assert toward == THERE or not leads(real, toward, KEY)
    assert not leads(real[:-12] + guess[:12], toward, KEY)


@given(WORDS, WORDS, WORDS)
def test_random_dialogs_share_no_mark(call_id: str, tag: str, other: str) -> None:
    message = said("BYE", ALICE, CAROL, call_id=f"x{call_id}", tags=(f"x{tag}", f"x{other}"))
    for role in ("sender", "receiver"):
        mark = mark_of(CALL, role, THERE, NOW, KEY)
        assert side_of(message, mark, serves, NOW, KEY) is None


@pytest.mark.parametrize(
    ("uri", "routes", "toward"),
    [
        pytest.param("sip:c@Host.Example.ORG:5070", [], "host.example.org", id="host"),
        pytest.param("sip:c@[2001:DB8:0::1]", [], "[2001:db8::1]", id="ipv6"),
        pytest.param("sip:c@h;maddr=192.0.2.9", [], "192.0.2.9", id="maddr"),
        pytest.param("sip:c@h", ["<sip:p1;lr>", "<sip:p2;lr>"], "p1", id="route"),
        pytest.param("sip:c@h", ["<sip:p1;maddr=p2;lr>"], "p2", id="maddr-of-a-route"),
        pytest.param("sip:bob@example.com;gr=1", [], BOB, id="user-of-ours"),
        pytest.param("sip:bob@192.0.2.1", [], "sip:bob@192.0.2.1", id="user-at-our-address"),
        pytest.param("tel:+1555", [], "", id="nowhere"),
    ],
)
def test_where_a_request_goes(uri: str, routes: list[str], toward: str) -> None:
    assert next_hop(uri, routes, is_us) == toward


@pytest.mark.parametrize(
    ("line", "routes", "toward"),
    [
        pytest.param("Contact: <sip:c@h:5070>", [], "h", id="contact"),
        pytest.param("Contact: <sip:c@h:5070>", ["<sip:p;lr>"], "p", id="proxy-between"),
        pytest.param("Subject: none", [], "", id="says-nothing"),
        pytest.param("Contact: *", [], "", id="star"),
        pytest.param("Contact: <tel:+1555>", [], "", id="no-sip-uri"),
        pytest.param("Contact: <sip:c@h>", ["<p>"], "", id="broken-route"),
    ],
)
def test_where_the_next_request_to_the_sender_goes(
    line: str, routes: list[str], toward: str
) -> None:
    """§12.1.1, §12.1.2: by what it has passed, then to its Contact."""
    assert way_back(request("INVITE", "sip:x@h", line), routes, is_us) == toward


def test_dialog_holds_names_of_ours_only() -> None:
    message = request("INVITE", "sip:x@h", sender=ALICE, to="<tel:+1555>")
    assert dialog_of(message, serves) == Dialog("call-1", "from-1", ALICE, "")


def test_token_beside_the_mark() -> None:
    """RFC 5626 §5.3: our Record-Route names the flow to its side of the dialog."""
    mark = mark_of(CALL, "sender", THERE, NOW, KEY)
    both = recorded_user(mark, "tok-en_1")
    assert [token_of(both), token_of(recorded_user(mark, ""))] == ["tok-en_1", ""]
    assert side_of(BY_ALICE, both, serves, NOW, KEY) is not None
    assert leads(both, THERE, KEY)

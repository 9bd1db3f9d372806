"""BND-05: a watcher is not told what it has (RFC 5839)."""

from dataclasses import replace

import pytest

from presence.errors import BadRequest
from presence.package import Telling, Told
from presence.packages.presence import presence_package
from presence.policy.policy import ALLOW, BLOCK, CONFIRM, Decision, SubHandling
from presence.publications.etag import read_suppress_if_match
from presence.view import EMPTY, Rendered, rendered, without_body
from sip.authenticator import Identity
from sip.uri import AoR
from tests.presence.fakes import (
    ALICE,
    AS_BOB,
    NOON,
    FakeTransaction,
    House,
    Sent,
    pidf,
    settle,
    subscribe_request,
)

OTHER_TAG = "0123456789abcdef01234567"
POLITE = Decision(SubHandling.POLITE_BLOCK)


class Policy:
    """One decision for everybody, until there is another."""

    def __init__(self, decision: Decision = ALLOW) -> None:
        self.decision = decision

    async def __call__(self, aor: AoR, watcher: Identity, package: str) -> Decision:
        return self.decision


def tag_of(sent: Sent) -> str:
    """The entity-tag of a NOTIFY, which every one has."""
    (tag,) = sent.request.all("sip-etag")
    return tag


async def refresh(
    house: House, to_tag: str | None, condition: str, *more: str, cseq: int = 2
) -> FakeTransaction:
    return await house.subscribe(
        subscribe_request(
            f"Suppress-If-Match: {condition}", *more, cseq=cseq, to_tag=to_tag, call_id="c1"
        )
    )


async def watching(house: House, *more: str) -> tuple[str, str]:
    """Subscribe; our tag, and the entity-tag of the first NOTIFY."""
    tx = await house.subscribe(subscribe_request(*more, call_id="c1"))
    assert tx.to_tag is not None
    (first,) = house.endpoint.take()
    return tx.to_tag, tag_of(first)


@pytest.mark.parametrize(
    ("lines", "tag"),
    [((), ""), (("*",), "*"), (("b4cf7",), "b4cf7"), (("a.b-c!%`'~",), "a.b-c!%`'~")],
)
def test_one_entity_tag_or_a_star(lines: tuple[str, ...], tag: str) -> None:
    """RFC 5839 §7.3."""
    assert read_suppress_if_match(lines) == tag


@pytest.mark.parametrize("lines", [("",), ("a", "b"), ("*", "*"), ("a, b",), ('"a"',), ("a b",)])
def test_anything_else_is_refused(lines: tuple[str, ...]) -> None:
    """RFC 5839 §5.2: a single header field with a single entity-tag."""
    with pytest.raises(BadRequest):
        read_suppress_if_match(lines)


@pytest.mark.parametrize("in_dialog", [False, True])
async def test_a_malformed_condition_is_400_and_changes_nothing(in_dialog: bool) -> None:
    """RFC 5839 §5.2."""
    house = House()
    to_tag, _ = await watching(house)
    row = house.store.rows[to_tag]
    tx = await refresh(house, to_tag if in_dialog else None, "two tags")
    assert (tx.status, house.endpoint.take()) == (400, [])
    assert house.store.rows == {to_tag: row}


def test_a_tag_names_media_type_and_octets() -> None:
    """RFC 5839 §4: a new one whenever body or headers of the content differ."""
    shown = [
        rendered("application/pidf+xml", b"<a/>"),
        rendered("application/pidf+xml", b"<b/>"),
        rendered("application/xpidf+xml", b"<a/>"),
        rendered("application/xpidf+xml", b""),
    ]
    assert len({one.etag for one in shown}) == 4
    assert shown[0] == rendered("application/pidf+xml", b"<a/>")
    assert shown[3].etag == EMPTY.etag, "what shows nothing is always the same"
    assert all(read_suppress_if_match([one.etag]) == one.etag != "*" for one in shown)


def test_partial_state_has_the_tag_of_the_whole() -> None:
    """RFC 5839 §4, §6.4."""
    whole, part = rendered("t/t", b"all", b"state"), rendered("t/t", b"part", b"state")
    assert whole.etag == part.etag != rendered("t/t", b"part", b"another").etag


def test_a_suppressed_body_leaves_the_tag() -> None:
    """RFC 5839 §6.2: no Content-Type, Content-Length 0, the entity-tag unchanged."""
    shown = rendered("application/pidf+xml", b"<a/>")
    assert without_body(shown).tail == (
        f"SIP-ETag: {shown.etag}\r\nContent-Length: 0\r\n\r\n".encode()
    )


async def test_every_notify_has_a_tag_that_changes_with_the_state() -> None:
    """RFC 5839 §6.1."""
    house = House()
    await house.watching(n=1)
    await house.watching(n=2)
    etag = await house.published(pidf("1"))
    ones = [tag_of(sent) for sent in house.endpoint.take()]
    etag = await house.published(pidf("2"), etag)
    twos = [tag_of(sent) for sent in house.endpoint.take()]
    await house.published(pidf("1"), etag)
    assert [tag_of(sent) for sent in house.endpoint.take()] == ones
    assert len(set(ones)) == len(set(twos)) == 1
    assert ones != twos


async def test_a_fan_out_makes_one_tag(monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 5839 §6.1, PRF: a view is digested once for all its watchers."""
    house = House()
    for n in range(5):
        await house.watching(n=n)
    made: list[bytes] = []

    def counted(content_type: str, body: bytes) -> Rendered:
        made.append(body)
        return rendered(content_type, body)

    monkeypatch.setattr("presence.live.rendered", counted)
    await house.published(pidf())
    assert len(house.endpoint.take()) == 5
    assert made == [pidf()]


@pytest.mark.parametrize("any_state", [False, True])
async def test_a_true_condition_in_a_dialog_is_204_without_notify(any_state: bool) -> None:
    """RFC 5839 §5.6, §6.3, §7.1: and prolongs the subscription."""
    house = House()
    await house.published(pidf())
    to_tag, etag = await watching(house, "Expires: 600")
    house.clock.now += 300
    tx = await refresh(house, to_tag, "*" if any_state else etag, "Expires: 900")
    assert (tx.status, tx.headers["Expires"]) == (204, "900")
    assert "Contact" in tx.headers
    assert house.endpoint.take() == []
    assert house.store.rows[to_tag].expires_at == NOON + 1200


async def test_a_false_condition_is_as_none() -> None:
    """RFC 5839 §5.2: 200, and a NOTIFY with the newest state."""
    house = House()
    await house.published(pidf())
    to_tag, etag = await watching(house)
    tx = await refresh(house, to_tag, OTHER_TAG)
    (sent,) = house.endpoint.take()
    assert (tx.status, sent.body, tag_of(sent)) == (200, pidf(), etag)


async def test_while_the_condition_holds_nothing_is_told_and_then_everything() -> None:
    """RFC 5839 §6.3: false once, it is over, also when the old state comes back."""
    house = House()
    own = await house.published(pidf("1"))
    to_tag, etag = await watching(house)
    assert (await refresh(house, to_tag, etag)).status == 204
    own = await house.published(pidf("1"), own)
    assert house.endpoint.take() == []
    own = await house.published(pidf("2"), own)
    assert [sent.body for sent in house.endpoint.take()] == [pidf("2")]
    await house.published(pidf("1"), own)
    assert [sent.body for sent in house.endpoint.take()] == [pidf("1")]


async def test_a_star_silences_a_subscription_until_the_next_subscribe() -> None:
    """RFC 5839 §5.2: dormant, whatever changes."""
    house = House()
    own = await house.published(pidf("1"))
    to_tag, etag = await watching(house)
    assert (await refresh(house, to_tag, "*")).status == 204
    own = await house.published(pidf("2"), own)
    own = await house.published(pidf("3"), own)
    assert house.endpoint.take() == []
    assert (await refresh(house, to_tag, etag, cseq=3)).status == 200
    assert [sent.body for sent in house.endpoint.take()] == [pidf("3")]
    await house.published(pidf("4"), own)
    assert [sent.body for sent in house.endpoint.take()] == [pidf("4")]


async def test_a_star_outlives_the_process() -> None:
    """RFC 5839 §5.2: whoever takes the subscription over keeps quiet too."""
    house = House()
    own = await house.published(pidf("1"))
    to_tag, etag = await watching(house)
    await refresh(house, to_tag, "*")
    await house.published(pidf("2"), own)
    later = House(store=house.store, clock=house.clock)
    later.store.orphans = [to_tag]
    await later.service._recovery.adopt()
    await settle()
    assert later.service.engine.index.get(to_tag) is not None
    assert later.endpoint.take() == []
    assert (await refresh(later, to_tag, etag, cseq=3)).status == 200
    assert [sent.body for sent in later.endpoint.take()] == [pidf("2")]


async def test_a_restart_repeats_nothing_to_a_watcher_that_has_it() -> None:
    """RFC 5839 §6.3, EVT-15: a 204 counts as having been told."""
    house = House(answering=False)
    own = await house.published(pidf("1"))
    to_tag, etag = await watching(house)
    house.service.engine.forget(next(iter(house.service.engine.index)))
    await house.published(pidf("1"), own)
    assert (await refresh(house, to_tag, etag)).status == 204
    house.service._recovery.write_told()
    later = House(store=house.store, clock=house.clock)
    later.store.orphans = [to_tag]
    await later.service._recovery.adopt()
    await settle()
    assert later.service.engine.index.get(to_tag) is not None
    assert later.endpoint.take() == []


@pytest.mark.parametrize("expires", [0, 600])
@pytest.mark.parametrize("any_state", [False, True])
async def test_outside_of_a_dialog_only_the_body_is_left_out(expires: int, any_state: bool) -> None:
    """RFC 5839 §5.4, §5.5, §6.2: to poll, and to resume."""
    house = House()
    await house.published(pidf())
    to_tag, etag = await watching(house)
    await house.subscribe(subscribe_request("Expires: 0", cseq=2, to_tag=to_tag, call_id="c1"))
    house.endpoint.take()
    tx = await refresh(house, None, "*" if any_state else etag, f"Expires: {expires}")
    (sent,) = house.endpoint.take()
    assert (tx.status, sent.body, tag_of(sent)) == (200, b"", etag)
    assert sent.request.get("content-type") is None
    assert sent.request.get("content-length") == "0"
    assert sent.state.startswith("active" if expires else "terminated;reason=timeout")


async def test_a_resumed_subscription_is_told_what_changes() -> None:
    """RFC 5839 §5.5: the condition ends with the state it names."""
    house = House()
    own = await house.published(pidf("1"))
    _, etag = await watching(house)
    house.service.engine.forget(next(iter(house.service.engine.index)))
    await refresh(house, None, etag)
    assert [sent.body for sent in house.endpoint.take()] == [b""]
    await house.published(pidf("2"), own)
    assert [sent.body for sent in house.endpoint.take()] == [pidf("2")]


async def test_a_poll_after_a_change_shows_it() -> None:
    """RFC 5839 §5.4."""
    house = House()
    own = await house.published(pidf("1"))
    await house.subscribe(subscribe_request("Expires: 0"))
    (first,) = house.endpoint.take()
    await house.published(pidf("2"), own)
    await refresh(house, None, tag_of(first), "Expires: 0")
    assert [sent.body for sent in house.endpoint.take()] == [pidf("2")]


@pytest.mark.parametrize("served_here", [True, False])
@pytest.mark.parametrize(("true", "status", "notifies"), [(True, 204, 0), (False, 200, 1)])
async def test_unsubscribing(served_here: bool, true: bool, status: int, notifies: int) -> None:
    """RFC 5839 §5.7: a true condition ends the subscription without a last NOTIFY."""
    house = House()
    own = await house.published(pidf())
    to_tag, etag = await watching(house)
    if not served_here:
        house = House(store=house.store, clock=house.clock)
    tx = await refresh(house, to_tag, etag if true else OTHER_TAG, "Expires: 0")
    sent = house.endpoint.take()
    assert (tx.status, [one.body for one in sent]) == (status, [pidf()] * notifies)
    assert house.store.rows == {}
    assert len(house.service.engine.index) == 0
    await house.published(pidf("later"), own)
    assert house.endpoint.take() == []


async def test_an_expiry_is_told_without_the_body_it_has() -> None:
    """RFC 5839 §6.2: the Subscription-State has changed, the state has not."""
    house = House()
    await house.published(pidf())
    to_tag, etag = await watching(house, "Expires: 600")
    await refresh(house, to_tag, etag, "Expires: 600")
    house.clock.now += 601
    await house.service.sweep()
    (sent,) = house.endpoint.take()
    assert (sent.state, sent.body, tag_of(sent)) == ("terminated;reason=timeout", b"", etag)


async def test_a_refresh_that_changes_the_subscription_state_is_200() -> None:
    """RFC 5839 §6.2: a reportable change in the header; the body is left out all the same."""
    policy = Policy()
    house = House(authorize=policy)
    to_tag, _ = await watching(house)
    policy.decision = CONFIRM
    tx = await refresh(house, to_tag, "*")
    (sent,) = house.endpoint.take()
    assert (tx.status, sent.state[:7], sent.body) == (200, "pending", b"")
    policy.decision = ALLOW
    await house.service.reauthorize(ALICE)
    (sent,) = house.endpoint.take()
    assert (sent.state[:6], sent.body) == ("active", b"")


@pytest.mark.parametrize("decision", [CONFIRM, POLITE, BLOCK])
async def test_a_tag_tells_no_more_than_a_body(decision: Decision) -> None:
    """RFC 5839 §4, RFC 5025 §3.2.1: who may not see the state cannot test for it either."""
    policy = Policy()
    house = House(authorize=policy)
    await house.published(pidf())
    to_tag, etag = await watching(house)
    policy.decision = decision
    await house.service.reauthorize(ALICE)
    tags = {tag_of(sent) for sent in house.endpoint.take()}
    assert etag not in tags
    tx = await refresh(house, to_tag, etag)
    assert tx.status in (200, 403, 481)
    assert all(tag_of(sent) != etag and pidf() != sent.body for sent in house.endpoint.take())


async def test_a_politely_blocked_watcher_sees_the_tag_of_a_user_who_is_not_there() -> None:
    """RFC 5025 §3.2.1: nothing tells one from the other."""
    polite, nobody = House(authorize=Policy(POLITE)), House()
    await polite.published(pidf())
    assert (await watching(polite))[1] == (await watching(nobody))[1]


async def test_pending_watchers_have_a_tag_of_their_own() -> None:
    """RFC 5839 §6.1, §6.3: nothing is shown, which is a state as any other."""
    policy = Policy(CONFIRM)
    house = House(authorize=policy)
    own = await house.published(pidf())
    to_tag, etag = await watching(house)
    assert etag == EMPTY.etag
    assert (await refresh(house, to_tag, etag)).status == 204
    await house.published(pidf("2"), own)
    assert house.endpoint.take() == []
    policy.decision = ALLOW
    await house.service.reauthorize(ALICE)
    assert [sent.body for sent in house.endpoint.take()] == [pidf("2")]


async def test_a_condition_is_false_while_another_state_is_on_its_way() -> None:
    """RFC 5839 §6.3: what the watcher keeps in the end is the newest state."""
    house = House(answering=False)
    own = await house.published(pidf("1"))
    tx = await house.subscribe(subscribe_request(call_id="c1"))
    (first,) = house.endpoint.take()
    first.answer()
    own = await house.published(pidf("2"), own)
    (second,) = house.endpoint.take()
    await house.published(pidf("1"), own)
    assert (await refresh(house, tx.to_tag, tag_of(first))).status == 200
    second.answer()
    (third,) = house.endpoint.take()
    assert (tag_of(third), third.body) == (tag_of(first), pidf("1"))


async def test_a_condition_is_true_before_its_notify_is_answered() -> None:
    """RFC 5839 §6.3: the watcher may refresh before its 200 has arrived."""
    house = House(answering=False)
    await house.published(pidf())
    tx = await house.subscribe(subscribe_request(call_id="c1"))
    (first,) = house.endpoint.take()
    assert (await refresh(house, tx.to_tag, tag_of(first))).status == 204
    first.answer()
    assert house.endpoint.take() == []


async def test_a_tag_holds_in_another_life_and_at_another_process() -> None:
    """RFC 5839 §4: the state is the same at all instances, and so is its tag."""
    house = House()
    await house.published(pidf())
    to_tag, etag = await watching(house)
    other = House(store=house.store, clock=house.clock)
    assert (await refresh(other, to_tag, etag)).status == 204
    assert other.endpoint.take() == []
    assert other.service.engine.index.get(to_tag) is not None


async def test_a_throttled_change_is_not_told_to_a_watcher_that_has_it() -> None:
    """RFC 5839 §6.3: the tag may have come by another subscription."""
    house = House(interval=5.0)
    to_tag, _ = await watching(house)
    own = await house.published(pidf("1"))
    await house.published(pidf("2"), own)
    house.endpoint.take()
    await house.subscribe(subscribe_request(call_id="poll", from_tag="p"), AS_BOB)
    (polled,) = house.endpoint.take()
    assert (await refresh(house, to_tag, tag_of(polled))).status == 204
    house.clock.now += 6
    house.service._alarm._ring()
    assert house.endpoint.take() == []


async def test_an_unconditional_refresh_ends_the_condition() -> None:
    """RFC 5839 §5.2: it is that of the last SUBSCRIBE."""
    house = House()
    await house.published(pidf())
    to_tag, _ = await watching(house)
    await refresh(house, to_tag, "*")
    await house.subscribe(subscribe_request(cseq=3, to_tag=to_tag, call_id="c1"))
    assert [sent.body for sent in house.endpoint.take()] == [pidf()]
    assert house.store.rows[to_tag].condition == ""


async def test_a_package_that_counts_gets_a_condition_right_too() -> None:
    """RFC 5839 §6.4: its entity-tag is that of the full state, the count apart."""

    def tell(telling: Telling) -> Told:
        state = b"".join(one.body for one in telling.state.publications)
        return Told(b"%d %b" % (telling.version, state), "text/plain", entity=state)

    package = replace(presence_package(min_interval=0.0), tell=tell, content_types=("text/plain",))
    house = House(packages={"presence": package})
    own = await house.published(pidf())
    to_tag, etag = await watching(house)
    assert (await refresh(house, to_tag, etag)).status == 204
    assert house.endpoint.take() == []
    await house.published(pidf("2"), own)
    (sent,) = house.endpoint.take()
    assert (sent.body, tag_of(sent) != etag) == (b"1 " + pidf("2"), True)

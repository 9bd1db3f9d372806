"""The sibling packages on the roads of PUBLISH and SUBSCRIBE: what is refused, what is told."""

import pytest

from presence.config import PresenceConfig
from presence.package import EventPackage
from presence.packages.conference.package import conference_package
from presence.packages.dialog.package import MAX_DIALOGS, dialog_package
from presence.packages.dialog.virtual import VIRTUAL
from presence.packages.message_summary.package import message_summary_package
from presence.policy.policy import Decision, SubHandling, default_policy
from sip.authenticator import Identity
from sip.uri import AoR
from tests.presence.fakes import (
    ALICE,
    AS_ALICE,
    FakeTransaction,
    House,
    publish_request,
    settle,
    subscribe_request,
)
from tests.presence.packages.dialogs import dialog, info, rows

DIALOG_INFO = "application/dialog-info+xml"
SUMMARY = "application/simple-message-summary"
CONFERENCE = "application/conference-info+xml"
TYPES = {"dialog": DIALOG_INFO, "message-summary": SUMMARY, "conference": CONFERENCE}
CONFERENCE_NS = "urn:ietf:params:xml:ns:conference-info"


def conference(inner: str = "", entity: str = ALICE, state: str = "full") -> bytes:
    return (
        f'<conference-info xmlns="{CONFERENCE_NS}" entity="{entity}" state="{state}">{inner}'
        "</conference-info>"
    ).encode()


def house(**more: object) -> House:
    packages: list[EventPackage] = [
        dialog_package(min_interval=0),
        message_summary_package(min_interval=0),
        conference_package(min_interval=0),
    ]
    named = {package.name: package for package in packages}
    return House(packages=named, **more)  # type: ignore[arg-type]


async def publish(
    there: House, event: str, body: bytes, *more: str, content_type: str = ""
) -> FakeTransaction:
    lines = (f"Content-Type: {content_type or TYPES[event]}", *more)
    return await there.publish(publish_request(body, *lines, event=event))


@pytest.mark.parametrize(
    ("package", "expires", "interval", "types"),
    [
        pytest.param(dialog_package(), 3600, 1.0, DIALOG_INFO, id="RFC 4235 §3.4, §3.10"),
        pytest.param(message_summary_package(), 3600, 1.0, SUMMARY, id="RFC 3842 §3.4, §3.11"),
        pytest.param(conference_package(), 3600, 5.0, CONFERENCE, id="RFC 4575 §3.3, §3.9"),
    ],
)
def test_the_numbers_of_the_standards(
    package: EventPackage, expires: int, interval: float, types: str
) -> None:
    assert (package.default_expires, package.min_interval) == (expires, interval)
    assert package.content_types == package.publish_types == (types,)


BAD = [
    pytest.param("dialog", b"<dialog-info", 400, id="dialog: not well-formed"),
    pytest.param("dialog", b"<!DOCTYPE a><a/>", 400, id="dialog: a DTD"),
    pytest.param("dialog", b"<presence/>", 400, id="dialog: another document"),
    pytest.param("dialog", info("<dialog/>"), 400, id="dialog: not valid"),
    pytest.param("dialog", info(dialog("1", "ringing")), 400, id="dialog: no such state"),
    pytest.param("dialog", info(dialog("", "early")), 400, id="dialog: an empty id"),
    pytest.param("dialog", info(entity="sip:bob@example.com"), 403, id="dialog: of another"),
    pytest.param("dialog", info(entity="nobody"), 400, id="dialog: of nobody"),
    pytest.param(
        "dialog",
        info(*(dialog(str(n), "early") for n in range(MAX_DIALOGS + 1))),
        400,
        id="dialog: too many",
    ),
    pytest.param("dialog", info(" " * 70_000), 413, id="dialog: huge"),
    pytest.param("message-summary", b"Messages-Waiting: maybe\r\n", 400, id="summary: maybe"),
    pytest.param("message-summary", b"\xff", 400, id="summary: not UTF-8"),
    pytest.param("message-summary", b"x" * 70_000, 413, id="summary: huge"),
    pytest.param("conference", b"<!DOCTYPE a><a/>", 400, id="conference: a DTD"),
    pytest.param("conference", conference("<user/>"), 400, id="conference: not valid"),
    pytest.param("conference", conference(state="partial"), 400, id="conference: partial"),
    pytest.param(
        "conference", conference('<users state="partial"/>'), 400, id="conference: partial inside"
    ),
    pytest.param(
        "conference", conference(entity="sip:bob@example.com"), 403, id="conference: of another"
    ),
    pytest.param("conference", b"<c/>", 400, id="conference: another document"),
    pytest.param("conference", conference(" " * 70_000), 413, id="conference: huge"),
]


@pytest.mark.parametrize(("event", "body", "status"), BAD)
async def test_a_bad_body_is_refused_and_nothing_stored(
    event: str, body: bytes, status: int
) -> None:
    """RFC 3903 §6 step 5."""
    there = house()
    assert (await publish(there, event, body)).status == status
    assert there.store.states == {}


@pytest.mark.parametrize("event", TYPES)
async def test_another_media_type_is_415(event: str) -> None:
    tx = await publish(house(), event, b"text", content_type="text/plain")
    assert (tx.status, tx.headers["Accept"]) == (415, TYPES[event])


@pytest.mark.parametrize(
    "parameters",
    [";to-tag=a", ";from-tag=a", ";call-id=c", ";call-id=c;from-tag=a", ";call-id;to-tag=a"],
)
async def test_identifiers_that_identify_no_dialog(parameters: str) -> None:
    """RFC 4235 §3.2."""
    tx = await house().subscribe(subscribe_request(event=f"dialog{parameters}"))
    assert tx.status == 400


async def test_a_lamp_from_ringing_to_the_end() -> None:
    """Two publishers, one watcher: full, then what changes; each NOTIFY valid."""
    there = house()
    assert (await there.subscribe(subscribe_request(event="dialog"))).status == 200
    for state, more in (("early", ()), ("confirmed", ()), ("terminated", ("Expires: 60",))):
        body = info(dialog("1", state, call="c@x"))
        assert (await publish(there, "dialog", body, *more)).status == 200
        late = info(dialog("1", "trying", call="c@x"))
        assert (await publish(there, "dialog", late)).status == 200
    bodies = [one.body for one in there.endpoint.take()]
    assert [rows(body) for body in bodies] == [
        {},
        {"1": "early"},
        {"1": "confirmed"},
        {"1": "terminated"},
    ]
    assert [b'version="%d"' % n in body for n, body in enumerate(bodies)] == [True] * 4


async def test_the_class_of_the_phone_is_kept_with_its_subscription() -> None:
    """PKG-01: and asked anew at each SUBSCRIBE."""
    there = house()
    phone = subscribe_request("User-Agent: Yealink SIP-T46G 28.81.0.25", event="dialog")
    tag = (await there.subscribe(phone)).to_tag
    assert rows(there.endpoint.take()[0].body) == {"idle": "terminated"}
    await publish(there, "dialog", info(dialog("1", "early")))
    assert b'state="full"' in there.endpoint.take()[0].body
    again = subscribe_request("User-Agent: else", event="dialog", cseq=2, to_tag=tag)
    await there.subscribe(again)
    await publish(there, "dialog", info(dialog("2", "early")))
    assert b'state="partial"' in there.endpoint.take()[-1].body


@pytest.mark.parametrize(
    ("decision", "seen"),
    [
        pytest.param(Decision(SubHandling.ALLOW), {"1": "early"}, id="allowed"),
        pytest.param(Decision(SubHandling.ALLOW, VIRTUAL), {"virtual": "confirmed"}, id="stranger"),
        pytest.param(Decision(SubHandling.POLITE_BLOCK), {}, id="politely-blocked"),
    ],
)
async def test_what_a_grant_leaves_of_dialogs(decision: Decision, seen: dict[str, str]) -> None:
    """AUT-11, RFC 4235 §3.6."""

    async def authorize(presentity: AoR, watcher: Identity, package: str) -> Decision:
        return decision

    there = house(authorize=authorize)
    await publish(there, "dialog", info(dialog("1", "early")))
    await there.subscribe(subscribe_request(event="dialog"))
    assert rows(there.endpoint.take()[0].body) == seen


async def test_nobody_else_watches_a_mailbox() -> None:
    """AUT-11; RFC 3842 §3.7."""
    package = message_summary_package()
    assert package.default_policy == "block"
    there = house(authorize=default_policy("block"))
    assert (await there.subscribe(subscribe_request(event="message-summary"))).status == 403
    own = await there.subscribe(subscribe_request(event="message-summary"), AS_ALICE)
    assert own.status == 200
    assert there.endpoint.take()[0].body == b"Messages-Waiting: no\r\n"


async def test_the_end_of_a_conference_ends_its_subscriptions() -> None:
    """RFC 4575 §3.3: with reason noresource, here and in the store."""
    there = house()
    first = await publish(there, "conference", conference())
    await there.subscribe(subscribe_request(event="conference"))
    there.endpoint.take()
    assert there.store.rows
    gone = publish_request(
        b"", "Expires: 0", f"SIP-If-Match: {first.headers['SIP-ETag']}", event="conference"
    )
    assert (await there.publish(gone)).status == 200
    await settle()
    (last,) = there.endpoint.take()
    assert last.state == "terminated;reason=noresource"
    assert not there.store.rows


async def test_a_deleted_conference_is_over() -> None:
    """RFC 4575 §4.4."""
    there = house()
    first = await publish(there, "conference", conference())
    await there.subscribe(subscribe_request(event="conference"))
    there.endpoint.take()
    tag = f"SIP-If-Match: {first.headers['SIP-ETag']}"
    assert (await publish(there, "conference", conference(state="deleted"), tag)).status == 200
    assert there.endpoint.take()[0].state == "terminated;reason=noresource"


async def test_a_conference_that_has_not_begun_may_be_watched() -> None:
    """It begins for the watcher as a conference without anybody."""
    there = house(config=PresenceConfig(domains=frozenset({"example.com"})))
    assert (await there.subscribe(subscribe_request(event="conference"))).status == 200
    (first,) = there.endpoint.take()
    assert first.state.startswith("active")
    assert b"<users></users>" in first.body
    await publish(there, "conference", conference('<users><user entity="sip:bob@x"/></users>'))
    assert b"sip:bob@x" in there.endpoint.take()[0].body


async def test_a_state_that_was_never_told_is_not_forgotten() -> None:
    """PKG-02: an earlier state of the same publication comes late, within the second in which
    nothing is told."""
    there = House(packages={"dialog": dialog_package()})
    await there.subscribe(subscribe_request(event="dialog"))
    tag = ""
    for state in ("trying", "confirmed", "early"):
        more = (f"SIP-If-Match: {tag}",) if tag else ()
        answer = await publish(there, "dialog", info(dialog("1", state)), *more)
        tag = answer.headers["SIP-ETag"]
    assert [rows(one.body) for one in there.endpoint.take()] == [{}, {"1": "trying"}]
    there.clock.now += 1.1
    there.service._alarm._ring()
    assert [rows(one.body) for one in there.endpoint.take()] == [{"1": "confirmed"}]

"""BND-01 and BND-02 with the real server: presence told and published in parts."""

from typing import Final

from presence.partial.document import presence_of
from tests.presence.partial.partial_watcher import PartialWatcher, canonical
from tests.rawsip import Header, Heard
from tests.rawusers import NewUser, Subscription, User

TYPE: Final = "application/pidf-diff+xml"
PIDF: Final = "urn:ietf:params:xml:ns:pidf"
DIFF: Final = "urn:ietf:params:xml:ns:pidf-diff"
DEVICES: Final = "".join(
    f'<tuple id="d{number}"><status><basic>open</basic></status>'
    f"<contact>sip:device-{number}@example.com</contact></tuple>"
    for number in range(4)
)


def full(aor: str) -> bytes:
    return (
        f'<pd:pidf-full xmlns="{PIDF}" xmlns:pd="{DIFF}" entity="{aor}">{DEVICES}</pd:pidf-full>'
    ).encode()


def closing(aor: str, device: int) -> bytes:
    sel = f"*/tuple[@id='d{device}']/status/basic/text()"
    return (
        f'<pd:pidf-diff xmlns="{PIDF}" xmlns:pd="{DIFF}" entity="{aor}">'
        f'<pd:replace sel="{sel}">closed</pd:replace></pd:pidf-diff>'
    ).encode()


async def publish(user: User, body: bytes, if_match: str = "") -> Heard:
    headers: list[Header] = [("Event", "presence"), ("Content-Type", TYPE)]
    headers += [("SIP-If-Match", if_match)] if if_match else []
    return await user.ask("PUBLISH", user.aor, headers, body)


async def watch(watcher: User, presentity: str) -> Subscription:
    """A subscription that prefers partial documents."""
    watching = Subscription(watcher, presentity)
    headers: list[Header] = [
        ("Contact", f"<{watcher.client.contact}>"),
        ("Event", "presence"),
        ("Accept", f"application/pidf+xml;q=0.3, {TYPE};q=1"),
    ]
    answer = await watcher.ask("SUBSCRIBE", presentity, headers, call_id=watching.call_id)
    assert answer.status == 200, answer
    return watching


async def test_presence_is_told_and_published_in_parts(new_user: NewUser, transport: str) -> None:
    """RFC 5263 §5, RFC 5264 §6: the whole, then what changes; a watcher of PIDF beside."""
    alice, bob, carol = [await new_user(transport) for _ in range(3)]
    first = await publish(alice, full(alice.aor))
    assert first.status == 200
    watching, plainly = await watch(bob, alice.aor), await carol.subscribe(alice.aor)
    await watching.notified(1)
    tag = first["SIP-ETag"]
    for device in range(3):
        answer = await publish(alice, closing(alice.aor, device), tag)
        assert answer.status == 200
        tag = answer["SIP-ETag"]
        await watching.notified(device + 2)
        await plainly.notified(device + 2)
    watcher = PartialWatcher()
    for notify, plain in zip(watching.notifies, plainly.notifies, strict=True):
        assert (notify["Content-Type"], plain["Content-Type"]) == (TYPE, "application/pidf+xml")
        watcher.receive(notify.body)
        assert canonical(watcher.document) == canonical(plain.body)
    assert (watcher.fulls, watcher.diffs) == (1, 3)
    state = presence_of(full(alice.aor)).replace(b"open", b"closed", 3)
    assert canonical(watcher.document) == canonical(state)


async def test_a_partial_publication_that_is_none(new_user: NewUser, transport: str) -> None:
    """RFC 5264 §4.3.2: 400, with what was wrong; what was published stays."""
    alice = await new_user(transport)
    assert (await publish(alice, closing(alice.aor, 1))).status == 400
    tag = (await publish(alice, full(alice.aor)))["SIP-ETag"]
    wrong = await publish(alice, closing(alice.aor, 9), tag)
    assert (wrong.status, wrong["Content-Type"]) == (400, "application/patch-ops-error+xml")
    assert b"<unlocated-node " in wrong.body
    hostile = b"<!DOCTYPE x [<!ENTITY a 'b'>]>" + closing(alice.aor, 1)
    assert (await publish(alice, hostile, tag)).status == 400
    assert (await publish(alice, closing(alice.aor, 1), tag)).status == 200

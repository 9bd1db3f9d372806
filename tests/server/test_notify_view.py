"""What `presentity watch` shows of a NOTIFY (RFC 6665 §4.1.3, RFC 3863 §4)."""

import pytest

from server.notify_view import notify_block
from server.presence_body import presence_body
from sip.message import Request, build_request

PERSON = b"""<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:a@b"
 xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:r="urn:ietf:params:xml:ns:pidf:rpid">
 <dm:person id="p"><r:activities><r:meeting/><r:travel/></r:activities>
 <dm:note>back at noon</dm:note></dm:person><note>for all</note></presence>"""


def notify(state: str | None, body: bytes = b"", kind: str = "application/pidf+xml") -> Request:
    headers = [("Event", "presence;id=7")]
    headers += [("Subscription-State", state)] if state is not None else []
    headers += [("Content-Type", kind)] if body else []
    return build_request("NOTIFY", "sip:watcher@192.0.2.1", headers, body)


def shown(message: Request) -> list[str]:
    return notify_block(message, "sip:alice@example.com").plain.splitlines()


@pytest.mark.parametrize(
    ("state", "headline"),
    [
        ("active;expires=59", "active, 59 s left"),
        ("pending;expires=600", "pending, 600 s left"),
        ("terminated;reason=rejected", "terminated (rejected)"),
        (None, "no Subscription-State"),
    ],
)
def test_the_headline_has_resource_event_and_state(state: str | None, headline: str) -> None:
    first, *rest = shown(notify(state))
    assert first == f"sip:alice@example.com  presence  {headline}"
    assert rest == ["  no document"]


def test_a_tuple_is_a_line_and_its_notes_below() -> None:
    body = presence_body("sip:alice@example.com", "open", "in the office")
    assert shown(notify("active;expires=9", body))[1:] == [
        "  presentity  open",
        "    “in the office”",
    ]


def test_person_activities_and_notes_are_shown() -> None:
    assert shown(notify("active", PERSON))[1:] == [
        "  person meeting travel",
        "    “back at noon”",
        "  “for all”",
    ]


@pytest.mark.parametrize(
    ("body", "kind", "lines"),
    [
        (b"Messages-Waiting: yes\r\n", "application/simple-message-summary",
         ["  Messages-Waiting: yes"]),
        (b'<presence xmlns="urn:ietf:params:xml:ns:pidf"/>', "application/pidf+xml",
         ["  nothing is published"]),
    ],
)  # fmt: skip
def test_other_documents_are_shown_as_they_are(body: bytes, kind: str, lines: list[str]) -> None:
    assert shown(notify("active", body, kind))[1:] == lines


def test_a_broken_document_is_said_to_be_so() -> None:
    (line,) = shown(notify("active", b"<presence"))[1:]
    assert line.startswith("  unreadable document: ")

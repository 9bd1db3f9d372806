"""The document that `presentity publish` sends (RFC 3863 §4)."""

from server.presence_body import presence_body
from xmldoc.parse import parse

PIDF = "{urn:ietf:params:xml:ns:pidf}"


def test_it_names_entity_status_and_note() -> None:
    root = parse(presence_body("sip:alice@example.com", "open", "<in> the office & free"))
    assert root.get("entity") == "sip:alice@example.com"
    assert root.findtext(f"{PIDF}tuple/{PIDF}status/{PIDF}basic") == "open"
    assert root.findtext(f"{PIDF}tuple/{PIDF}note") == "<in> the office & free"


def test_a_note_may_be_left_out() -> None:
    root = parse(presence_body("sip:alice@example.com", "closed", None))
    assert root.find(f"{PIDF}tuple/{PIDF}note") is None

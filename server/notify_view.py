"""A NOTIFY as a person reads it in a terminal: a headline, then a line for each fact. Pure.

Presence documents (RFC 3863, RFC 4479) are taken apart; of other bodies the lines are shown.
"""

from collections.abc import Iterator
from typing import Final

from lxml import etree
from rich.text import Text

from sip.errors import ParseError
from sip.message import Request
from sip.subscription_state import SubscriptionState
from xmldoc.errors import XmlError
from xmldoc.parse import parse

PIDF_TYPE: Final = "application/pidf+xml"
PIDF: Final = "{urn:ietf:params:xml:ns:pidf}"
DATA_MODEL: Final = "{urn:ietf:params:xml:ns:pidf:data-model}"
RPID: Final = "{urn:ietf:params:xml:ns:pidf:rpid}"
STATE_STYLES: Final = {"active": "bold green", "pending": "bold yellow", "terminated": "bold red"}
BASIC_STYLES: Final = {"open": "green", "closed": "red"}
INDENT: Final = "  "


def notify_block(notify: Request, resource: str) -> Text:
    """The block of one NOTIFY about `resource`, styled for rich."""
    block = _headline(notify, resource)
    for line in _facts(notify):
        block.append("\n").append_text(line)
    return block


def _headline(notify: Request, resource: str) -> Text:
    event = (notify.get("event") or "?").partition(";")[0]
    block = Text.assemble((resource, "bold"), f"  {event}  ")
    try:
        state = SubscriptionState.parse(notify.get("subscription-state") or "")
    except ParseError:
        return block.append("no Subscription-State", "bold red")
    block.append(state.state, STATE_STYLES.get(state.state, "bold"))
    if state.reason:
        block.append(f" ({state.reason})")
    if state.expires is not None:
        block.append(f", {state.expires} s left", "dim")
    return block


def _facts(notify: Request) -> Iterator[Text]:
    if not notify.body:
        return iter([Text(f"{INDENT}no document", "dim")])
    if notify.content_type != PIDF_TYPE:
        lines = notify.body.decode("utf-8", "replace").splitlines()
        return iter(Text(f"{INDENT}{line}") for line in lines)
    try:
        return _presence(parse(notify.body))
    except XmlError as error:
        return iter([Text(f"{INDENT}unreadable document: {error}", "red")])


def _presence(root: etree._Element) -> Iterator[Text]:
    for element in root:
        if element.tag == f"{PIDF}tuple":
            yield _tuple(element)
            yield from _notes(element, INDENT * 2)
        elif element.tag == f"{DATA_MODEL}person":
            yield Text(f"{INDENT}person {' '.join(_activities(element))}".rstrip())
            yield from _notes(element, INDENT * 2)
    yield from _notes(root, INDENT)
    if len(root) == 0:
        yield Text(f"{INDENT}nothing is published", "dim")


def _tuple(element: etree._Element) -> Text:
    basic = (element.findtext(f"{PIDF}status/{PIDF}basic") or "no basic status").strip()
    line = Text(f"{INDENT}{element.get('id')}  ").append(basic, BASIC_STYLES.get(basic, ""))
    contact = element.findtext(f"{PIDF}contact")
    return line.append(f"  {contact.strip()}", "dim") if contact else line


def _activities(person: etree._Element) -> list[str]:
    found = person.find(f"{RPID}activities")
    return [etree.QName(child).localname for child in found] if found is not None else []


def _notes(element: etree._Element, indent: str) -> Iterator[Text]:
    for child in element:
        if etree.QName(child).localname == "note" and child.text:
            yield Text(f"{indent}“{child.text.strip()}”", "italic")

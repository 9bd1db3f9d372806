"""Dialog information documents, taken apart and put together as bytes (RFC 4235 §4). Pure.

A document of a publisher is cut into dialogs once; each is kept as the octets that stand in
every document it is told in, with and without session descriptions.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Final
from xml.sax.saxutils import quoteattr

from lxml import etree

from xmldoc.parse import parse

CONTENT_TYPE: Final = "application/dialog-info+xml"
DIALOG_INFO: Final = "urn:ietf:params:xml:ns:dialog-info"
ROOT: Final = f"{{{DIALOG_INFO}}}dialog-info"
DIALOG: Final = f"{{{DIALOG_INFO}}}dialog"
STATE: Final = f"{{{DIALOG_INFO}}}state"
REMOTE_TARGET: Final = f"{{{DIALOG_INFO}}}remote/{{{DIALOG_INFO}}}target"
SESSION_DESCRIPTION: Final = f"{{{DIALOG_INFO}}}session-description"
EMPTY: Final = f'<dialog-info xmlns="{DIALOG_INFO}"/>'.encode()
CACHED_DOCUMENTS: Final = 1024
"""Documents kept cut: of lines with several publishers, those that did not change."""
DECLARATION: Final = f' xmlns="{DIALOG_INFO}"'.encode()


class CallState(IntEnum):
    """The states of RFC 4235 §3.7.1, in the order in which a dialog goes through them."""

    TRYING = 0
    PROCEEDING = 1
    EARLY = 2
    CONFIRMED = 3
    TERMINATED = 4

    @property
    def token(self) -> str:
        """As it is written."""
        return self.name.lower()


STATES: Final = {state.token: state for state in CallState}


@dataclass(frozen=True, slots=True)
class Dialog:
    """One `dialog` element."""

    id: str
    call_id: str
    """"" when the publisher does not tell it, as the tags."""
    local_tag: str
    remote_tag: str
    state: CallState
    remote_target: str
    """The URI of the other side's Contact, "" when it is not told."""
    xml: bytes
    """Without session descriptions."""
    described: bytes
    """With them."""

    @property
    def ended(self) -> bytes:
        """All that is left to be said of it once it is gone."""
        names = (("id", self.id), ("call-id", self.call_id))
        tags = (("local-tag", self.local_tag), ("remote-tag", self.remote_tag))
        said = "".join(f" {name}={quoteattr(value)}" for name, value in names + tags if value)
        return f"<dialog{said}><state>terminated</state></dialog>".encode()


@lru_cache(CACHED_DOCUMENTS)
def cut(body: bytes) -> tuple[Dialog, ...]:
    """The dialogs of a document that was checked when it was published, in order."""
    return tuple(dialog_of(element) for element in parse(body).findall(DIALOG))


def dialog_of(element: etree._Element) -> Dialog:
    """One dialog, cut out of its tree; a state in another case is put right."""
    own = _adopted(element)
    state = own.find(STATE)
    assert state is not None, "a valid dialog has a state"
    state.text = (state.text or "").strip().lower()
    target = own.find(REMOTE_TARGET)
    described = _text(own)
    descriptions = list(own.iter(SESSION_DESCRIPTION))
    for description in descriptions:
        parent = description.getparent()
        assert parent is not None, "it was found below the dialog"
        parent.remove(description)
    return Dialog(
        id=own.get("id", ""),
        call_id=own.get("call-id", ""),
        local_tag=own.get("local-tag", ""),
        remote_tag=own.get("remote-tag", ""),
        state=STATES[state.text],
        remote_target="" if target is None else target.get("uri", ""),
        xml=_text(own) if descriptions else described,
        described=described,
    )


@lru_cache(CACHED_DOCUMENTS)
def renamed(dialog: Dialog, name: str) -> Dialog:
    """`dialog` under the id `name`."""
    element = parse(write("", (dialog.described,)))[0]
    element.set("id", name)
    return dialog_of(element)


def write(entity: str, dialogs: Iterable[bytes], *, version: int = 0, full: bool = True) -> bytes:
    """A document of these dialogs (RFC 4235 §4.1)."""
    state = "full" if full else "partial"
    start = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<dialog-info xmlns="{DIALOG_INFO}" '
        f'version="{version}" state="{state}" entity={quoteattr(entity)}>\n'
    )
    return b"".join(
        (start.encode(), *(b"%b\n" % dialog for dialog in dialogs), b"</dialog-info>\n")
    )


def _adopted(element: etree._Element) -> etree._Element:
    """The element in a tree of its own, without prefixes: phones read names, not namespaces."""
    root = parse(EMPTY)
    root.append(element)
    etree.cleanup_namespaces(root)
    return root[0]


def _text(element: etree._Element) -> bytes:
    """The element as it stands below `dialog-info`, which declares the namespace."""
    data = etree.tostring(element, encoding="utf-8", with_tail=False)
    start, end, rest = data.partition(b">")
    return start.replace(DECLARATION, b"", 1) + end + rest

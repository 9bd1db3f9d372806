"""The xcap-diff document (RFC 5874). Pure.

The prefixes of an element and of the operations of a patch mean what they meant in the
document they come from: an element's are declared around it, a patch declares its own.
"""

from collections.abc import Mapping
from itertools import chain, count
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from xcap.diff.chain import NAMESPACE
from xcap.diff.snapshot import DocumentEntry, Element
from xcap.diff.view import ComponentEntry, View

MEDIA_TYPE: Final = "application/xcap-diff+xml"
DECLARATION: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'
PREFIX: Final = "d"
UNCHANGED: Final = f"<{PREFIX}:body-not-changed/>".encode()
XML_PREFIX: Final = "xml"
"""Bound without a declaration (Namespaces in XML §3)."""
LINE_ENDS: Final = {"\r": "&#13;"}
"""What a parser would change (XML 1.0 §2.11)."""


def write(view: View, root: str) -> bytes:
    """The document that tells `view`; `root` is the URL of the XCAP root."""
    entries = [
        *(_document(entry) for entry in view.documents),
        *(_component(entry) for entry in view.components),
    ]
    start = f'<{PREFIX}:xcap-diff xmlns:{PREFIX}="{NAMESPACE}" xcap-root={_quoted(root)}'
    if not entries:
        return f"{DECLARATION}{start}/>".encode()
    return b"".join(
        (f"{DECLARATION}{start}>".encode(), *entries, f"</{PREFIX}:xcap-diff>".encode())
    )


def _document(entry: DocumentEntry) -> bytes:
    """One `document`: figure 1 of RFC 5874."""
    start = f"<{PREFIX}:document"
    if entry.previous is not None:
        start += f" previous-etag={_quoted(entry.previous)}"
    start += f" sel={_quoted(entry.sel)}"
    if entry.new is not None:
        start += f" new-etag={_quoted(entry.new)}"
    content = UNCHANGED if entry.unchanged else b"".join(entry.patch)
    if not content:
        return f"{start}/>".encode()
    return b"%b>%b</%b:document>" % (start.encode(), content, PREFIX.encode())


def _component(entry: ComponentEntry) -> bytes:
    """One `element` or `attribute`; `exists` is 0 for one that is not there."""
    name = "attribute" if entry.is_attribute else "element"
    sel = f"sel={_quoted(entry.sel)}"
    content = entry.content
    if entry.empty:
        return f"<{PREFIX}:{name} {sel}/>".encode()
    if content is None:
        return f'<{PREFIX}:{name} {sel} exists="0"/>'.encode()
    if isinstance(content, str):
        return f"<{PREFIX}:{name} {sel}>{escape(content, LINE_ENDS)}</{PREFIX}:{name}>".encode()
    return _element(sel, content)


def _element(sel: str, content: Element) -> bytes:
    prefix = _free_prefix(content.namespaces)
    declared = dict(content.namespaces)
    if prefix != PREFIX:
        declared[prefix] = NAMESPACE
    start = f"<{prefix}:element {sel}{''.join(map(_declaration, declared.items()))}>"
    return b"%b%b</%b:element>" % (start.encode(), content.content, prefix.encode())


def _free_prefix(namespaces: Mapping[str | None, str]) -> str:
    """One for our own namespace that the element does not use for another."""
    names = chain((PREFIX,), (f"{PREFIX}{number}" for number in count()))
    return next(name for name in names if name not in namespaces)


def _declaration(binding: tuple[str | None, str]) -> str:
    prefix, namespace = binding
    if prefix == XML_PREFIX:
        return ""
    return f" xmlns{f':{prefix}' if prefix else ''}={_quoted(namespace)}"


def _quoted(text: str) -> str:
    return quoteattr(text, {"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"})

"""What is left of a document for a watcher with a filter (RFC 4661 §3.5, RFC 4660 §5.3.1). Pure.

Includes mark what is delivered: elements with all that is in them, attributes, the elements of a
namespace each on its own. Their ancestors come along, without what is optional in them, and so
does what the schema of the document wants beside. Excludes then take away, one by one; one that
would leave an invalid document is taken back.

Filters are the watcher's wish and keep no secrets, which are gone by then (RFC 4660 §5.3.1): a
document that takes too long to filter is delivered as it is.
"""

from copy import deepcopy
from typing import Final

from lxml import etree

from presence.filters.evaluate import Attribute, select
from presence.filters.filter_set import Rule, What
from presence.filters.marks import Marks, is_valid
from presence.filters.reading import known_filters
from xmldoc.effort import Effort, TooMuchEffort
from xmldoc.errors import XmlError
from xmldoc.parse import parse

MAX_EFFORT: Final = 10_000
"""Steps, of about a microsecond each, that one document may take."""
COPY_STEPS: Final = 4
"""What it takes to copy and validate an element."""


def filtered(document: bytes, text: str) -> bytes:
    """What `text`, a `View.filter`, leaves of `document`; b"" when that is nothing."""
    if not document or not text:
        return document
    what = known_filters(text).filters[0].what
    try:
        return document if what is None else _filtered(document, what)
    except (XmlError, TooMuchEffort):
        return document


def _filtered(document: bytes, what: What) -> bytes:
    root, effort = parse(document), Effort(MAX_EFFORT)
    if what.includes:
        marks = Marks(root, effort)
        for rule in what.includes:
            _include(marks, rule, effort)
        if not marks:
            return b""
        root = marks.valid()
    checked = bool(what.excludes) and is_valid(root)
    for rule in what.excludes:
        left = _without(root, rule, effort)
        if left is not None and (not checked or is_valid(left)):
            root = left
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def _include(marks: Marks, rule: Rule, effort: Effort) -> None:
    if isinstance(rule.selected, str):
        marks.take_namespace(rule.selected)
        return
    for node in select(rule.selected, marks.root, effort):
        if isinstance(node, Attribute):
            marks.take_attribute(node.owner, node.name)
        else:
            marks.take(node)


def _without(root: etree._Element, rule: Rule, effort: Effort) -> etree._Element | None:
    """The document without what `rule` selects; None when nothing would be left."""
    copied = deepcopy(root)
    effort.spend(COPY_STEPS * sum(1 for _ in copied.iter()))
    selected = rule.selected
    if isinstance(selected, str):
        gone = [*copied.iter(f"{{{selected}}}*")]
        _drop_attributes(copied, selected)
    else:
        nodes = select(selected, copied, effort)
        gone = [node for node in nodes if not isinstance(node, Attribute)]
        for node in nodes:
            if isinstance(node, Attribute):
                del node.owner.attrib[node.name]
    for element in gone:
        parent = element.getparent()
        if parent is None:
            return None
        parent.remove(element)
    return copied


def _drop_attributes(root: etree._Element, namespace: str) -> None:
    for element in root.iter():
        for name in element.attrib:
            if str(name).startswith(f"{{{namespace}}}"):
                del element.attrib[name]

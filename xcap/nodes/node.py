"""Parts of documents: what a GET returns, a PUT puts and a DELETE removes (RFC 4825 §8). Pure.

A document is its octets and the tree that was parsed from them. Edits splice octets:
what an edit does not concern stays as it was, white space, comments, prefixes and
order included.
"""

from typing import Final, NamedTuple
from xml.sax.saxutils import quoteattr

from lxml import etree

from xcap.errors import CannotDelete, CannotInsert, NotFound
from xcap.nodes.attribute_edit import delete_attribute, put_attribute
from xcap.nodes.element_edit import delete_element, put_element
from xcap.nodes.evaluate import Resolved, element_at
from xcap.nodes.splice import Edited
from xmldoc.spans import attribute_span, element_span

ELEMENT_TYPE: Final = "application/xcap-el+xml"
ATTRIBUTE_TYPE: Final = "application/xcap-att+xml"
NAMESPACES_TYPE: Final = "application/xcap-ns+xml"


class Node(NamedTuple):
    """A part of a document as a client gets it (§8.3)."""

    content_type: str
    body: bytes


def node_media_type(resolved: Resolved) -> str:
    """The media type of what `resolved` selects (§15.2)."""
    if resolved.namespaces:
        return NAMESPACES_TYPE
    return ELEMENT_TYPE if resolved.attribute is None else ATTRIBUTE_TYPE


def read_node(document: bytes, root: etree._Element, resolved: Resolved) -> Node:
    """What `resolved` selects, in the octets of the document (§8.3).

    An element gets no bindings of its ancestors; an attribute is an AttValue, quotation
    marks included (§7.9). Raises NotFound.
    """
    element = _selected(root, resolved)
    media_type = node_media_type(resolved)
    if resolved.namespaces:
        return Node(media_type, _bindings(element))
    span = element_span(document, element)
    if resolved.attribute is None:
        return Node(media_type, document[span.start : span.end])
    found = attribute_span(document, span, element, resolved.attribute)
    if found is None:
        raise NotFound("the element has no such attribute")
    return Node(media_type, document[found.value : found.end])


def put_node(document: bytes, root: etree._Element, resolved: Resolved, body: bytes) -> Edited:
    """`document` with `body` at the place that `resolved` names (§8.2.1 to §8.2.4).

    The caller parses the outcome, and asks `check_put`. Raises NoParent, what makes
    `body` unfit, and CannotInsert.
    """
    put = put_element if resolved.attribute is None else put_attribute
    return put(document, root, resolved, body)


def check_put(edited: Edited, new_root: etree._Element, resolved: Resolved) -> None:
    """Refuse an edit after which a GET would not return what was put (§8.2.3, §8.2.4).

    Raises CannotInsert.
    """
    placed: etree._Element = new_root
    for position in edited.path:
        placed = placed[position]
    found = element_at(new_root, resolved.steps)
    if found is not placed:
        raise CannotInsert("after this PUT the same URI would not select what was put")


def delete_node(document: bytes, root: etree._Element, resolved: Resolved) -> bytes:
    """`document` without what `resolved` selects; white space stays (§8.4).

    The caller parses the outcome, and asks `check_deleted`. Raises NotFound, and
    SchemaValidationError for the root element.
    """
    element = _selected(root, resolved)
    if resolved.attribute is None:
        return delete_element(document, element)
    return delete_attribute(document, element, resolved.attribute)


def check_deleted(new_root: etree._Element, resolved: Resolved) -> None:
    """Refuse a deletion after which the same URI selects something else (§8.4).

    Raises CannotDelete.
    """
    found = element_at(new_root, resolved.steps)
    if found is None:
        return
    if resolved.attribute is None or found.get(resolved.attribute) is not None:
        raise CannotDelete("after this DELETE the same URI would select something else")


def _selected(root: etree._Element, resolved: Resolved) -> etree._Element:
    """The element that the steps of `resolved` select."""
    element = element_at(root, resolved.steps)
    if element is None:
        raise NotFound("the node selector selects nothing, or more than one element")
    return element


def _bindings(element: etree._Element) -> bytes:
    """An element of the same name with all declarations in scope of `element` (§10)."""
    name = etree.QName(element).localname
    prefix = f"{element.prefix}:" if element.prefix else ""
    declarations = "".join(
        f" xmlns{':' if bound else ''}{bound or ''}={quoteattr(namespace)}"
        for bound, namespace in sorted(element.nsmap.items(), key=lambda item: item[0] or "")
    )
    return f"<{prefix}{name}{declarations}/>".encode()

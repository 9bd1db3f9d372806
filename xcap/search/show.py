"""Results as octets: what a template makes of one element that was found. Pure.

Each element of a result declares its own namespace, also when it has none, so that it
means the same wherever it is put.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from xml.sax.saxutils import escape, quoteattr

from elementpath import AttributeNode, ElementNode, TextNode
from lxml import etree

from xcap.search.query import Copy, Element, Path, Template, Text

XML_NAMESPACE: Final = "http://www.w3.org/XML/1998/namespace"
CARRIAGE_RETURN: Final = {"\r": "&#13;"}
"""What a parser would take for a line end (XML 1.0 §2.11)."""

Nodes = Callable[[Path], Sequence[Any]]
"""The nodes that a path leads to, from the element that was found."""
Count = Callable[[int], None]
"""Told the octets of each copy; raises when there are too many."""


def show(templates: Sequence[Template], nodes: Nodes, count: Count) -> bytes:
    """All that `templates` make."""
    return b"".join(_show(template, nodes, count) for template in templates)


def _show(template: Template, nodes: Nodes, count: Count) -> bytes:
    match template:
        case Text(text):
            return _characters(text)
        case Copy(path):
            return b"".join(_copy(node, count) for node in nodes(path))
        case Element():
            return _element(template, nodes, count)


def _element(template: Element, nodes: Nodes, count: Count) -> bytes:
    """An element of the answer's own; attributes that its content copies become its own."""
    attributes = {
        name: "".join(_value(part, nodes) for part in value) for name, value in template.attributes
    }
    content: list[bytes] = []
    for part in template.content:
        if isinstance(part, Copy):
            for node in nodes(part.path):
                if isinstance(node, AttributeNode):
                    attributes[str(node.name)] = str(node.value)
                else:
                    content.append(_copy(node, count))
        else:
            content.append(_show(part, nodes, count))
    return _tagged(template.tag, attributes, b"".join(content))


def _value(part: Text | Copy, nodes: Nodes) -> str:
    """What a part of an attribute's value comes to."""
    if isinstance(part, Text):
        return part.text
    return " ".join(map(_string_value, nodes(part.path)))


def _string_value(node: Any) -> str:
    if isinstance(node, ElementNode):
        element: Any = node.value
        return "".join(element.itertext())
    return str(node.string_value)


def _copy(node: Any, count: Count) -> bytes:
    """An element without the text that follows it, or the characters of a text node."""
    if isinstance(node, TextNode):
        octets = _characters(str(node.value))
    else:
        octets = _element_octets(node.value)
    count(len(octets))
    return octets


def _element_octets(element: etree._Element) -> bytes:
    octets = etree.tostring(element, encoding="utf-8", with_tail=False)
    name = etree.QName(element)
    if name.namespace:
        return octets
    end = len(b"<") + len(name.localname.encode())
    return octets[:end] + b' xmlns=""' + octets[end:]


def _tagged(tag: str, attributes: Mapping[str, str], content: bytes) -> bytes:
    name = etree.QName(tag)
    head = f"<{name.localname} xmlns={quoteattr(name.namespace or '')}"
    head += "".join(
        _attribute(etree.QName(key), value, number)
        for number, (key, value) in enumerate(attributes.items())
    )
    if not content:
        return f"{head}/>".encode()
    return f"{head}>".encode() + content + f"</{name.localname}>".encode()


def _attribute(name: etree.QName, value: str, number: int) -> str:
    """One attribute with a space before it, its prefix declared."""
    if name.namespace is None:
        return f" {name.localname}={quoteattr(value)}"
    if name.namespace == XML_NAMESPACE:
        return f" xml:{name.localname}={quoteattr(value)}"
    prefix = f"a{number}"
    declared = f" xmlns:{prefix}={quoteattr(name.namespace)}"
    return f"{declared} {prefix}:{name.localname}={quoteattr(value)}"


def _characters(text: str) -> bytes:
    return escape(text, CARRIAGE_RETURN).encode()

"""Documents as they are written, with comments, instructions, prefixes and declarations.

`xmldoc.parse` gives trees that are easy to read and validate; this one is for what must
keep and tell apart everything that canonical XML with comments does, as the patches of
RFC 5261 §3 want. Pure, and hardened alike: no document type, hence no entities.

Nodes are tuples and texts, so that two of them are compared without Python code; the
lists and mappings inside are changed in place by whoever patches. Two texts are never
neighbours. Trees that are equal have the same canonical form; the reverse holds but for
declarations that repeat what is in scope.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias
from xml.parsers import expat

from xmldoc.errors import NotWellFormed, TooDeep, TooLarge, UnknownEntity
from xmldoc.parse import DEFAULT_LIMITS, Limits, check_octets

SEPARATOR: Final = "\x01"
"""Between the parts of a name; no document can hold it."""
XML: Final = "http://www.w3.org/XML/1998/namespace"
UNDEFINED_ENTITY: Final = expat.errors.codes[expat.errors.XML_ERROR_UNDEFINED_ENTITY]
REMEMBERED_NAMES: Final = 4096

Scope: TypeAlias = Mapping[str, str]
"""Namespaces by prefix; the default namespace has the prefix ""."""

Node: TypeAlias = "Element | Comment | Instruction | str"
"""A child of an element. A text is a `str` and never empty."""


class Element(NamedTuple):
    """An element with what was written in its tags."""

    name: str
    """Namespace, local name and prefix, see `split_name`."""
    declarations: dict[str, str]
    """Namespaces declared on this element by prefix."""
    attributes: dict[str, str]
    """Values by name, of the same form as that of the element."""
    children: list[Node]


class Comment(NamedTuple):
    """A comment."""

    text: str


class Instruction(NamedTuple):
    """A processing instruction."""

    target: str
    data: str


class Document(NamedTuple):
    """The root node: exactly one element, with comments and instructions around it."""

    children: list[Node]

    @property
    def root(self) -> Element:
        """The root element."""
        return next(child for child in self.children if isinstance(child, Element))


class ExpandedName(NamedTuple):
    """A name, taken apart."""

    namespace: str
    """Empty for none."""
    local: str
    prefix: str
    """Empty for none."""


@lru_cache(maxsize=REMEMBERED_NAMES)
def split_name(name: str) -> ExpandedName:
    """The parts of the name of an element or attribute."""
    match name.split(SEPARATOR):
        case [namespace, local, prefix]:
            return ExpandedName(namespace, local, prefix)
        case [namespace, local]:
            return ExpandedName(namespace, local, "")
        case _:
            return ExpandedName("", name, "")


def join_name(namespace: str, local: str, prefix: str) -> str:
    """The name that `split_name` takes apart."""
    if not namespace:
        return local
    return SEPARATOR.join((namespace, local, prefix) if prefix else (namespace, local))


def parse_tree(data: bytes, *, limits: Limits = DEFAULT_LIMITS) -> Document:
    """The document in the octets `data`. Raises an `XmlError`."""
    check_octets(data, limits)
    parser = expat.ParserCreate("utf-8", SEPARATOR)
    parser.namespace_prefixes = True
    parser.buffer_text = True
    parser.buffer_size = max(len(data), 1)  # or a long text would come in pieces
    builder = _Builder(limits)
    parser.StartNamespaceDeclHandler = builder.declaration
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.text
    parser.CommentHandler = builder.comment
    parser.ProcessingInstructionHandler = builder.instruction
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        if error.code == UNDEFINED_ENTITY:
            raise UnknownEntity(str(error)) from None
        raise NotWellFormed(str(error)) from None
    return Document(builder.top)


class _Builder:
    """Makes nodes of what the parser tells."""

    __slots__ = ("attributes", "declared", "depth", "open", "top")

    def __init__(self, limits: Limits) -> None:
        self.depth = limits.depth
        self.attributes = limits.attributes
        self.top: list[Node] = []
        self.open = [self.top]
        """The children of every element that is not closed yet, the document's first."""
        self.declared: dict[str, str] = {}

    def declaration(self, prefix: str | None, namespace: str | None) -> None:
        self.declared[prefix or ""] = namespace or ""

    def start(self, name: str, attributes: dict[str, str]) -> None:
        opened = self.open
        if len(opened) > self.depth:
            raise TooDeep(f"elements nest deeper than {self.depth} levels")
        if len(attributes) > self.attributes:
            raise TooLarge(f"an element has more than {self.attributes} attributes")
        declared = self.declared
        self.declared = {}
        children: list[Node] = []
        opened[-1].append(Element(name, declared, attributes, children))
        opened.append(children)

    def end(self, name: str) -> None:
        self.open.pop()

    def text(self, text: str) -> None:
        self.open[-1].append(text)

    def comment(self, text: str) -> None:
        self.open[-1].append(Comment(text))

    def instruction(self, target: str, data: str) -> None:
        self.open[-1].append(Instruction(target, data))


IN_TEXT: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
IN_VALUE: Final = IN_TEXT | str.maketrans({'"': "&quot;", "\t": "&#9;", "\n": "&#10;"})
NEEDS_ESCAPE: Final = re.compile(r'[&<>"\t\n\r]')


def write_tree(document: Document) -> bytes:
    """`document` in UTF-8, with an XML declaration."""
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', *map(write_node, document.children)]
    return ("\n".join(lines) + "\n").encode()


def write_node(node: Node) -> str:
    """`node` as XML; its prefixes mean what they mean where it is put."""
    pieces: list[str] = []
    _write(node, pieces)
    return "".join(pieces)


def write_value(text: str) -> str:
    """`text` as the value of an attribute, in quotes."""
    return f'"{text.translate(IN_VALUE) if NEEDS_ESCAPE.search(text) else text}"'


def qualified(name: str) -> str:
    """The name as it is written: prefix:local."""
    _, local, prefix = split_name(name)
    return f"{prefix}:{local}" if prefix else local


def write_declarations(declarations: Scope) -> str:
    """Attributes that declare `declarations`, each with a space before it."""
    return "".join(
        f" xmlns{':' if prefix else ''}{prefix}={write_value(namespace)}"
        for prefix, namespace in declarations.items()
    )


def _write(node: Node, pieces: list[str]) -> None:
    match node:
        case str():
            pieces.append(node.translate(IN_TEXT))
        case Comment(text):
            pieces.append(f"<!--{text}-->")
        case Instruction(target, data):
            pieces.append(f"<?{target}{' ' if data else ''}{data}?>")
        case Element():
            _write_element(node, pieces)


def _write_element(element: Element, pieces: list[str]) -> None:
    name = qualified(element.name)
    pieces.append(f"<{name}{write_declarations(element.declarations)}")
    for attribute, value in element.attributes.items():
        pieces.append(f" {qualified(attribute)}={write_value(value)}")
    if not element.children:
        pieces.append("/>")
        return
    pieces.append(">")
    for child in element.children:
        _write(child, pieces)
    pieces.append(f"</{name}>")

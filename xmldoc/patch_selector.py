"""Selectors of patch operations: the grammar of RFC 5261 §8, and what they select. Pure.

A restricted XPath: steps of a name or "*" with predicates in any order, which are
applied one after the other, and a last step that may be a text, comment, processing
instruction, attribute or namespace. Names without prefix are in the default namespace
of the difference document (§4.2.1), attributes without prefix in none. id() is known
to be a function and not supported.
"""

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple

from xmldoc.patch_errors import (
    InvalidAttributeValue,
    InvalidNamespacePrefix,
    UnlocatedNode,
    UnsupportedIdFunction,
)
from xmldoc.tree import XML, Comment, Document, Element, Instruction, Node, Scope, split_name

MAX_STEPS: Final = 64
MAX_DIGITS: Final = 9
"""Of a position."""

NCNAME: Final = r"[^\W\d][\w\-.\xb7]*"
QNAME: Final = rf"(?:({NCNAME}):)?({NCNAME})"
LITERAL: Final = r"""("[^"]*"|'[^']*')"""
STEP: Final = re.compile(rf"(?:\*|{QNAME})(?![\w(:])")
POSITION: Final = re.compile(rf"\[([0-9]{{1,{MAX_DIGITS}}})\]")
VALUE: Final = re.compile(rf"\[(?:(\.)|(@)?{QNAME})={LITERAL}\]")
KIND: Final = re.compile(
    rf"(?:(text)\(\)|(comment)\(\)|(processing-instruction)\({LITERAL}?\))"
    rf"(?:\[([0-9]{{1,{MAX_DIGITS}}})\])?"
)
ATTRIBUTE: Final = re.compile(rf"@{QNAME}")
NAMESPACE: Final = re.compile(rf"namespace::({NCNAME})")
ID: Final = re.compile(r"/?id\(")


class Axis(Enum):
    """What the value of a predicate is that of."""

    SELF = "."
    CHILD = "child"
    ATTRIBUTE = "@"


class ExpandedName(NamedTuple):
    """A name without its prefix."""

    namespace: str
    local: str


class Equals(NamedTuple):
    """The predicate that a string value is this one."""

    axis: Axis
    name: ExpandedName | None
    value: str


class Step(NamedTuple):
    """Selects children elements; a predicate that is a number is a position."""

    name: ExpandedName | None
    """None for "*"."""
    predicates: tuple[Equals | int, ...]


class Kind(NamedTuple):
    """A last step that selects nodes that are no elements."""

    node_type: type[str] | type[Comment] | type[Instruction]
    target: str | None
    """Of a processing instruction; None for any."""
    position: int | None


class Attribute(NamedTuple):
    """A last step that selects an attribute."""

    name: ExpandedName


class Namespace(NamedTuple):
    """A last step that selects the declaration of a prefix."""

    prefix: str


Last = Kind | Attribute | Namespace


@dataclass(frozen=True, slots=True)
class Selector:
    """A selector with its names expanded."""

    steps: tuple[Step, ...]
    last: Last | None
    """None when an element is selected."""


@dataclass(frozen=True, slots=True)
class Located:
    """A child of the document or of an element."""

    parent: "Located | None"
    """None when the document is the parent."""
    siblings: list[Node]
    """All children of the parent, this one at `index`."""
    index: int

    @property
    def node(self) -> Node:
        """The node that is there now."""
        return self.siblings[self.index]

    @property
    def element(self) -> Element:
        """The node, known to be an element."""
        node = self.node
        assert isinstance(node, Element)
        return node


def parse_sel(text: str, scope: Scope) -> Selector:
    """The selector `text` of an operation that has the namespaces `scope`.

    Raises InvalidAttributeValue, InvalidNamespacePrefix and UnsupportedIdFunction.
    """
    if ID.match(text):
        raise UnsupportedIdFunction("id() is not supported, no attribute is known to be an ID")
    steps: list[Step] = []
    position = 1 if text.startswith("/") else 0
    while len(steps) < MAX_STEPS:
        last = _last(text[position:], scope)
        if last is not None:
            return Selector(tuple(steps), last)
        step, position = _step(text, position, scope)
        steps.append(step)
        if position == len(text):
            return Selector(tuple(steps), None)
        if text[position] != "/":
            raise _invalid(text)
        position += 1
    raise InvalidAttributeValue(f"the selector has more than {MAX_STEPS} steps")


def parse_type(text: str, scope: Scope) -> tuple[Attribute, str] | Namespace:
    """The attribute, with its prefix, or the declaration that `type` names (§4.3)."""
    if found := NAMESPACE.fullmatch(text):
        return Namespace(found[1])
    if found := ATTRIBUTE.fullmatch(text):
        return Attribute(_expanded(found[1], found[2], scope, "")), found[1] or ""
    raise InvalidAttributeValue(f"this is no type: {text}")


def locate(document: Document, selector: Selector) -> Located:
    """The one node that `selector` selects; the element whose attribute or namespace it is.

    Raises UnlocatedNode for none and for several.
    """
    contexts: list[Located | None] = [None]
    for step in selector.steps:
        contexts = [child for context in contexts for child in _select(document, context, step)]
    found = [context for context in contexts if context is not None]
    if isinstance(selector.last, Kind):
        found = [
            child
            for context in contexts
            for child in _select_kind(document, context, selector.last)
        ]
    if len(found) != 1:
        raise UnlocatedNode(f"the selector selects {len(found) or 'no'} nodes, not one")
    return found[0]


def attribute_of(element: Element, name: ExpandedName) -> str:
    """The name, prefix included, under which `element` has attribute `name`; or raises."""
    for attribute in element.attributes:
        if split_name(attribute)[:2] == name:
            return attribute
    raise UnlocatedNode(f"there is no attribute {name.local}")


def _last(text: str, scope: Scope) -> Last | None:
    """The last step that is no element, if `text` is one."""
    if found := KIND.fullmatch(text):
        position = None if found[5] is None else int(found[5])
        if found[1]:
            return Kind(str, None, position)
        if found[2]:
            return Kind(Comment, None, position)
        return Kind(Instruction, found[4] and found[4][1:-1], position)
    if found := ATTRIBUTE.fullmatch(text):
        return Attribute(_expanded(found[1], found[2], scope, ""))
    if found := NAMESPACE.fullmatch(text):
        return Namespace(found[1])
    return None


def _step(text: str, position: int, scope: Scope) -> tuple[Step, int]:
    """The step at `position`, and where it ends."""
    found = STEP.match(text, position)
    if found is None:
        raise _invalid(text)
    default = scope.get("", "")
    name = _expanded(found[1], found[2], scope, default) if found[2] else None
    predicates: list[Equals | int] = []
    position = found.end()
    while text.startswith("[", position):
        if found := POSITION.match(text, position):
            predicates.append(int(found[1]))
        elif found := VALUE.match(text, position):
            predicates.append(_equals(found, scope))
        else:
            raise _invalid(text)
        position = found.end()
    return Step(name, tuple(predicates)), position


def _equals(found: re.Match[str], scope: Scope) -> Equals:
    dot, at, prefix, local, literal = found.groups()
    if dot:
        return Equals(Axis.SELF, None, literal[1:-1])
    default = "" if at else scope.get("", "")
    axis = Axis.ATTRIBUTE if at else Axis.CHILD
    return Equals(axis, _expanded(prefix, local, scope, default), literal[1:-1])


def _expanded(prefix: str | None, local: str, scope: Scope, default: str) -> ExpandedName:
    if not prefix:
        return ExpandedName(default, local)
    namespace = XML if prefix == "xml" else scope.get(prefix)
    if namespace is None:
        raise InvalidNamespacePrefix(f"the prefix {prefix} is not declared")
    return ExpandedName(namespace, local)


def _invalid(text: str) -> InvalidAttributeValue:
    return InvalidAttributeValue(f"this is no selector: {text}")


def _children(document: Document, context: Located | None) -> list[Node]:
    return document.children if context is None else context.element.children


def _select(document: Document, context: Located | None, step: Step) -> list[Located]:
    """The children elements of `context` that `step` selects, in order."""
    siblings = _children(document, context)
    names = {child.name for child in siblings if type(child) is Element}
    wanted = {name for name in names if step.name in (None, split_name(name)[:2])}
    found = [
        index
        for index, child in enumerate(siblings)
        if type(child) is Element and child.name in wanted
    ]
    for predicate in step.predicates:
        if isinstance(predicate, int):
            found = found[predicate - 1 : predicate] if predicate else []
        else:
            found = [index for index in found if _holds(siblings[index], predicate)]
    return [Located(context, siblings, index) for index in found]


def _select_kind(document: Document, context: Located | None, kind: Kind) -> list[Located]:
    siblings = _children(document, context)
    found = [
        Located(context, siblings, index)
        for index, child in enumerate(siblings)
        if type(child) is kind.node_type
        and (
            kind.target is None or (isinstance(child, Instruction) and child.target == kind.target)
        )
    ]
    if kind.position is None:
        return found
    return found[kind.position - 1 : kind.position] if kind.position else []


def _is_named(element: Element, name: ExpandedName | None) -> bool:
    return name is None or split_name(element.name)[:2] == name


def _holds(node: Node, predicate: Equals) -> bool:
    assert isinstance(node, Element)
    match predicate.axis:
        case Axis.SELF:
            return string_value(node) == predicate.value
        case Axis.CHILD:
            return any(
                isinstance(child, Element)
                and _is_named(child, predicate.name)
                and string_value(child) == predicate.value
                for child in node.children
            )
        case Axis.ATTRIBUTE:
            return any(
                value == predicate.value and split_name(name)[:2] == predicate.name
                for name, value in node.attributes.items()
            )


def string_value(element: Element) -> str:
    """The texts of `element` and of all elements below, joined (XPath 1.0 §5.2)."""
    return "".join(
        child if isinstance(child, str) else string_value(child)
        for child in element.children
        if isinstance(child, str | Element)
    )

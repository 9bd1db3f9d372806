"""What a node selector selects in a document (RFC 4825 §6.3). Pure.

Each step must select exactly one element; none and several are the same to those who
ask here. The walk looks at the children of one element for each step, so it takes time
in proportion to the document at worst.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Final, NamedTuple

from lxml import etree

from xcap.errors import BadRequest
from xcap.nodes.bindings import parse_bindings
from xcap.nodes.selector import Name, NodeSelector, Step, Terminal, parse_selector

REMEMBERED: Final = 2048
"""Selectors that are kept resolved; clients use few again and again."""
MAX_REMEMBERED: Final = 384
"""Characters of a selector and its query that are kept: resolved, each name has its namespace
in it, which makes 10 kB of them at worst, and 240 kB of the longest there are."""


class ResolvedStep(NamedTuple):
    """A step whose names are expanded: "{namespace}local", or "local" in no namespace."""

    tag: str | None
    """None for the wildcard."""
    position: int | None
    attribute: str | None
    """Name of the attribute that must have the value `value`."""
    value: str | None


@dataclass(frozen=True, slots=True)
class Resolved:
    """A node selector with its prefixes resolved."""

    steps: tuple[ResolvedStep, ...]
    attribute: str | None
    """The expanded name of the attribute that is selected."""
    namespaces: bool
    """The namespaces in scope are selected, not the element."""
    text: NodeSelector
    """As the client wrote it."""


def resolve(node_selector: str, query: str, default_namespace: str) -> Resolved:
    """The decoded `node_selector` with the bindings of the decoded `query`.

    `default_namespace` is for elements without prefix, never for attributes; empty for
    none. Raises BadRequest (400), also for an undefined prefix (§8), and NotFound (404).
    """
    short = len(node_selector) + len(query) <= MAX_REMEMBERED
    return (_remembered if short else _resolve)(node_selector, query, default_namespace)


def _resolve(node_selector: str, query: str, default_namespace: str) -> Resolved:
    selector = parse_selector(node_selector)
    bindings = {**parse_bindings(query), "": default_namespace}
    attribute_bindings = {**bindings, "": ""}

    def expand(step: Step) -> ResolvedStep:
        tag = None if step.name is None else _expanded(step.name, bindings)
        if step.test is None:
            return ResolvedStep(tag, step.position, None, None)
        attribute = _expanded(step.test.name, attribute_bindings)
        return ResolvedStep(tag, step.position, attribute, step.test.value)

    terminal = selector.terminal
    return Resolved(
        tuple(map(expand, selector.steps)),
        _expanded(terminal, attribute_bindings) if isinstance(terminal, Name) else None,
        terminal is Terminal.NAMESPACES,
        selector,
    )


_remembered = lru_cache(REMEMBERED)(_resolve)


def element_at(root: etree._Element, steps: Sequence[ResolvedStep]) -> etree._Element | None:
    """The element that `steps` select, or None when a step selects none or several."""
    found = _root_at(root, steps[0])
    for step in steps[1:]:
        if found is None:
            return None
        found = child_at(found, step)
    return found


def closest(root: etree._Element, resolved: Resolved) -> int:
    """How many leading steps of `resolved` select an element (§11.1, <ancestor>)."""
    found = _root_at(root, resolved.steps[0])
    count = 0
    while found is not None:
        count += 1
        if count == len(resolved.steps):
            break
        found = child_at(found, resolved.steps[count])
    return count


def child_at(parent: etree._Element, step: ResolvedStep) -> etree._Element | None:
    """The child of `parent` that `step` selects, if it is exactly one."""
    tag, position, attribute, value = step
    children: Iterator[etree._Element] = parent.iterchildren(tag or "*")
    if position is not None:
        children = islice(children, max(position - 1, 0), position)
    if attribute is not None:
        children = (child for child in children if child.get(attribute) == value)
    found = next(children, None)
    return found if next(children, None) is None else None


def _root_at(root: etree._Element, step: ResolvedStep) -> etree._Element | None:
    """`root` when it is what the first step selects: it is its parent's only child."""
    tag, position, attribute, value = step
    if tag is not None and root.tag != tag:
        return None
    if position is not None and position != 1:
        return None
    return root if attribute is None or root.get(attribute) == value else None


def _expanded(name: Name, bindings: dict[str, str]) -> str:
    namespace = bindings.get(name.prefix)
    if namespace is None:
        raise BadRequest(f"the prefix {name.prefix} is not bound in the query")
    return f"{{{namespace}}}{name.local}" if namespace else name.local

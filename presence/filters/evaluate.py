"""What the restricted XPath of filters selects in a document (RFC 4661 §5). Pure.

Steps are taken for all elements at once and lead to each element once, however often "//" is
repeated. What is looked at is counted, so that no expression keeps the process busy: the caller
says how much may be spent.
"""

from collections.abc import Iterable, Iterator, Sequence
from math import nan
from typing import NamedTuple

from lxml import etree

from presence.filters.path import AnyOf, Compare, Operator, Path, Start, Step
from xmldoc.effort import OCTETS_A_STEP, Effort


class Attribute(NamedTuple):
    """One that was selected."""

    owner: etree._Element
    name: str


Node = etree._Element | Attribute


def select(path: Path, root: etree._Element, effort: Effort) -> Sequence[Node]:
    """All that `path` leads to in the document of `root`, in its order. Raises TooMuchEffort."""
    return list(_follow(path, root, root, effort))


def value_of(node: Node, effort: Effort) -> str:
    """The string value, as XPath 1.0 §5 has it. Raises TooMuchEffort."""
    if isinstance(node, Attribute):
        value = node.owner.get(node.name) or ""
    elif not len(node):
        value = node.text or ""
    else:
        value = "".join(_texts(node, effort))
    effort.spend(1 + len(value) // OCTETS_A_STEP)
    return value


def _texts(element: etree._Element, effort: Effort) -> Iterator[str]:
    for text in element.itertext():
        effort.spend(1)
        yield str(text)


def _follow(
    path: Path, root: etree._Element, context: etree._Element, effort: Effort
) -> Iterator[Node]:
    found = _start(path.start, context)
    for place, step in enumerate(path.steps):
        top = path.start is Start.DOCUMENT and place == 0
        near: Iterable[etree._Element] = [root] if top else _children(found)
        if step.deep:
            near = root.iter() if top else _descendants(found)
        found = [one for one in near if _matches(one, step, root, effort)]
    if path.attribute is None:
        yield from found
        return
    for element in found:
        effort.spend(1)
        if path.attribute in element.attrib:
            yield Attribute(element, path.attribute)


def _start(start: Start, context: etree._Element) -> list[etree._Element]:
    if start is Start.PARENT:
        parent = context.getparent()
        return [] if parent is None else [parent]
    return [context]


def _children(elements: Sequence[etree._Element]) -> Iterator[etree._Element]:
    for element in elements:
        yield from element


def _descendants(elements: Sequence[etree._Element]) -> Iterator[etree._Element]:
    """What is below `elements`, which are in document order, each once."""
    seen: set[etree._Element] = set()
    for element in elements:
        if element not in seen:
            for one in element.iterdescendants():
                seen.add(one)
                yield one


def _matches(element: etree._Element, step: Step, root: etree._Element, effort: Effort) -> bool:
    effort.spend(1)
    if step.name is not None and element.tag != step.name:
        return False
    return all(_holds(condition, element, root, effort) for condition in step.conditions)


def _holds(condition: AnyOf, element: etree._Element, root: etree._Element, effort: Effort) -> bool:
    return any(
        all(_compares(one, element, root, effort) for one in alternative)
        for alternative in condition.alternatives
    )


def _compares(
    compare: Compare, element: etree._Element, root: etree._Element, effort: Effort
) -> bool:
    for node in _follow(compare.path, root, element, effort):
        if _is(value_of(node, effort), compare.operator, compare.literal):
            return True
    return False


def _is(value: str, operator: Operator, literal: str | float) -> bool:
    """Texts are equal or not; all else is a matter of numbers (XPath 1.0 §3.4)."""
    if operator is Operator.EQUAL:
        return value == literal if isinstance(literal, str) else number(value) == literal
    left, right = number(value), literal if isinstance(literal, float) else number(literal)
    return left < right if operator is Operator.LESS else left > right


def number(text: str) -> float:
    """`text` as a number, NaN when it is none: equal to, less and greater than nothing."""
    text = text.strip()
    if not text.isascii() or not text.lstrip("-").replace(".", "", 1).isdigit():
        return nan
    return float(text)

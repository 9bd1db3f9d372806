"""Carrying out a query on documents, under bounds. Pure; the clock is an argument.

elementpath evaluates the paths. Each node that it goes to is counted, and now and then
the clock is read, so that a search stops soon after it has used up what it may use.
"""

from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from typing import Any, Final
from xml.sax.saxutils import escape

from elementpath import AttributeNode, ElementNode, TextNode, XPath2Parser, XPathContext
from lxml import etree

from xcap.errors import AnswerTooLarge
from xcap.search.errors import TooExpensive
from xcap.search.query import Copy, Element, Path, Query, Template, Text
from xcap.search.xpath import Printer
from xmldoc.errors import XmlError
from xmldoc.parse import parse

CLOCK_EVERY: Final = 256
"""Nodes between two looks at the clock."""
MAX_ANSWER: Final = 1_048_576
"""Octets of what one search shows."""


class Budget:
    """What a search may still use."""

    def __init__(self, clock: Callable[[], float], deadline: float) -> None:
        self._clock = clock
        self._deadline = deadline
        self._uncounted = 0

    def spend(self, nodes: int = 1) -> None:
        """Count `nodes`. Raises TooExpensive (503)."""
        self._uncounted += nodes
        if self._uncounted >= CLOCK_EVERY:
            self._uncounted = 0
            self.check()

    def check(self) -> None:
        """Raises TooExpensive (503) when the time is used up."""
        if self._clock() > self._deadline:
            raise TooExpensive("the search takes too long, name fewer documents or conditions")


class Context(XPathContext):
    """A context that counts the nodes it comes to."""

    budget: Budget

    def iter_children_or_self(self) -> Iterator[Any]:
        return self._counted(super().iter_children_or_self())

    def iter_attributes(self) -> Iterator[Any]:
        return self._counted(super().iter_attributes())

    def iter_matching_nodes(
        self, name: str, default_namespace: str | None = None
    ) -> Iterator[AttributeNode | ElementNode]:
        if self.axis is None and isinstance(self.item, ElementNode):
            self.budget.spend(len(self.item.children))
        return self._counted(super().iter_matching_nodes(name, default_namespace))

    def _counted(self, items: Iterator[Any]) -> Iterator[Any]:
        for item in items:
            self.budget.spend()
            yield item


class Search:
    """One query, compiled, and what it has found so far."""

    def __init__(self, query: Query, budget: Budget, max_results: int) -> None:
        self._query = query
        self._budget = budget
        self._left = max_results
        self._answered = 0
        self._copied_octets = 0
        self.found: list[bytes] = []
        """What is shown of each element that was found."""
        printer = Printer()
        items = printer.path(query.path)
        if query.where is not None:
            items += f"[{printer.condition(query.where)}]"
        shown = {path: printer.path(path) for path in _paths(query.result)}
        parser = XPath2Parser(namespaces=printer.namespaces)
        self._items = parser.parse(items)
        self._shown = {path: parser.parse(text) for path, text in shown.items()}

    @property
    def wants_more(self) -> bool:
        """Whether there may be more results."""
        return self._left > 0

    def look_at(self, bodies: Sequence[bytes]) -> None:
        """Search these documents. Raises TooExpensive and AnswerTooLarge."""
        for body in bodies:
            if not self.wants_more:
                return
            self._budget.check()
            try:
                root = parse(body)
            except XmlError:
                continue
            self._look_at(root)

    def _look_at(self, root: etree._Element) -> None:
        context = self._context(root.getroottree(), None)
        for item in self._items.select(context):
            shown = b"".join(map(_octets, self._show(context.root, item)))
            self._answered += len(shown)
            self._copied_octets = 0
            self._check_size()
            self.found.append(shown)
            self._left -= 1
            if not self.wants_more:
                return

    def _show(self, root: Any, item: Any) -> list[etree._Element | str]:
        """What the query shows of `item`, a node of the tree of nodes `root`."""
        parts: list[etree._Element | str] = []
        for template in self._query.result:
            match template:
                case Element():
                    parts.append(self._element(template, root, item))
                case Copy(path):
                    parts.extend(map(self._copy, self._nodes(path, root, item)))
                case Text(text):
                    parts.append(text)
        return parts

    def _element(self, template: Element, root: Any, item: Any) -> etree._Element:
        namespace = etree.QName(template.tag).namespace
        default: dict[Any, str] = {None: namespace} if namespace else {}
        element = etree.Element(template.tag, nsmap=default)
        for name, value in template.attributes:
            element.set(name, "".join(self._strings(part, root, item) for part in value))
        for part in template.content:
            match part:
                case Text(text):
                    _append(element, text)
                case Element():
                    element.append(self._element(part, root, item))
                case Copy(path):
                    for node in self._nodes(path, root, item):
                        if isinstance(node, AttributeNode):
                            element.set(str(node.name), str(node.value))
                        else:
                            _append(element, self._copy(node))
        return element

    def _copy(self, node: Any) -> etree._Element | str:
        """A copy of an element without what follows it, or the characters of a text node."""
        self._budget.spend()
        if isinstance(node, TextNode):
            copied: etree._Element | str = str(node.value)
        else:
            copied = _without_tail(node.value)
        self._copied_octets += len(_octets(copied))
        self._check_size()
        return copied

    def _check_size(self) -> None:
        if self._answered + self._copied_octets > MAX_ANSWER:
            raise AnswerTooLarge("the answer is too large, ask for fewer results")

    def _strings(self, part: Text | Copy, root: Any, item: Any) -> str:
        """The value of a part of an attribute."""
        if isinstance(part, Text):
            return part.text
        return " ".join(str(node.string_value) for node in self._nodes(part.path, root, item))

    def _nodes(self, path: Path, root: Any, item: Any) -> list[Any]:
        return list(self._shown[path].select(self._context(root, item)))

    def _context(self, root: Any, item: Any) -> Context:
        context = Context(root, item=item)
        context.budget = self._budget
        return context


def _paths(templates: Sequence[Template]) -> Iterator[Path]:
    """The paths that `templates` copy from."""
    for template in templates:
        match template:
            case Copy(path):
                yield path
            case Element(attributes=attributes, content=content):
                for _, value in attributes:
                    yield from _paths(value)
                yield from _paths(content)


def _without_tail(element: etree._Element) -> etree._Element:
    """A copy of `element` without the text that follows it."""
    copied = deepcopy(element)
    copied.tail = None
    return copied


def _append(element: etree._Element, part: etree._Element | str) -> None:
    """Put text or an element behind what is in `element`."""
    if not isinstance(part, str):
        element.append(part)
    elif len(element):
        element[-1].tail = (element[-1].tail or "") + part
    else:
        element.text = (element.text or "") + part


def _octets(part: etree._Element | str) -> bytes:
    if isinstance(part, str):
        return escape(part).encode()
    return etree.tostring(part, encoding="utf-8", with_tail=False)

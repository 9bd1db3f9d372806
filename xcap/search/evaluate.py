"""Carrying out a query on documents, under bounds. Pure; the clock is an argument.

elementpath evaluates the paths. Each node that it goes to is counted, and now and then
the clock is read, so that a search stops soon after it has used up what it may use.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Final

from elementpath import AttributeNode, ElementNode, XPath2Parser, XPathContext
from lxml import etree

from xcap.errors import AnswerTooLarge
from xcap.search.errors import TooExpensive
from xcap.search.query import Copy, Element, Path, Query, Template
from xcap.search.show import show
from xcap.search.xpath import Printer
from xmldoc.errors import XmlError
from xmldoc.parse import parse

CLOCK_EVERY: Final = 64
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
    """A context that counts the nodes it comes to, and what is asked of each."""

    budget: Budget

    def __copy__(self) -> XPathContext:
        """Made for every predicate of every node."""
        self.budget.spend()
        return super().__copy__()

    def iter_children_or_self(self) -> Iterator[Any]:
        return self._counted(super().iter_children_or_self())

    def iter_attributes(self) -> Iterator[Any]:
        return self._counted(super().iter_attributes())

    def iter_descendants(self, axis: str | None = None) -> Iterator[Any]:
        return self._counted(super().iter_descendants(axis))

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
        self._octets = 0
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
        try:
            self._find(context)
        finally:
            let_go(context)

    def _find(self, context: Context) -> None:
        """Add what the tree of `context` has to what was found."""
        for item in self._items.select(context):
            before = self._octets
            shown = show(self._query.result, partial(self._nodes, context.root, item), self._count)
            self._octets = before
            self._count(len(shown))
            self.found.append(shown)
            self._left -= 1
            if not self.wants_more:
                return

    def _count(self, octets: int) -> None:
        """Count `octets` of the answer. Raises AnswerTooLarge and TooExpensive."""
        self._budget.spend()
        self._octets += octets
        if self._octets > MAX_ANSWER:
            raise AnswerTooLarge("the answer is too large, ask for fewer results")

    def _nodes(self, root: Any, item: Any, path: Path) -> list[Any]:
        """What `path` leads to from `item`, a node of the tree of nodes `root`."""
        return list(self._shown[path].select(self._context(root, item)))

    def _context(self, root: Any, item: Any) -> Context:
        context = Context(root, item=item)
        context.budget = self._budget
        return context


def let_go(context: Context) -> None:
    """Undo the cycles in the tree of nodes of `context`, which goes then at once.

    The collector of garbage, which seldom looks at anything, would leave hundreds of
    megabytes of them.
    """
    document: Any = context.document
    elements = list(document.tree.elements.values())
    document.tree.elements.clear()
    document.children.clear()
    del document.tree
    for element in elements:
        element.children.clear()
        del element.tree
        if hasattr(element, "_attributes"):
            del element._attributes


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

"""Which parts of a document are delivered, and the smallest valid document that has them.

Pure. Marks are set on the document as it is; what is delivered is built from them anew each time
that the schema wants something more (RFC 4660 §5.3.1).
"""

import re
from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Final

from lxml import etree

from xmldoc.effort import Effort, TooMuchEffort
from xmldoc.schema import Flaw, schema_of

MAX_ROUNDS: Final = 32
"""Times that something more is added; each adds it to all elements of one name."""
PATH_STEPS: Final = 4
"""What it takes to build and validate an element and to say where it is."""

_ATTRIBUTE: Final = re.compile(r"The attribute '([^']+)' is required")
_NAMED: Final = re.compile(r"\{[^}]*\}[\w.\-]+|[\w.\-]+")
_EXPECTED: Final = re.compile(r"Expected is (?:one of )?\((.*)\)")


class Marks:
    """What is delivered of the document of `root`."""

    def __init__(self, root: etree._Element, effort: Effort) -> None:
        self.root = root
        self._effort = effort
        self._whole: set[etree._Element] = set()
        """With everything in them."""
        self._kept: dict[etree._Element, set[str]] = {}
        """Themselves, with these attributes."""

    def __bool__(self) -> bool:
        return bool(self._kept or self._whole)

    def take(self, element: etree._Element) -> None:
        """Deliver `element` and all that is in it."""
        self._whole.add(element)
        self._keep_ancestors(element)

    def take_attribute(self, owner: etree._Element, name: str) -> None:
        """Deliver an attribute, and the element that it is of."""
        self._keep(owner).add(name)
        self._keep_ancestors(owner)

    def take_namespace(self, namespace: str) -> None:
        """Deliver the elements and attributes of `namespace`, whatever is around them."""
        for element in self.root.iter():
            self._effort.spend(1)
            own = etree.QName(element).namespace == namespace
            names = {
                str(name)
                for name in element.attrib
                if (etree.QName(name).namespace or (namespace if own else "")) == namespace
            }
            if own or names:
                self._keep(element).update(names)
                self._keep_ancestors(element)

    def _keep(self, element: etree._Element) -> set[str]:
        return self._kept.setdefault(element, set())

    def _keep_ancestors(self, element: etree._Element) -> None:
        for ancestor in element.iterancestors():
            self._effort.spend(1)
            self._keep(ancestor)

    def valid(self) -> etree._Element:
        """The smallest document with all that is marked, and what the schema wants beside.

        Raises TooMuchEffort when there is none to be found.
        """
        schema = schema_of(etree.QName(self.root).namespace or "")
        if schema is None:
            for element, names in self._kept.items():
                names.update(str(name) for name in element.attrib)
        for _ in range(MAX_ROUNDS):
            origin: dict[etree._Element, etree._Element] = {}
            built = self._built(self.root, origin)
            flaws = () if schema is None else schema.flaws(built)
            if not flaws:
                return built
            if not self._mend(flaws, built, origin):
                break
        if is_valid(self.root):
            raise TooMuchEffort
        return built

    def _built(
        self, element: etree._Element, origin: dict[etree._Element, etree._Element]
    ) -> etree._Element:
        """A copy of what is marked in `element`; `origin` gets what was copied, by its copy."""
        self._effort.spend(PATH_STEPS)
        if element in self._whole:
            whole = deepcopy(element)
            whole.tail = None
            origin[whole] = element
            return whole
        names = self._kept[element]
        copied = etree.Element(
            element.tag,
            {str(name): str(value) for name, value in element.attrib.items() if name in names},
            nsmap=element.nsmap,  # type: ignore[arg-type]  # the stubs know no default namespace
        )
        copied.text = element.text
        origin[copied] = element
        for child in element:
            if child in self._whole or child in self._kept:
                copied.append(self._built(child, origin))
        return copied

    def _mend(
        self,
        flaws: Sequence[Flaw],
        built: etree._Element,
        origin: dict[etree._Element, etree._Element],
    ) -> bool:
        """Mark what is missing, in all elements of the names of those at fault."""
        tree = built.getroottree()
        by_path = {tree.getpath(one): one for one in origin}
        missing = {
            (fault.tag, names)
            for flaw in flaws
            for fault, names in _missing(flaw, by_path.get(flaw.path.partition("/@")[0]))
        }
        added = False
        for element in (one for one in origin.values() if one not in self._whole):
            for tag, names in missing:
                if element.tag == tag:
                    added |= any(self._add(element, name) for name in names)
        return added

    def _add(self, element: etree._Element, name: str) -> bool:
        return self._add_attribute(element, name) or self._add_child(element, name)

    def _add_attribute(self, element: etree._Element, name: str) -> bool:
        names = self._keep(element)
        if name in names or name not in element.attrib:
            return False
        names.add(name)
        return True

    def _add_child(self, element: etree._Element, name: str) -> bool:
        """Deliver the first child called `name`, if none is there."""
        children = element.findall(name)
        if not children or any(one in self._whole or one in self._kept for one in children):
            return False
        self._whole.add(children[0])
        return True


def _missing(
    flaw: Flaw, fault: etree._Element | None
) -> Iterator[tuple[etree._Element, tuple[str, ...]]]:
    """Elements, each with names of an attribute or of children of which the schema misses one.

    Of several children the last is what is missing: those before it are optional.
    """
    expected = _EXPECTED.search(flaw.message)
    if fault is not None and expected is not None and "not expected" in flaw.message:
        fault = fault.getparent()
    if fault is None:
        return
    if attribute := _ATTRIBUTE.search(flaw.message):
        yield fault, (attribute[1],)
    elif expected is not None:
        yield fault, tuple(reversed(_NAMED.findall(expected[1])))


def is_valid(root: etree._Element) -> bool:
    """Whether the document is valid, as far as we have a schema for it."""
    schema = schema_of(etree.QName(root).namespace or "")
    return schema is None or schema.check(root) is None

"""The operations that turn one document into another (RFC 5261). Pure.

Children are changed from the last to the first, so that the positions in a selector
are those of the old document: what is left of a change has not been touched yet.
Declarations come into scope before anything that may use them, and go when nothing uses
them any more. Default namespaces cannot be changed on an element that stays (§4.2.3);
where that, or a prefix that would come to mean something else, is the difference, the
element is replaced as a whole.
"""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Final, NamedTuple

from xmldoc.align import Pair, pair_up
from xmldoc.effort import Effort, TooMuchEffort
from xmldoc.errors import XmlError
from xmldoc.parse import MAX_OCTETS
from xmldoc.patch import MAX_OPERATIONS
from xmldoc.patch_print import (
    Change,
    Place,
    Target,
    Together,
    print_change,
    print_together,
)
from xmldoc.siblings import Gap, Siblings
from xmldoc.tree import Document, Element, Node, Scope, parse_tree

XCAP_DIFF: Final = "urn:ietf:params:xml:ns:xcap-diff"
SHORT: Final = 2048
"""Octets of operations that are never too many, however short the new document is."""

OVERHEAD: Final = 80
"""About how many octets an operation has beside its content."""
OPERATION_STEPS: Final = 12
"""What it takes to make an operation and to write it, without its content."""


def make_patch(
    old: bytes, new: bytes, namespace: str = XCAP_DIFF, *, effort: Effort | None = None
) -> list[bytes] | None:
    """The add, replace and remove elements, in `namespace`, that turn `old` into `new`.

    Each declares every namespace that it uses, so it can be put anywhere into a document;
    white space in it counts. Empty when the two differ only in how they are written. None
    when the operations are more than MAX_OPERATIONS or longer than `new`, when to find them
    takes more than `effort`, and when one of the documents cannot be read.
    """
    wanted = _wanted(old, new, effort or Effort())
    if wanted is None:
        return None
    operations = [print_change(change, namespace).encode() for change in wanted]
    return operations if sum(map(len, operations)) <= max(len(new), SHORT) else None


def make_diff(
    old: bytes, new: bytes, namespace: str, root: str, *, effort: Effort
) -> Together | None:
    """The same operations as children of one element that declares the namespaces they share.

    The step to the root element is `root` in all selectors. None as in `make_patch`, but
    however long they are, and when the root element would have to be replaced.
    """
    wanted = _wanted(old, new, effort)
    if wanted is None or any(map(_replaces_root, wanted)):
        return None
    return print_together(wanted, namespace, root)


def _replaces_root(change: Change) -> bool:
    place, *what = change.target
    return change.directive == "replace" and place is not None and not (place.parent or any(what))


def _wanted(old: bytes, new: bytes, effort: Effort) -> list[Change] | None:
    """What has to be done; None when that is too much, or takes more than `effort`."""
    try:
        effort.read(old)
        effort.read(new)
        trees = parse_tree(old), parse_tree(new)
        wanted = [] if trees[0] == trees[1] else changes(*trees, effort)
    except (XmlError, TooMuchEffort):
        return None
    return wanted if len(wanted) <= MAX_OPERATIONS else None


def changes(old: Document, new: Document, effort: Effort) -> list[Change]:
    """What has to be done, in this order, to make `new` of `old`. Raises TooMuchEffort."""
    before, after = Siblings(old.children), Siblings(new.children)
    root = (before.nodes.index(old.root), after.nodes.index(new.root))
    ends = ((-1, -1), root, (len(before.nodes), len(after.nodes)))
    around = [
        change
        for left, right in reversed(list(pairwise(ends)))
        for change in Gap(None, before, after, left, right).changes()
    ]
    effort.spend(len(around) * OPERATION_STEPS)
    return around + _pair(before.place(None, root[0]), old.root, new.root, Scopes({}, {}, effort))


class Scopes(NamedTuple):
    """The namespaces in scope around an element, in the old document and in the new."""

    old: Scope
    new: Scope
    effort: Effort

    def inside(self, old: Element, new: Element) -> "Scopes":
        """The scopes of the children of `old` and of `new`."""
        return Scopes(
            {**self.old, **old.declarations}, {**self.new, **new.declarations}, self.effort
        )


def _pair(place: Place, old: Element, new: Element, scopes: Scopes) -> list[Change]:
    """What makes `new` of the element `old` at `place`; to replace it is the last resort."""
    effort = scopes.effort
    inside = _inside(place, old, new, scopes)
    if inside is not None:
        most = sum(OVERHEAD + _size(change.content, effort) for change in inside)
        if len(inside) == 1 or OVERHEAD + _size((new,), effort, most) >= most:
            return inside
    return [Change("replace", Target(place), content=(new,))]


def _inside(place: Place, old: Element, new: Element, scopes: Scopes) -> list[Change] | None:
    """What makes `new` of `old` piece by piece; None when that cannot be."""
    if old.name != new.name or not _can_redeclare(old, new, scopes):
        return None
    came = [
        Change("add", Target(place), {"type": f"namespace::{prefix}"}, (namespace,))
        for prefix, namespace in new.declarations.items()
        if prefix not in old.declarations
    ]
    went = [
        Change("remove", Target(place, f"namespace::{prefix}"))
        for prefix in old.declarations
        if prefix not in new.declarations
    ]
    children = _children(place, old, new, scopes.inside(old, new))
    own = [*came, *_attributes(place, old.attributes, new.attributes), *went]
    scopes.effort.spend((1 + len(own)) * OPERATION_STEPS)
    return [*own[: len(own) - len(went)], *children, *went]


def _can_redeclare(old: Element, new: Element, scopes: Scopes) -> bool:
    """Whether declarations can come and go without a prefix meaning two things."""
    different = old.declarations.items() ^ new.declarations.items()
    prefixes = [prefix for prefix, _ in different]
    return len(set(prefixes)) == len(prefixes) and not any(
        prefix in ("", "xml") or prefix in scopes.old or prefix in scopes.new for prefix in prefixes
    )


def _attributes(place: Place, old: Scope, new: Scope) -> Iterator[Change]:
    """What makes the attributes `new` of `old`, both values by name."""
    for name in old.keys() - new.keys():
        yield Change("remove", Target(place, attribute=name))
    for name, value in new.items():
        content = (value,) if value else ()
        if name not in old:
            yield Change("add", Target(place), content=content, added=name)
        elif old[name] != value:
            yield Change("replace", Target(place, attribute=name), content=content)


def _children(place: Place, old: Element, new: Element, scopes: Scopes) -> Iterator[Change]:
    """What makes the children of `new` of those of `old`."""
    if old.children == new.children:
        return
    effort = scopes.effort
    effort.spend(len(old.children) + len(new.children))
    before, after = Siblings(old.children), Siblings(new.children)
    pairs = pair_up(before.nodes, after.nodes, effort)
    ends = [(-1, -1), *pairs, (len(before.nodes), len(after.nodes))]
    for left, right in reversed(list(pairwise(ends))):
        if right != ends[-1] and before.nodes[right[0]] != after.nodes[right[1]]:
            yield from _node(place, before, after, right, scopes)
        if (
            right[0] - left[0] > 1
            or right[1] - left[1] > 1
            or before.texts[right[0]] != after.texts[right[1]]
        ):
            for change in Gap(place, before, after, left, right).changes():
                effort.spend(OPERATION_STEPS)
                yield change


def _node(
    place: Place, before: Siblings, after: Siblings, pair: Pair, scopes: Scopes
) -> Iterator[Change]:
    """What makes one node of another of the same kind."""
    old, new = before.nodes[pair[0]], after.nodes[pair[1]]
    if isinstance(old, Element) and isinstance(new, Element):
        yield from _pair(before.place(place, pair[0]), old, new, scopes)
    else:
        yield Change("replace", before.target(place, pair[0]), content=(new,))


def _size(nodes: Iterable[Node], effort: Effort, most: int = MAX_OCTETS) -> int:
    """About how many characters `nodes` take, counted until they are more than `most`."""
    size = 0
    for node in nodes:
        effort.spend(1)
        if isinstance(node, Element):
            size += 2 * len(node.name) + sum(map(len, node.attributes.values()))
            size += _size(node.children, effort, most - size)
        else:
            size += len(node) if isinstance(node, str) else sum(map(len, node))
        if size > most:
            break
    return size

"""Which nodes of two lists belong together. Pure.

What is equal at both ends is paired first, then equal nodes that occur once in each list
(the longest sequence of them that is in order in both), then what is equal beside those.
What lies between is looked at again for nodes that are equal in fewer ways: by name and
attributes, then by name. This takes n log n at worst; it is not the least number of
edits, but near it for lists whose items differ.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import pairwise
from operator import eq
from typing import Final, NamedTuple

from xmldoc.effort import Effort
from xmldoc.tree import Comment, Element, Instruction, Node

Pair = tuple[int, int]
"""An index into the old list and one into the new."""

FEW: Final = 2
"""Fewer nodes than this are compared with all others rather than by key."""
KEY_STEPS: Final = 3
"""What it takes to make the key of a node, without its children."""
WINDOW_STEPS: Final = 3
"""What it takes to look at a part of both lists, however short."""


class Likeness(NamedTuple):
    """One way in which nodes can be equal."""

    same: Callable[[Node, Node], bool]
    key: Callable[[Node], Hashable]
    """Equal for nodes that are the same; it need not differ for those that are not."""
    effort: Effort


class Window(NamedTuple):
    """A part of both lists: from the first index on, up to and without the second."""

    old: Pair
    new: Pair


def pair_up(old: Sequence[Node], new: Sequence[Node], effort: Effort) -> list[Pair]:
    """The pairs of nodes that belong together, ascending in both lists.

    Raises TooMuchEffort.
    """
    digests: dict[int, int] = {}
    likenesses = (
        Likeness(eq, lambda node: digest(node, digests, effort), effort),
        Likeness(lambda one, other: outline(one) == outline(other), outline, effort),
        Likeness(lambda one, other: label(one) == label(other), label, effort),
    )
    return _pair_up(old, new, Window((0, len(old)), (0, len(new))), likenesses)


def digest(node: Node, known: dict[int, int], effort: Effort) -> int:
    """A hash of all of `node`; `known` keeps those of elements by identity."""
    if not isinstance(node, Element):
        return hash(node)
    found = known.get(id(node))
    if found is None:
        effort.spend(KEY_STEPS + len(node.attributes) + len(node.declarations))
        parts = (
            node.name,
            frozenset(node.attributes.items()),
            frozenset(node.declarations.items()),
        )
        found = hash((parts, tuple(digest(child, known, effort) for child in node.children)))
        known[id(node)] = found
    return found


def outline(node: Node) -> Hashable:
    """What is equal for elements with the same start tag."""
    if isinstance(node, Element):
        return node.name, frozenset(node.attributes.items())
    return label(node)


def label(node: Node) -> Hashable:
    """What is equal for nodes of which one can become the other."""
    match node:
        case Element():
            return node.name
        case Comment():
            return Comment
        case Instruction():
            return Instruction, node.target
        case str():
            return str


def _pair_up(
    old: Sequence[Node], new: Sequence[Node], window: Window, likenesses: Sequence[Likeness]
) -> list[Pair]:
    if not likenesses:
        return []
    found = _align(old, new, window, likenesses[0])
    pairs: list[Pair] = []
    for gap, right in _gaps(window, found):
        if gap.old[0] < gap.old[1] and gap.new[0] < gap.new[1]:
            pairs += _pair_up(old, new, gap, likenesses[1:])
        if right is not None:
            pairs.append(right)
    return pairs


def _gaps(window: Window, pairs: Sequence[Pair]) -> Iterator[tuple[Window, Pair | None]]:
    """What lies between `pairs` in `window`, each with the pair after it."""
    start = (window.old[0] - 1, window.new[0] - 1)
    stop = (window.old[1], window.new[1])
    for left, right in pairwise([start, *pairs, stop]):
        gap = Window((left[0] + 1, right[0]), (left[1] + 1, right[1]))
        yield gap, None if right == stop else right


def _align(
    old: Sequence[Node], new: Sequence[Node], window: Window, likeness: Likeness
) -> list[Pair]:
    """Pairs of nodes of `window` that are the same by `likeness`."""
    head, middle, tail = _ends(old, new, window, likeness)
    pairs = head
    for gap, right in _gaps(middle, _unique(old, new, middle, likeness)):
        first, _, last = _ends(old, new, gap, likeness)
        pairs += first + last
        if right is not None:
            pairs.append(right)
    return pairs + tail


def _ends(
    old: Sequence[Node], new: Sequence[Node], window: Window, likeness: Likeness
) -> tuple[list[Pair], Window, list[Pair]]:
    """The pairs at the start and at the end of `window`, and what is between."""
    (old_start, old_stop), (new_start, new_stop) = window
    start = (old_start, new_start)
    stop = old_stop
    while old_start < old_stop and new_start < new_stop:
        if not likeness.same(old[old_start], new[new_start]):
            break
        old_start += 1
        new_start += 1
    while old_start < old_stop and new_start < new_stop:
        if not likeness.same(old[old_stop - 1], new[new_stop - 1]):
            break
        old_stop -= 1
        new_stop -= 1
    head = list(zip(range(start[0], old_start), range(start[1], new_start), strict=True))
    tail = list(zip(range(old_stop, stop), range(new_stop, window.new[1]), strict=True))
    likeness.effort.spend(WINDOW_STEPS + len(head) + len(tail))
    return head, Window((old_start, old_stop), (new_start, new_stop)), tail


def _unique(
    old: Sequence[Node], new: Sequence[Node], window: Window, likeness: Likeness
) -> list[Pair]:
    """Pairs of nodes that occur once in each list, as many as are in order in both.

    When most are the same as the node across from them, it is those instead, which costs
    less to find.
    """
    sizes = window.old[1] - window.old[0], window.new[1] - window.new[0]
    likeness.effort.spend(sum(sizes))
    if min(sizes) < FEW:
        return _first(old, new, window, likeness)
    in_step = [
        pair
        for pair in zip(range(*window.old), range(*window.new), strict=False)
        if likeness.same(old[pair[0]], new[pair[1]])
    ]
    if len(in_step) * 2 > sizes[0]:
        return in_step
    likeness.effort.spend(KEY_STEPS * sum(sizes))
    old_keys = [likeness.key(node) for node in old[slice(*window.old)]]
    new_keys = [likeness.key(node) for node in new[slice(*window.new)]]
    old_counts, new_counts = Counter(old_keys), Counter(new_keys)
    places = {key: place for place, key in enumerate(new_keys, window.new[0])}
    return _longest_rising(
        [
            (place, places[key])
            for place, key in enumerate(old_keys, window.old[0])
            if old_counts[key] == 1 and new_counts[key] == 1
        ]
    )


def _first(
    old: Sequence[Node], new: Sequence[Node], window: Window, likeness: Likeness
) -> list[Pair]:
    """The first pair of nodes that are the same, without looking at their keys."""
    return [
        (one, other)
        for one in range(*window.old)
        for other in range(*window.new)
        if likeness.same(old[one], new[other])
    ][:1]


def _longest_rising(pairs: Sequence[Pair]) -> list[Pair]:
    """The longest part of `pairs`, ascending by the first, that ascends by the second."""
    ends: list[int] = []
    holders: list[int] = []
    before: list[int] = []
    for number, (_, place) in enumerate(pairs):
        length = bisect_left(ends, place)
        before.append(holders[length - 1] if length else -1)
        ends[length : length + 1] = [place]
        holders[length : length + 1] = [number]
    rising: list[Pair] = []
    number = holders[-1] if holders else -1
    while number >= 0:
        rising.append(pairs[number])
        number = before[number]
    return rising[::-1]

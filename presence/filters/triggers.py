"""Whether a change is one that a watcher wants to hear of (RFC 4661 §3.6, RFC 4660 §5.3.2). Pure.

Compared are the documents that the watcher may see, before its filter: the one that was the
newest when it was last told, and the newest now. An element is the same in both when it and
those around it have the same names and ids, or the same places where they have no id. What has
no partner then is compared in document order, so that an offline user's only tuple, whose id is
ours, changes from closed to open when a device publishes its own.

What appears has changed to its value from none, if only `to` is given, and what disappears has
changed from it, if only `from` is: so a watcher who is new has its status "changed to pending"
(the example of §6.3).
"""

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from decimal import Decimal
from itertools import zip_longest
from typing import Final

from lxml import etree

from presence.filters.evaluate import Attribute, Node, select, value_of
from presence.filters.filter_set import Event, Kind, Trigger
from xmldoc.effort import Effort, TooMuchEffort
from xmldoc.errors import XmlError
from xmldoc.parse import parse

MAX_EFFORT: Final = 10_000
"""Steps, of about a microsecond each, that one comparison may take."""
CANONICAL_A_STEP: Final = 32
"""Characters that are written in canonical form in one step."""
IDENTITIES: Final = ("id", "uri", "resource")
"""Attributes that tell elements of one name apart, in the formats that are watched."""

Values = dict[Hashable, str]
"""What an expression selects, by what makes it the same in another document."""


def fires(triggers: Sequence[Trigger], before: bytes, after: bytes) -> bool:
    """Whether one of `triggers` is set off by the change from `before` to `after`.

    So it is when that takes too long to say: the watcher is rather told too much.
    """
    if before == after:
        return False
    effort = Effort(MAX_EFFORT)
    try:
        old = parse(before) if before else None
        new = parse(after) if after else None
        return any(
            all(_happened(event, old, new, effort) for event in trigger) for trigger in triggers
        )
    except (XmlError, TooMuchEffort):
        return True


def _happened(
    event: Event, old: etree._Element | None, new: etree._Element | None, effort: Effort
) -> bool:
    was, now = _values(event, old, effort), _values(event, new, effort)
    match event.kind:
        case Kind.ADDED:
            return bool(now.keys() - was.keys())
        case Kind.REMOVED:
            return bool(was.keys() - now.keys())
        case Kind.CHANGED:
            return any(_changed(event, *pair) for pair in _pairs(was, now))


def _values(event: Event, root: etree._Element | None, effort: Effort) -> Values:
    if root is None:
        return {}
    keys: dict[etree._Element, Hashable] = {}
    values: Values = {}
    for node in select(event.path, root, effort):
        owner, name = node if isinstance(node, Attribute) else (node, "")
        values[_key(owner, keys, effort), name] = _content(node, effort)
    return values


def _content(node: Node, effort: Effort) -> str:
    """What is compared: the value, or all that is in an element with others inside."""
    if isinstance(node, Attribute) or not len(node):
        return " ".join(value_of(node, effort).split())
    text = etree.tostring(node, method="c14n", with_tail=False).decode()
    effort.spend(1 + len(text) // CANONICAL_A_STEP)
    return text


def _key(element: etree._Element, keys: dict[etree._Element, Hashable], effort: Effort) -> Hashable:
    known = keys.get(element)
    if known is not None:
        return known
    parent = element.getparent()
    if parent is None:
        return element.tag
    above = _key(parent, keys, effort)
    places: Counter[Hashable] = Counter()
    for child in parent:
        effort.spend(1)
        own = (child.tag, *(child.get(name) for name in IDENTITIES))
        keys[child] = (above, own, places[own])
        places[own] += 1
    return keys[element]


def _pairs(was: Values, now: Values) -> Iterator[tuple[str | None, str | None]]:
    """Old values and new ones of the same things; None for one that is not there."""
    yield from ((was[key], now[key]) for key in was.keys() & now.keys())
    went = [value for key, value in was.items() if key not in now]
    came = [value for key, value in now.items() if key not in was]
    yield from zip_longest(went, came)


def _changed(event: Event, old: str | None, new: str | None) -> bool:
    """Whether this is the change that `event` names."""
    if old == new:
        return False
    if old is None or new is None:
        given = [text is not None for text in (event.old, event.new, event.by)]
        return given == [new is None, old is None, False] and (old or new) in (
            event.old,
            event.new,
        )
    if event.by is not None and not _differ(old, new, event.by):
        return False
    return _fits(event.old, old) and _fits(event.new, new)


def _fits(wanted: str | None, value: str) -> bool:
    if wanted is None:
        return True
    return " ".join(wanted.split()) == value


def _differ(old: str, new: str, by: Decimal) -> bool:
    """Whether two numbers are at least `by` apart (§3.6.1.3)."""
    try:
        return abs(Decimal(new) - Decimal(old)) >= by
    except ArithmeticError:
        return False

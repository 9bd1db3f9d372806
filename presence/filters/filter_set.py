"""Filters as values, and their text (RFC 4661 §3). Pure.

What is kept of the filters of a subscription is a filter-set again, in the one spelling that
`FilterSet.__str__` gives it: filters that say the same are the same text, whatever prefixes and
white space they came with. The text of a `What` alone is what watchers of one view share.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

from lxml import etree

from presence.filters.path import Path, Prefixes, namespaces_of, write

NAMESPACE: Final = "urn:ietf:params:xml:ns:simple-filter"


class Kind(StrEnum):
    """The three things that may have happened to what a trigger names (§3.6)."""

    CHANGED = "changed"
    ADDED = "added"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Rule:
    """What one include or exclude element selects (§3.5)."""

    selected: Path | str
    """Or a namespace."""


@dataclass(frozen=True, slots=True)
class What:
    """What of a document is delivered."""

    includes: tuple[Rule, ...] = ()
    excludes: tuple[Rule, ...] = ()

    def __bool__(self) -> bool:
        """An empty one counts as none (RFC 4660 §5.4)."""
        return bool(self.includes or self.excludes)

    def __str__(self) -> str:
        """The text of a filter-set with nothing else in it; "" when everything is delivered."""
        return str(FilterSet((Filter("", what=self),))) if self else ""


@dataclass(frozen=True, slots=True)
class Event:
    """One condition of a trigger."""

    kind: Kind
    path: Path
    old: str | None = None
    """The attribute `from`; like those below it only says more of a change."""
    new: str | None = None
    """The attribute `to`."""
    by: Decimal | None = None


Trigger = tuple[Event, ...]
"""Events that must all have happened."""


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter element."""

    id: str
    uri: str | None = None
    domain: str | None = None
    enabled: bool = True
    remove: bool = False
    what: What | None = None
    """None: the element is not there."""
    triggers: tuple[Trigger, ...] = ()
    """Each may set a NOTIFY off; an empty one is as if it were not there (RFC 4660 §5.4)."""

    @property
    def says_nothing(self) -> bool:
        """Whether it has neither what nor trigger, and so is about one that is known."""
        return self.what is None and not self.triggers

    @property
    def paths(self) -> Iterator[Path]:
        """All expressions in it."""
        what = self.what or What()
        rules = (*what.includes, *what.excludes)
        yield from (rule.selected for rule in rules if isinstance(rule.selected, Path))
        yield from (event.path for trigger in self.triggers for event in trigger)


@dataclass(frozen=True, slots=True)
class FilterSet:
    """All filters of a subscription."""

    filters: tuple[Filter, ...] = ()

    def __str__(self) -> str:
        """A document that `reading.read_filters` reads; "" for none."""
        if not self.filters:
            return ""
        prefixes = self._prefixes()
        root = etree.fromstring(f'<filter-set xmlns="{NAMESPACE}"/>')
        if prefixes:
            bindings = etree.SubElement(root, _tag("ns-bindings"))
            for namespace, prefix in prefixes.items():
                etree.SubElement(bindings, _tag("ns-binding"), prefix=prefix, urn=namespace)
        for one in self.filters:
            _write_filter(root, one, prefixes)
        return etree.tostring(root, encoding="unicode")

    def _prefixes(self) -> Prefixes:
        paths = (path for one in self.filters for path in one.paths)
        namespaces = sorted({name for path in paths for name in namespaces_of(path)})
        return {namespace: f"n{place}" for place, namespace in enumerate(namespaces)}


def _tag(name: str) -> str:
    return f"{{{NAMESPACE}}}{name}"


def _write_filter(root: etree._Element, one: Filter, prefixes: Prefixes) -> None:
    element = etree.SubElement(root, _tag("filter"), id=one.id)
    for name, value in (("uri", one.uri), ("domain", one.domain)):
        if value is not None:
            element.set(name, value)
    if not one.enabled:
        element.set("enabled", "false")
    if one.what is not None:
        what = etree.SubElement(element, _tag("what"))
        for name, rules in (("include", one.what.includes), ("exclude", one.what.excludes)):
            for rule in rules:
                _write_rule(etree.SubElement(what, _tag(name)), rule, prefixes)
    for trigger in one.triggers:
        written = etree.SubElement(element, _tag("trigger"))
        for event in trigger:
            _write_event(written, event, prefixes)


def _write_rule(element: etree._Element, rule: Rule, prefixes: Prefixes) -> None:
    if isinstance(rule.selected, str):
        element.set("type", "namespace")
        element.text = rule.selected
    else:
        element.text = write(rule.selected, prefixes)


def _write_event(parent: etree._Element, event: Event, prefixes: Prefixes) -> None:
    element = etree.SubElement(parent, _tag(event.kind))
    element.text = write(event.path, prefixes)
    by = None if event.by is None else format(event.by, "f")
    for name, value in (("from", event.old), ("to", event.new), ("by", by)):
        if value is not None:
            element.set(name, value)

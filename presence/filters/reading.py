"""Reads application/simple-filter+xml (RFC 4661 §3, RFC 4660 §5.4). Pure, and bounded."""

from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Final

from lxml import etree

from presence.filters.errors import BadFilter
from presence.filters.filter_set import (
    NAMESPACE,
    Event,
    Filter,
    FilterSet,
    Kind,
    Rule,
    Trigger,
    What,
)
from presence.filters.grammar import SHOWN, parse_path
from xmldoc.errors import XmlError
from xmldoc.parse import Limits, parse
from xmldoc.schema import schema

LIMITS: Final = Limits(octets=16_384, elements=400, depth=16)
MAX_FILTERS: Final = 32
"""Of one subscription."""
MAX_EXPRESSIONS: Final = 64
"""In all of them."""
MAX_VALUE: Final = 1024
"""Characters of an expression, an id, a URI, a domain, a namespace or a value to compare with."""
KNOWN: Final = 512
"""Filter-sets kept read: those of the handful of clients there are, for many watchers."""

_TRUE: Final = frozenset({"true", "1"})


def read_filters(body: bytes, package: str) -> FilterSet:
    """The filters in the body of a SUBSCRIBE to `package`. Raises BadFilter (488)."""
    try:
        root = parse(body, limits=LIMITS)
    except XmlError as error:
        raise BadFilter(str(error)) from None
    if root.tag != f"{{{NAMESPACE}}}filter-set":
        raise BadFilter(f"the root element is not filter-set of {NAMESPACE}")
    reason = schema("simple-filter").check(root)
    if reason is not None:
        raise BadFilter(reason)
    if root.get("package") not in (None, "", package):
        raise BadFilter("the filters are for another event package")
    if any(len((one.text or "").strip()) > MAX_VALUE for one in root.iter()):
        raise BadFilter(f"an expression has more than {MAX_VALUE} characters")
    read = _read(root)
    check_size(read)
    return read


def check_size(filters: FilterSet) -> None:
    """Refuse more than one subscription may have. Raises BadFilter."""
    if len(filters.filters) > MAX_FILTERS:
        raise BadFilter(f"more than {MAX_FILTERS} filters")
    if sum(len(list(one.paths)) for one in filters.filters) > MAX_EXPRESSIONS:
        raise BadFilter(f"more than {MAX_EXPRESSIONS} expressions")


@lru_cache(KNOWN)
def known_filters(text: str) -> FilterSet:
    """The filters that `str` made `text` of."""
    return _read(parse(text.encode())) if text else FilterSet()


def _read(root: etree._Element) -> FilterSet:
    bindings = {
        one.get("prefix", ""): one.get("urn", "").strip()
        for one in root.iterfind(f"{{{NAMESPACE}}}ns-bindings/{{{NAMESPACE}}}ns-binding")
    }
    return FilterSet(
        tuple(_filter(one, bindings) for one in root.iterfind(f"{{{NAMESPACE}}}filter"))
    )


def _filter(element: etree._Element, bindings: Mapping[str, str]) -> Filter:
    id, uri, domain = (_value(element, name) for name in ("id", "uri", "domain"))
    if uri is not None and domain is not None:
        raise BadFilter("uri and domain exclude each other")
    what = element.find(f"{{{NAMESPACE}}}what")
    triggers = (_trigger(one, bindings) for one in element.iterfind(f"{{{NAMESPACE}}}trigger"))
    return Filter(
        id=id or "",
        uri=uri,
        domain=domain,
        enabled=(element.get("enabled") or "true").strip() in _TRUE,
        remove=(element.get("remove") or "false").strip() in _TRUE,
        what=None if what is None else _what(what, bindings),
        triggers=tuple(triggers),
    )


def _value(element: etree._Element, name: str) -> str | None:
    value = element.get(name)
    if value is not None and len(value) > MAX_VALUE:
        raise BadFilter(f"{name} has more than {MAX_VALUE} characters")
    return value


def _what(element: etree._Element, bindings: Mapping[str, str]) -> What:
    includes, excludes = (
        tuple(_rule(one, bindings) for one in element.iterfind(f"{{{NAMESPACE}}}{name}"))
        for name in ("include", "exclude")
    )
    return What(includes, excludes)


def _rule(element: etree._Element, bindings: Mapping[str, str]) -> Rule:
    text = (element.text or "").strip()
    if element.get("type") != "namespace":
        return Rule(parse_path(text, bindings))
    if not text:
        raise BadFilter("a namespace is not named")
    return Rule(text)


def _trigger(element: etree._Element, bindings: Mapping[str, str]) -> Trigger:
    events = []
    for one in element.iterchildren(*(f"{{{NAMESPACE}}}{kind}" for kind in Kind)):
        kind = Kind(etree.QName(one).localname)
        path = parse_path(one.text or "", bindings)
        by = one.get("by")
        event = Event(
            kind,
            path,
            _value(one, "from"),
            _value(one, "to"),
            None if by is None else Decimal(by.strip()),
        )
        if event.by is not None:
            _check_numbers(event)
        events.append(event)
    return tuple(events)


def _check_numbers(event: Event) -> None:
    """What stands beside `by` is a number too (§3.6.1.4)."""
    for text in (event.old, event.new):
        if text is not None and not text.strip().lstrip("+-").replace(".", "", 1).isdigit():
            raise BadFilter(f"not a number beside by: {text[:SHOWN]}")

"""Lists of contacts (RFC 4826 §3). Pure."""

import re
from collections.abc import Iterable
from typing import Final

from lxml import etree

from xcap.errors import ConstraintFailure, Exists, UniquenessFailure
from xcap.field import field_of
from xcap.usage import Place, Usage

NAMESPACE: Final = "urn:ietf:params:xml:ns:resource-lists"
PREFIXES: Final = {NAMESPACE: "rl"}

LIST: Final = f"{{{NAMESPACE}}}list"
KEYS: Final = {
    LIST: "name",
    f"{{{NAMESPACE}}}entry": "uri",
    f"{{{NAMESPACE}}}entry-ref": "ref",
    f"{{{NAMESPACE}}}external": "anchor",
}
"""The attribute that must be unique among siblings of the same name (§3.4.5)."""

MAX_FAILURES: Final = 10
"""How many fields a report names; to name one costs a look at all its siblings."""
CHECKED_REFERENCES: Final = frozenset({"ref", "anchor"})
NOT_RELATIVE_PATH: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:|/")
ABSOLUTE_HTTP: Final = re.compile(r"https?://[^/?#]+", re.IGNORECASE)


def check(root: etree._Element, place: Place) -> None:
    """Apply the constraints of RFC 4826 §3.4.5 to a resource-lists document."""
    check_lists(root, NAMESPACE)


def check_lists(top: etree._Element, default_namespace: str) -> None:
    """Apply them to everything below `top`, a list or what holds lists.

    `default_namespace` is that of the document's usage, for the fields of the report.
    Values that differ in the whole document differ within each list, and that is told
    without looking at the lists one by one.
    """
    repeated = False
    for tag, attribute in KEYS.items():
        values = [value for element in top.iter(tag) if (value := element.get(attribute))]
        repeated = repeated or len(set(values)) != len(values)
        if values and attribute in CHECKED_REFERENCES:
            _check_references(attribute, values)
    failures = _repeated_among_siblings(top, default_namespace) if repeated else ()
    if failures:
        raise UniquenessFailure("names and URIs must differ within a list", failures)


def _repeated_among_siblings(top: etree._Element, default_namespace: str) -> tuple[Exists, ...]:
    """The first attributes whose values earlier siblings of the same name have."""
    failures: list[Exists] = []
    for parent in (top, *top.iterdescendants(LIST)):
        seen: set[tuple[str, str]] = set()
        for child in parent.iterchildren(*KEYS):
            attribute = KEYS[child.tag]
            value = child.get(attribute)
            if value and (child.tag, value) in seen:
                failures.append(Exists(field_of(child, attribute, default_namespace, PREFIXES)))
                if len(failures) == MAX_FAILURES:
                    return tuple(failures)
            seen.add((child.tag, value or ""))
    return tuple(failures)


def _check_references(attribute: str, values: Iterable[str]) -> None:
    for value in values:
        if attribute == "ref" and NOT_RELATIVE_PATH.match(value):
            raise ConstraintFailure(f"the ref of an entry-ref must be a relative path: {value}")
        if attribute == "anchor" and not ABSOLUTE_HTTP.match(value):
            raise ConstraintFailure(f"the anchor of an external must be an HTTP URI: {value}")


USAGE: Final = Usage(
    auid="resource-lists",
    media_type="application/resource-lists+xml",
    default_namespace=NAMESPACE,
    schema="resource-lists",
    root=f"{{{NAMESPACE}}}resource-lists",
    check=check,
)

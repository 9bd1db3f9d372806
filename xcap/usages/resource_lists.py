"""Lists of contacts (RFC 4826 §3). Pure."""

import re
from collections.abc import Iterable
from typing import Final

from lxml import etree

from xcap.errors import ConstraintFailure
from xcap.uniqueness import check_unique
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

CHECKED_REFERENCES: Final = frozenset({"ref", "anchor"})
NOT_RELATIVE_PATH: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:|/")
ABSOLUTE_HTTP: Final = re.compile(r"https?://[^/?#]+", re.IGNORECASE)


def check(root: etree._Element, place: Place) -> None:
    """Apply the constraints of RFC 4826 §3.4.5 to a resource-lists document."""
    check_lists(root, NAMESPACE)


def check_lists(top: etree._Element, default_namespace: str) -> None:
    """Apply them to everything below `top`, a list or what holds lists.

    `default_namespace` is that of the document's usage, for the fields of the report.
    """
    check_unique(top, KEYS, default_namespace=default_namespace, prefixes=PREFIXES)
    for tag, attribute in KEYS.items():
        if attribute in CHECKED_REFERENCES:
            values = (element.get(attribute) for element in top.iter(tag))
            _check_references(attribute, filter(None, values))


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

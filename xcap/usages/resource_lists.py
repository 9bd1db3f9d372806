"""Lists of contacts (RFC 4826 §3). Pure."""

import re
from typing import Final

from lxml import etree

from xcap.errors import ConstraintFailure
from xcap.uniqueness import check_unique, values_of
from xcap.usage import Place, Usage

NAMESPACE: Final = "urn:ietf:params:xml:ns:resource-lists"
PREFIXES: Final = {NAMESPACE: "rl"}

LIST: Final = f"{{{NAMESPACE}}}list"
ENTRY_REF: Final = f"{{{NAMESPACE}}}entry-ref"
EXTERNAL: Final = f"{{{NAMESPACE}}}external"
KEYS: Final = {
    LIST: "name",
    f"{{{NAMESPACE}}}entry": "uri",
    ENTRY_REF: "ref",
    EXTERNAL: "anchor",
}
"""The attribute that must be unique among siblings of the same name (§3.4.5)."""

RELATIVE_PATH: Final = re.compile(r"[^/?#:]+(?:[/?#]|$)")
"""path-noscheme of RFC 3986 §3.3: a first segment without a colon."""
ABSOLUTE_HTTP: Final = re.compile(r"https?://[^/?#]+", re.IGNORECASE)


def check(root: etree._Element, place: Place) -> None:
    """Apply the constraints of RFC 4826 §3.4.5 to a resource-lists document."""
    check_lists(root, NAMESPACE)


def check_lists(top: etree._Element, default_namespace: str) -> None:
    """Apply them to everything below `top`, a list or what holds lists.

    `default_namespace` is that of the document's usage, for the fields of the report.
    """
    check_unique(top, KEYS, default_namespace=default_namespace, prefixes=PREFIXES)
    for ref in values_of(top, ENTRY_REF, "ref"):
        if not RELATIVE_PATH.match(ref):
            raise ConstraintFailure(f"the ref of an entry-ref must be a relative path: {ref}")
    for anchor in values_of(top, EXTERNAL, "anchor"):
        if not ABSOLUTE_HTTP.match(anchor):
            raise ConstraintFailure(f"the anchor of an external must be an HTTP URI: {anchor}")


USAGE: Final = Usage(
    auid="resource-lists",
    media_type="application/resource-lists+xml",
    default_namespace=NAMESPACE,
    schema="resource-lists",
    root=f"{{{NAMESPACE}}}resource-lists",
    check=check,
)

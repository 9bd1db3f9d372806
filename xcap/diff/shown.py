"""What was found of the documents that a list names, and what it selects of them. Pure."""

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Final, NamedTuple

from xcap.diff.selection import DocumentSelection, NodeSelection, Selection
from xcap.diff.snapshot import Address, Found, Part
from xcap.nodes.evaluate import Resolved
from xcap.uri import XcapUri

MAX_ATTRIBUTE: Final = 4096
"""Characters of the value of an attribute; one that is longer is not told."""


class Absent(Enum):
    """Why a document is not shown."""

    MISSING = "there is none"
    HIDDEN = "it may not be read"


class Shown(NamedTuple):
    """A document that is there."""

    found: Found
    parts: Mapping[Resolved, Part | None]
    """Of what is followed in it."""


def nodes_by_document(selections: Iterable[Selection]) -> dict[XcapUri, list[Resolved]]:
    """The documents that are named, or whose parts are, with those parts."""
    nodes: dict[XcapUri, list[Resolved]] = {}
    for selection in selections:
        if isinstance(selection, DocumentSelection):
            nodes.setdefault(selection.uri, [])
        elif isinstance(selection, NodeSelection):
            nodes.setdefault(selection.uri, []).append(selection.node)
    return nodes


def named_documents(
    selections: Iterable[Selection], shown: Mapping[XcapUri, Shown | Absent]
) -> dict[str, Found]:
    """The documents that are named; one that has two names is told by the first of them."""
    documents: dict[str, Found] = {}
    seen: set[Address] = set()
    for selection in selections:
        if isinstance(selection, DocumentSelection):
            there = shown[selection.uri]
            if isinstance(there, Shown) and there.found.address not in seen:
                seen.add(there.found.address)
                documents[selection.sel] = there.found
    return documents


def components_of(
    selections: Iterable[Selection], shown: Mapping[XcapUri, Shown | Absent]
) -> tuple[dict[str, Part | None], frozenset[str]]:
    """Elements and attributes that may be read, and which of them are attributes."""
    components: dict[str, Part | None] = {}
    attributes: set[str] = set()
    for selection in selections:
        if not isinstance(selection, NodeSelection):
            continue
        there = shown[selection.uri]
        if there is Absent.HIDDEN:
            continue
        found = there.parts[selection.node] if isinstance(there, Shown) else None
        if selection.node.attribute is not None:
            attributes.add(selection.sel)
            value = None if found is None else found.content
            if isinstance(value, str) and len(value) > MAX_ATTRIBUTE:
                continue
        components[selection.sel] = found
    return components, frozenset(attributes)

"""What was read of the documents that a list names, and what it selects of them. Pure."""

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import NamedTuple

from xcap.diff.component import component
from xcap.diff.selection import DocumentSelection, NodeSelection, Selection
from xcap.diff.snapshot import Address, Content, Found
from xcap.uri import XcapUri


class Absent(Enum):
    """Why a document is not shown."""

    MISSING = "there is none"
    HIDDEN = "it may not be read"


class Shown(NamedTuple):
    """A document that is there."""

    found: Found
    body: bytes


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
) -> tuple[dict[str, Content | None], frozenset[str]]:
    """Elements and attributes that may be read, and which of them are attributes."""
    components: dict[str, Content | None] = {}
    attributes: set[str] = set()
    for selection in selections:
        if not isinstance(selection, NodeSelection):
            continue
        there = shown[selection.uri]
        if there is Absent.HIDDEN:
            continue
        if isinstance(there, Shown):
            components[selection.sel] = component(there.body, selection.node)
        else:
            components[selection.sel] = None
        if selection.node.attribute is not None:
            attributes.add(selection.sel)
    return components, frozenset(attributes)

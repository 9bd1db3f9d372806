"""What one NOTIFY tells of a snapshot (RFC 5875 §4.7). Pure.

The first NOTIFY, and each after a SUBSCRIBE, tells all that there is; others tell what differs
from the memory of what was told. Entries of one document follow its history; documents follow
each other in the order of their first change.
"""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from xcap.diff.chain import fits
from xcap.diff.component import MAX_ELEMENT
from xcap.diff.snapshot import Content, DocumentEntry, Element, Mark, Memory, Part, Snapshot

MAX_PATCHES: Final = 24_576
"""Octets of all patches in one NOTIFY: with as many of elements, and the entity-tags of all that
may be followed, it goes into a datagram for those who take nothing else."""
MAX_ELEMENTS: Final = MAX_ELEMENT
"""Octets of all elements in one NOTIFY; those beyond are told without content."""


class ComponentEntry(NamedTuple):
    """One `element` or `attribute` of an xcap-diff document (RFC 5874 §3)."""

    sel: str
    is_attribute: bool
    content: Content | None
    """None when it is not there, or not shown."""
    empty: bool = False
    """It is there, but too large to be shown."""


class View(NamedTuple):
    """The entries of one NOTIFY, and what the watcher knows once it has it."""

    documents: tuple[DocumentEntry, ...]
    components: tuple[ComponentEntry, ...]
    memory: Memory

    @property
    def tells(self) -> bool:
        """Whether there is anything in it."""
        return bool(self.documents or self.components)


def everything(snapshot: Snapshot, known: Memory | None, *, first: bool) -> View:
    """All that there is, and the end of what was `known` and is gone.

    `known` None and not `first`: what was told is forgotten, so that of whatever is named and
    not there it is said that it is gone.
    """
    before = known or Memory()
    there = [DocumentEntry(sel, None, found.etag) for sel, found in snapshot.documents.items()]
    gone = [*_gone(snapshot, before)]
    if not first and known is None:
        gone += [DocumentEntry(sel, etag, None) for sel, etag in snapshot.removed.items()]
    components = [
        _entry(snapshot, sel, part)
        for sel, part in snapshot.components.items()
        if part is not None or sel in before.components or (not first and known is None)
    ]
    return View((*gone, *there), bounded_elements(components), remembered(snapshot))


def changes(snapshot: Snapshot, known: Memory) -> View:
    """What differs from what is `known`."""
    followed = dict.fromkeys((*snapshot.documents, *known.documents))
    groups = [[*_document(snapshot, known, sel)] for sel in followed]
    ordered = sorted(filter(None, groups), key=lambda group: group[0].at)
    components = [
        _entry(snapshot, sel, part)
        for sel, part in snapshot.components.items()
        if known.components.get(sel) != (None if part is None else part.digest)
    ]
    documents = bounded_patches(entry for group in ordered for entry in group)
    return View(documents, bounded_elements(components), remembered(snapshot))


def remembered(snapshot: Snapshot) -> Memory:
    """What a watcher knows who was told all of `snapshot`."""
    documents = {
        sel: Mark(found.address, found.key, found.etag, found.version)
        for sel, found in snapshot.documents.items()
    }
    components = {sel: part.digest for sel, part in snapshot.components.items() if part is not None}
    return Memory(snapshot.wanted.uris, documents, components)


def entity(known: Memory, root: str) -> bytes:
    """All that a watcher knows, however its list is ordered: what an entity-tag is made of.

    RFC 5875 §4.7: the list counts, also what of it is not there.
    """
    documents = sorted((*mark.address, mark.etag) for mark in known.documents.values())
    components = sorted(known.components.items())
    return repr((root, sorted(set(known.uris)), documents, components)).encode()


def _document(snapshot: Snapshot, known: Memory, sel: str) -> Iterator[DocumentEntry]:
    """What is told of one document, if anything."""
    mark, found = known.documents.get(sel), snapshot.documents.get(sel)
    if mark is None:
        if found is not None:
            yield DocumentEntry(sel, None, found.etag, at=found.updated_at)
    elif sel not in snapshot.hidden and (found is None or found.etag != mark.etag):
        entries = snapshot.chains.get(sel, ())
        if fits(entries, mark, found):
            yield from (entry._replace(sel=sel) for entry in entries)
        else:
            now = (None, 0.0) if found is None else (found.etag, found.updated_at)
            yield DocumentEntry(sel, mark.etag, now[0], at=now[1])


def _gone(snapshot: Snapshot, known: Memory) -> Iterator[DocumentEntry]:
    for sel, mark in known.documents.items():
        if sel not in snapshot.documents and sel not in snapshot.hidden:
            yield DocumentEntry(sel, mark.etag, None)


def _entry(snapshot: Snapshot, sel: str, part: Part | None) -> ComponentEntry:
    content = None if part is None else part.content
    hidden = part is not None and content is None
    return ComponentEntry(sel, sel in snapshot.attributes, content, hidden)


def bounded_patches(entries: Iterable[DocumentEntry]) -> tuple[DocumentEntry, ...]:
    """`entries`, those without patch that would make the NOTIFY too large."""
    left = MAX_PATCHES
    bounded = []
    for entry in entries:
        left -= sum(map(len, entry.patch))
        bounded.append(entry if left >= 0 else entry._replace(patch=()))
    return tuple(bounded)


def bounded_elements(entries: list[ComponentEntry]) -> tuple[ComponentEntry, ...]:
    """`entries`, those without content that would make the NOTIFY too large."""
    left = MAX_ELEMENTS
    bounded = []
    for entry in entries:
        size = len(entry.content.content) if isinstance(entry.content, Element) else 0
        left -= size
        if size and left < 0:
            left += size
            entry = entry._replace(empty=True)
        bounded.append(entry)
    return tuple(bounded)

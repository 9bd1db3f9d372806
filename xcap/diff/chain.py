"""The history of one document since it was told, as entries of a NOTIFY (RFC 5875 §4.3). Pure.

Each entry's previous entity-tag is the one before's new one, and the first is the one that the
watcher has: the chain is never broken. Where a patch cannot be had the entity-tags stand alone,
and the watcher gets the document by HTTP.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Final, NamedTuple

from store.values import DocumentVersion
from xcap.diff.request import Mode
from xcap.diff.snapshot import Found, Mark
from xmldoc.diff import make_patch

NAMESPACE: Final = "urn:ietf:params:xml:ns:xcap-diff"
KEPT_PATCHES: Final = 32
"""Patches that are not made again for the next watcher."""
MAX_PATCH: Final = 65_536
"""Octets of the patches of one document in one NOTIFY; more are told as entity-tags only."""


class DocumentEntry(NamedTuple):
    """One `document` of an xcap-diff document (RFC 5874 §3, figure 1)."""

    sel: str
    previous: str | None
    """Entity-tag; None for what was not there, or not known."""
    new: str | None
    """None for what is not there any more."""
    patch: tuple[bytes, ...] = ()
    """Operations of RFC 5261; without any the document is got by HTTP."""
    unchanged: bool = False
    """Only the entity-tag is another."""
    at: float = 0.0
    """When it changed, Unix seconds."""


class Link(NamedTuple):
    """One state of the document; None for etag and body when it was not there."""

    etag: str | None
    body: bytes | None
    at: float = 0.0


def chain(
    sel: str, mark: Mark, found: Found | None, history: Sequence[DocumentVersion], mode: Mode
) -> Iterator[DocumentEntry]:
    """From the state that the watcher was told, `mark`, to the one `found` now.

    `history` may begin with the version told, may lack some, and may go beyond `found`.
    """
    links = _links(mark, found, history)
    if mode is not Mode.XCAP_PATCHING:
        links = [links[0], links[-1]]
    left = 0 if mode is Mode.NO_PATCHING else MAX_PATCH
    for before, after in pairwise(links):
        entry = _entry(sel, before, after, left)
        left -= sum(map(len, entry.patch))
        yield entry


def _links(mark: Mark, found: Found | None, history: Sequence[DocumentVersion]) -> list[Link]:
    """The states one after the other, the one told first and the present one last."""
    told = next((v.body for v in history if v.etag == mark.etag and v.body is not None), None)
    links = [Link(mark.etag, told)]
    for version in history:
        if version.version <= mark.version:
            continue
        if version.body is None:
            links.append(Link(None, None, version.created_at))
        else:
            links.append(Link(version.etag, version.body, version.created_at))
        if found is not None and version.etag == found.etag and version.body is not None:
            return _without_repeats(links)
    if found is not None:
        return _without_repeats([*links, Link(found.etag, None, found.updated_at)])
    deletions = [position for position, link in enumerate(links) if link.etag is None]
    if deletions:
        return _without_repeats(links[: deletions[-1] + 1])
    return [*links, Link(None, None, links[-1].at)]


def _without_repeats(links: list[Link]) -> list[Link]:
    """A deletion after a deletion is none."""
    later = [after for before, after in pairwise(links) if before.etag != after.etag]
    return [links[0], *later]


def _entry(sel: str, before: Link, after: Link, left: int) -> DocumentEntry:
    plain = DocumentEntry(sel, before.etag, after.etag, at=after.at)
    if not left or before.body is None or after.body is None:
        return plain
    patch = patch_of(before.body, after.body)
    if patch is None or sum(map(len, patch)) > left:
        return plain
    return plain._replace(patch=patch, unchanged=not patch)


@lru_cache(maxsize=KEPT_PATCHES)
def patch_of(old: bytes, new: bytes) -> tuple[bytes, ...] | None:
    """The operations that make `new` of `old`, none when they are the same document.

    None when there are no such operations.
    """
    patch = make_patch(old, new, namespace=NAMESPACE)
    return None if patch is None else tuple(patch)

"""The history of one document since it was told, as entries of a NOTIFY (RFC 5875 §4.3). Pure.

Each entry's previous entity-tag is the one before's new one, and the first is the one that the
watcher has: the chain is never broken. Where a patch cannot be had, or would take too long to
make, the entity-tags stand alone, and the watcher gets the document by HTTP.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from store.values import DocumentVersion
from xcap.diff.request import Mode
from xcap.diff.snapshot import DocumentEntry, Found, Mark
from xmldoc.diff import make_patch
from xmldoc.effort import Effort

NAMESPACE: Final = "urn:ietf:params:xml:ns:xcap-diff"
MAX_PATCH: Final = 24_576
"""Octets of the patches of one document in one NOTIFY; more are told as entity-tags only."""
PATCH_STEPS: Final = 24_000
"""The effort for one patch: some 12 ms. An entry more or less in a list of 2,000 takes half."""
CHAIN_STEPS: Final = 4 * PATCH_STEPS
"""The effort for all patches of one document in one NOTIFY."""


class Link(NamedTuple):
    """One state of the document; None for etag and body when it was not there."""

    etag: str | None
    body: bytes | None
    at: float = 0.0


class Allowance(NamedTuple):
    """What is left for the patches of one document."""

    octets: int = MAX_PATCH
    steps: int = CHAIN_STEPS


def links(
    mark: Mark, found: Found | None, history: Sequence[DocumentVersion], mode: Mode
) -> list[Link]:
    """The states from the one that the watcher was told, `mark`, to the one `found` now.

    `history` may begin with the version told, may lack some, and may go beyond `found`.
    """
    states = _without_repeats(_states(mark, found, history))
    if mode is Mode.XCAP_PATCHING:
        return states
    ends = [states[0], states[-1]]
    return ends if mode is Mode.AGGREGATE else [end._replace(body=None) for end in ends]


def plain(before: Link, after: Link) -> DocumentEntry:
    """The entity-tags alone; `sel` is to be filled in."""
    return DocumentEntry("", before.etag, after.etag, at=after.at)


def patched(before: Link, after: Link, left: Allowance) -> tuple[DocumentEntry, Allowance]:
    """The entity-tags with the patch, if it can be had, and what is left after that."""
    entry = plain(before, after)
    if before.body is None or after.body is None:
        return entry, left
    effort = Effort(min(left.steps, PATCH_STEPS))
    patch = make_patch(before.body, after.body, namespace=NAMESPACE, effort=effort)
    left = left._replace(steps=max(0, left.steps - effort.spent))
    size = sum(map(len, patch or ()))
    if patch is None or size > left.octets:
        return entry, left
    left = left._replace(octets=left.octets - size)
    return entry._replace(patch=tuple(patch), unchanged=not patch), left


def fits(entries: Sequence[DocumentEntry], mark: Mark, found: Found | None) -> bool:
    """Whether `entries` lead from `mark` to `found`."""
    etag = None if found is None else found.etag
    return bool(entries) and (entries[0].previous, entries[-1].new) == (mark.etag, etag)


def _states(mark: Mark, found: Found | None, history: Sequence[DocumentVersion]) -> list[Link]:
    told = next((v.body for v in history if v.etag == mark.etag and v.body is not None), None)
    states = [Link(mark.etag, told)]
    for version in history:
        if version.version <= mark.version:
            continue
        if version.body is None:
            states.append(Link(None, None, version.created_at))
        else:
            states.append(Link(version.etag, version.body, version.created_at))
        if found is not None and version.etag == found.etag and version.body is not None:
            return states
    if found is not None:
        return [*states, Link(found.etag, None, found.updated_at)]
    deletions = [position for position, link in enumerate(states) if link.etag is None]
    if deletions:
        return states[: deletions[-1] + 1]
    return [*states, Link(None, None, states[-1].at)]


def _without_repeats(states: list[Link]) -> list[Link]:
    """A deletion after a deletion is none."""
    later = [after for before, after in pairwise(states) if before.etag != after.etag]
    return [states[0], *later]

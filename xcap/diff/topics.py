"""What a subscription follows, as strings the engine can look up (ADR 3). Pure.

A change of a document touches the document, its owner's directory in its application usage, all
of that usage, and all of its owner. A selection follows the narrowest that covers it.
"""

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import Final

from sip.uri import AoR
from store.values import Change, DocumentKey, Kind, document_key
from xcap.diff.selection import Collection, DocumentSelection, NodeSelection, Selection
from xcap.errors import NotFound
from xcap.uri import Tree, XcapUri, owner_of
from xcap.usage import Usage

GLOBAL: Final = AoR("")
MAX_SINGLE: Final = 16
"""Documents of one directory that are followed by a topic each."""


def touched(change: Change) -> Sequence[str]:
    """The topics that `change` touches; none for what is no document."""
    if change.kind is Kind.DOCUMENT:
        auid, owner, _ = change.document
        return (change.key, _home(auid, owner), auid, _home("", owner))
    if change.kind is Kind.GRANT:
        return (_grants(change.key),)
    return ()


def followed(
    selections: Sequence[Selection],
    watcher: str,
    *,
    usages: Mapping[str, Usage],
    default_domain: str,
    trusted: bool,
) -> Sequence[str]:
    """The topics of `selections`; `trusted` watchers may read everything."""
    topics: dict[str, None] = {}
    crowded = _crowded(selections, usages, default_domain)
    for selection in selections:
        if isinstance(selection, Collection):
            found = _of_collection(selection, watcher, usages, default_domain, trusted)
        else:
            found = _of_document(selection, watcher, usages, default_domain, crowded)
        topics.update(dict.fromkeys(found))
    return tuple(topics)


def owner_in(tree: Tree | None, xui: str, default_domain: str) -> AoR | None:
    """Whose documents these are, "" in the global tree; None for what can be no user."""
    if tree is Tree.GLOBAL:
        return GLOBAL
    try:
        return owner_of(xui, default_domain)
    except NotFound:
        return None


def _of_document(
    selection: DocumentSelection | NodeSelection,
    watcher: str,
    usages: Mapping[str, Usage],
    default_domain: str,
    crowded: Container[str],
) -> Iterator[str]:
    uri = selection.uri
    owner = owner_in(uri.tree, uri.xui, default_domain)
    if owner is None:
        return
    if owner != watcher:
        yield _grants(owner)
    yield from _of_stored(uri, owner, usages[uri.auid], crowded)


def _crowded(
    selections: Iterable[Selection], usages: Mapping[str, Usage], default_domain: str
) -> frozenset[str]:
    """The directories of which so many documents are followed that they take one topic."""
    homes: Counter[str] = Counter()
    for selection in selections:
        if not isinstance(selection, Collection):
            uri = selection.uri
            owner = owner_in(uri.tree, uri.xui, default_domain)
            homes[_home(usages[uri.auid].row(uri.path)[0], owner or "")] += 1
    return frozenset(home for home, count in homes.items() if count > MAX_SINGLE)


def _of_stored(uri: XcapUri, owner: AoR, usage: Usage, crowded: Container[str]) -> Iterator[str]:
    """A computed document may change with any document of its owner or of its usage."""
    auid, path = usage.row(uri.path)
    home = _home(auid, owner)
    if home in crowded and not usage.computes(uri.tree, uri.path):
        yield home
        return
    if not usage.computes(uri.tree, uri.path):
        yield document_key(DocumentKey(auid, owner, path))
        return
    yield auid
    if owner:
        yield _home("", owner)


def _of_collection(
    collection: Collection,
    watcher: str,
    usages: Mapping[str, Usage],
    default_domain: str,
    trusted: bool,
) -> Iterator[str]:
    auid = "" if collection.auid is None else usages[collection.auid].row("")[0]
    if collection.is_home:
        owner = owner_in(collection.tree, collection.xui, default_domain)
        owners: list[str] = [] if owner is None else [owner]
    elif trusted and auid:
        yield auid
        return
    else:
        owners = [watcher, GLOBAL] if collection.tree is None else [watcher]
    for one in owners:
        yield _home(auid, one)
        if one != watcher:
            yield _grants(one)


def _home(auid: str, owner: str) -> str:
    """Of the documents of `owner` in a usage, "" for all; no key of a document ends so."""
    return f"{auid} {owner} "


def _grants(owner: str) -> str:
    return f"grants of {owner}"

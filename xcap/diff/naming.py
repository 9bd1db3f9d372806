"""What the documents of a collection are called (RFC 5875 §4.4, RFC 5874 §3). Pure."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final
from urllib.parse import quote

from store.values import DocumentKey
from xcap.diff.selection import Collection
from xcap.diff.snapshot import Address
from xcap.uri import PCHAR, Tree
from xcap.usage import Usage

PATH: Final = PCHAR + "/"


def addresses(
    collection: Collection, key: DocumentKey, usages: Mapping[str, Usage]
) -> Iterator[Address]:
    """The addresses of document `key` that are in `collection`: one, or none.

    A document that has two by different usages is found below each, and once below the root.
    """
    for usage in _usages(collection, usages):
        path = _path_in(usage, key)
        if path is not None and path.startswith(collection.directory):
            yield Address(usage.auid, key.owner, path)


def sel_of(collection: Collection, address: Address) -> str:
    """The URI of `address` relative to the root, beginning as the watcher wrote the collection."""
    if collection.auid is not None and collection.is_home:
        below = address.path[len(collection.directory) :]
        return collection.prefix + quote(below, safe=PATH)
    tree = f"{Tree.USERS}/{quote(address.owner, safe=PCHAR)}" if address.owner else Tree.GLOBAL
    return f"{quote(address.auid, safe=PCHAR)}/{tree}/{quote(address.path, safe=PATH)}"


def _usages(collection: Collection, usages: Mapping[str, Usage]) -> Iterable[Usage]:
    if collection.auid is not None:
        return (usages[collection.auid],)
    return (usage for usage in usages.values() if usage.shares is None)


def _path_in(usage: Usage, key: DocumentKey) -> str | None:
    """The path of `key` in `usage`, None when it is not one of its documents."""
    path = usage.name_of(key.auid, key.path)
    return path if path is not None and usage.is_name(path) else None

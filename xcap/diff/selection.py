"""The resources that a URI of the list selects (RFC 5875 §4.1, §4.4). Pure.

A URI is absolute or relative to the XCAP root. It names a document, an element or attribute
of one, or, ending in a slash, a collection with all documents below it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from xcap.errors import BadRequest, NotFound
from xcap.nodes.evaluate import Resolved, resolve
from xcap.uri import SEPARATOR, Tree, XcapUri, decode, origin_form, parse
from xcap.usage import Usage

SCHEMES: Final = ("http://", "https://")
HERE: Final = "./"


@dataclass(frozen=True, slots=True)
class DocumentSelection:
    """One document."""

    sel: str
    """The URI octet by octet (RFC 5875 §4.6)."""
    uri: XcapUri


@dataclass(frozen=True, slots=True)
class NodeSelection:
    """One element or attribute."""

    sel: str
    """As in `DocumentSelection`."""
    uri: XcapUri
    """Of the document."""
    node: Resolved


@dataclass(frozen=True, slots=True)
class Collection:
    """All documents below a directory."""

    prefix: str
    """The directory relative to the root as the watcher wrote it: "" or ending in a slash."""
    auid: str | None = None
    """None for all application usages."""
    tree: Tree | None = None
    """None for both."""
    xui: str = ""
    """Decoded; empty for every user there is."""
    directory: str = ""
    """Below the home directory or global tree, decoded: "" or ending in a slash."""

    @property
    def is_home(self) -> bool:
        """Whether all that it holds is below one home directory, or the global tree."""
        return self.tree is Tree.GLOBAL or bool(self.xui)


Selection = DocumentSelection | NodeSelection | Collection


def select(uri: str, root: str, usages: Mapping[str, Usage]) -> Selection | None:
    """What `uri` selects below `root` ("/xcap-root"); None for what can never be there.

    That is no error (RFC 5875 §4.7): another server's root, an application usage that is unknown.
    Raises BadRequest for a URI that is none, a prefix without binding, and namespaces.
    """
    try:
        below = _below(uri, root)
        path = below.partition("?")[0]
        if path.endswith("/") or not path:
            return _collection(path, usages)
        return _resource(uri, parse(f"{root}/{below}", root), usages)
    except NotFound:
        return None


def _below(uri: str, root: str) -> str:
    """`uri` relative to the root. Raises NotFound when it leads elsewhere (RFC 3986 §5.2)."""
    if uri.startswith("/") or uri.lower().startswith(SCHEMES):
        target = origin_form(uri)
        if not target.startswith(root + "/"):
            raise NotFound("not below the XCAP root")
        return target[len(root) + 1 :]
    return uri.removeprefix(HERE)


def _resource(
    sel: str, uri: XcapUri, usages: Mapping[str, Usage]
) -> DocumentSelection | NodeSelection:
    usage = usages.get(uri.auid)
    if usage is None or not uri.path:
        raise NotFound("no such application usage")
    if uri.node_selector is None:
        return DocumentSelection(sel, uri)
    node = resolve(uri.node_selector, uri.query, usage.default_namespace)
    if node.namespaces:
        raise BadRequest("namespaces cannot be followed")
    return NodeSelection(sel, replace(uri, node_selector=None, query=""), node)


def _collection(path: str, usages: Mapping[str, Usage]) -> Collection:
    parts = [decode(part) for part in path.split("/")[:-1]]
    if not all(parts) or {".", "..", SEPARATOR} & set(parts):
        raise BadRequest("this is no collection")
    if parts and parts[0] not in usages:
        raise NotFound("no such application usage")
    match parts:
        case []:
            return Collection(path)
        case [auid]:
            return Collection(path, auid)
        case [auid, Tree.GLOBAL, *below]:
            return Collection(path, auid, Tree.GLOBAL, directory=_directory(below))
        case [auid, Tree.USERS]:
            return Collection(path, auid, Tree.USERS)
        case [auid, Tree.USERS, xui, *below]:
            return Collection(path, auid, Tree.USERS, xui, _directory(below))
    raise NotFound("there are only the trees users and global")


def _directory(below: list[str]) -> str:
    return "".join(f"{part}/" for part in below)

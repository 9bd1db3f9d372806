"""The methods that a resource knows (RFC 4825 §8.1, RFC 9110 §10.2.1). Pure."""

from typing import Final

from xcap.uri import XcapUri
from xcap.usage import Usage

READ_ONLY: Final = ("GET", "HEAD", "OPTIONS")
READ_WRITE: Final = ("GET", "HEAD", "PUT", "DELETE", "OPTIONS")
POST_ONLY: Final = ("POST", "OPTIONS")

NAMESPACES: Final = "namespace::*"
"""The last step of a node selector for the namespaces in scope (RFC 4825 §6.3)."""


def methods(uri: XcapUri, usage: Usage) -> tuple[str, ...]:
    """What may be done, by those who may, with the resource at `uri`.

    Namespaces in scope are read only (§8.2, §8.4), and so is what the server computes.
    """
    if usage.post is not None and not uri.path:
        return POST_ONLY
    if usage.computes(uri.tree, uri.path) or selects_namespaces(uri.node_selector):
        return READ_ONLY
    return READ_WRITE


def selects_namespaces(node_selector: str | None) -> bool:
    """Whether it ends in "namespace::*"; nothing else in its grammar can end so."""
    return node_selector is not None and node_selector.rpartition("/")[2] == NAMESPACES

"""What the server can do, made of what it knows (RFC 4825 §12). Pure.

The document lists the usages that are enabled, the operator's own among them, and the
namespaces that are validated, each of which a usage brings with its schema.
"""

from collections.abc import Iterable, Sequence
from typing import Final
from xml.sax.saxutils import escape

from xcap.computed import Asked, Computed, Offered, Sources, all_computed, computed
from xcap.uri import Tree
from xcap.usage import Usage

NAMESPACE: Final = "urn:ietf:params:xml:ns:xcap-caps"
DOCUMENT: Final = "index"


def capabilities(usages: Iterable[Offered]) -> bytes:
    """The document of a server with `usages`, among which is this one."""
    known = tuple(usages)
    namespaces = {namespace for usage in known for namespace in usage.namespaces}
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<xcap-caps xmlns="{NAMESPACE}">\n'
        f"{_listed('auids', 'auid', [usage.auid for usage in known])}"
        f"{_listed('extensions', 'extension', ())}"
        f"{_listed('namespaces', 'namespace', sorted(namespaces))}"
        "</xcap-caps>\n"
    ).encode()


async def compute(asked: Asked, sources: Sources) -> Computed | None:
    """The one document there is, in the global tree."""
    if asked.tree is not Tree.GLOBAL or asked.path != DOCUMENT:
        return None
    return computed(capabilities(sources.usages.values()))


def _listed(group: str, item: str, values: Sequence[str]) -> str:
    lines = "".join(f"  <{item}>{escape(value)}</{item}>\n" for value in values)
    return f" <{group}>\n{lines} </{group}>\n"


USAGE: Final = Usage(
    auid="xcap-caps",
    media_type="application/xcap-caps+xml",
    default_namespace=NAMESPACE,
    schema="xcap-caps",
    root=f"{{{NAMESPACE}}}xcap-caps",
    computes=all_computed,
    compute=compute,
)

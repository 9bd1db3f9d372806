"""The capabilities document, made of what the server knows (RFC 4825 §12). Pure."""

from collections.abc import Iterable, Sequence
from typing import Final
from xml.sax.saxutils import escape

from xcap.usage import Usage

AUID: Final = "xcap-caps"
MEDIA_TYPE: Final = "application/xcap-caps+xml"
NAMESPACE: Final = "urn:ietf:params:xml:ns:xcap-caps"
DOCUMENT: Final = "index"


def capabilities(usages: Iterable[Usage]) -> bytes:
    """The xcap-caps document of a server with `usages`, which need not hold xcap-caps itself."""
    known = tuple(usages)
    namespaces = {name for usage in known for name in usage.namespaces}
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<xcap-caps xmlns="{NAMESPACE}">\n'
        f"{_listed('auids', 'auid', [AUID, *(usage.auid for usage in known)])}"
        f"{_listed('extensions', 'extension', ())}"
        f"{_listed('namespaces', 'namespace', [NAMESPACE, *sorted(namespaces)])}"
        "</xcap-caps>\n"
    ).encode()


def _listed(group: str, item: str, values: Sequence[str]) -> str:
    lines = "".join(f"  <{item}>{escape(value)}</{item}>\n" for value in values)
    return f" <{group}>\n{lines} </{group}>\n"

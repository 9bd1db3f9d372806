"""Where in a document something is, as a node selector (RFC 4825 §6.3, §11.1). Pure."""

from collections.abc import Mapping
from urllib.parse import quote

from lxml import etree

from xcap.uri import PCHAR


def field_of(
    element: etree._Element, attribute: str, default_namespace: str, prefixes: Mapping[str, str]
) -> str:
    """A relative URI that selects `attribute` of `element`, percent-encoded.

    `prefixes` maps namespaces other than the default one to the prefixes to use; those
    used are bound in the query component.
    """
    steps = [f"@{attribute}"]
    used: set[str] = set()
    node: etree._Element | None = element
    while node is not None:
        name = etree.QName(node)
        prefix = ""
        if name.namespace != default_namespace:
            prefix = prefixes[str(name.namespace)] + ":"
            used.add(str(name.namespace))
        steps.append(f"{prefix}{name.localname}{_position(node)}")
        node = node.getparent()
    path = "/".join(quote(step, safe=PCHAR) for step in reversed(steps))
    query = "".join(f"xmlns({prefixes[namespace]}={namespace})" for namespace in sorted(used))
    return f"{path}?{query}" if query else path


def _position(element: etree._Element) -> str:
    """The predicate that tells `element` from siblings of its name; none when it is alone."""
    parent = element.getparent()
    if parent is None or next(parent.iterchildren(element.tag), None) is None:
        return ""
    same = list(parent.iterchildren(element.tag))
    return f"[{same.index(element) + 1}]" if len(same) > 1 else ""

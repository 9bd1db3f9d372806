"""Where in a document something is, as a node selector (RFC 4825 §6.3, §11.1). Pure."""

from collections.abc import Mapping
from urllib.parse import quote

from lxml import etree

from xcap.nodes.bindings import print_bindings
from xcap.nodes.selector import Name, NodeSelector, Step, encode_selector
from xcap.uri import QUERY_CHARS


def field_of(
    element: etree._Element, attribute: str, default_namespace: str, prefixes: Mapping[str, str]
) -> str:
    """A relative URI that selects `attribute` of `element`, percent-encoded.

    `prefixes` maps namespaces other than the default one to the prefixes to use; those
    used are bound in the query component.
    """
    steps: list[Step] = []
    bindings: dict[str, str] = {}
    node: etree._Element | None = element
    while node is not None:
        name = etree.QName(node)
        prefix = ""
        if name.namespace != default_namespace:
            prefix = prefixes[str(name.namespace)]
            bindings[prefix] = str(name.namespace)
        steps.append(Step(Name(prefix, name.localname), _position(node)))
        node = node.getparent()
    path = encode_selector(NodeSelector(tuple(reversed(steps)), Name("", attribute)))
    query = quote(print_bindings(dict(sorted(bindings.items()))), safe=QUERY_CHARS)
    return f"{path}?{query}" if query else path


def _position(element: etree._Element) -> int | None:
    """The position that tells `element` from siblings of its name; none when it is alone."""
    parent = element.getparent()
    if parent is None:
        return None
    same = list(parent.iterchildren(element.tag))
    return same.index(element) + 1 if len(same) > 1 else None

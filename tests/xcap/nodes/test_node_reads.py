"""The namespaces in scope of an element, and media types of nodes (RFC 4825 §10, §15.2)."""

import pytest
from lxml import etree

from xcap.nodes.evaluate import resolve
from xcap.nodes.node import Node, node_media_type, read_node
from xmldoc.parse import parse

EXAMPLE = b"""<?xml version="1.0"?>
<foo xmlns="urn:test:default-namespace">
  <ns1:bar xmlns:ns1="urn:test:namespace1-uri"
           xmlns="urn:test:namespace1-uri">
    <baz/>
    <ns2:baz xmlns:ns2="urn:test:namespace2-uri"/>
  </ns1:bar>
  <ns3:hi xmlns:ns3="urn:test:namespace3-uri">
    <there xmlns=""/>
  </ns3:hi>
</foo>
"""
"""After the example in RFC 4825 §6.4."""
QUERY = (
    "xmlns(a=urn:test:namespace1-uri)xmlns(b=urn:test:namespace2-uri)"
    "xmlns(c=urn:test:namespace3-uri)"
)
DEFAULT = "urn:test:default-namespace"


def read(selector: str) -> Node:
    return read_node(EXAMPLE, parse(EXAMPLE), resolve(selector, QUERY, DEFAULT))


@pytest.mark.parametrize(
    ("selector", "body"),
    [
        ("foo/namespace::*", b'<foo xmlns="urn:test:default-namespace"/>'),
        (
            "foo/a:bar/a:baz/namespace::*",
            b'<baz xmlns="urn:test:namespace1-uri" xmlns:ns1="urn:test:namespace1-uri"/>',
        ),
        (
            "foo/a:bar/b:baz/namespace::*",
            b'<ns2:baz xmlns="urn:test:namespace1-uri" xmlns:ns1="urn:test:namespace1-uri"'
            b' xmlns:ns2="urn:test:namespace2-uri"/>',
        ),
        ("foo/c:hi/*/namespace::*", b'<there xmlns="" xmlns:ns3="urn:test:namespace3-uri"/>'),
    ],
)
def test_all_bindings_in_scope_are_told(selector: str, body: bytes) -> None:
    """RFC 4825 §10: one empty element of the same prefix and name."""
    assert read(selector) == Node("application/xcap-ns+xml", body)


def test_a_namespace_is_escaped() -> None:
    """RFC 4825 §10."""
    document = b"<a xmlns='urn:x?a&amp;b'/>"
    node = read_node(document, parse(document), resolve("*/namespace::*", "", ""))
    assert etree.fromstring(node.body).nsmap == {None: "urn:x?a&b"}


@pytest.mark.parametrize(
    ("selector", "media_type"),
    [
        ("a", "application/xcap-el+xml"),
        ("a/@b", "application/xcap-att+xml"),
        ("a/namespace::*", "application/xcap-ns+xml"),
    ],
)
def test_media_types(selector: str, media_type: str) -> None:
    """RFC 4825 §8.3 and §15.2."""
    assert node_media_type(resolve(selector, "", "")) == media_type


def test_the_second_of_a_name_in_another_namespace() -> None:
    """RFC 4825 §6.4: names are compared expanded."""
    assert read("foo/a:bar/a:baz").body == b"<baz/>"
    assert read("foo/a:bar/*[2]").body == b'<ns2:baz xmlns:ns2="urn:test:namespace2-uri"/>'

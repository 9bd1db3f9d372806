"""RFC 4825 §11.1: the field of a uniqueness failure is a node selector that works."""

import pytest

from xcap.nodes.evaluate import element_at, resolve
from xcap.nodes.field import field_of
from xcap.uri import decode
from xmldoc.parse import parse

PREFIXES = {"urn:(x)": "x", "urn:d": "d"}
ROOT = parse(
    b"""<r xmlns="urn:d" xmlns:x="urn:(x)"><a n="1"/><x:a n="2"/><a n="3"><x:b n="4"/></a></r>"""
)


@pytest.mark.parametrize(
    ("value", "default", "field"),
    [
        pytest.param("1", "urn:d", "r/a%5B1%5D/@n", id="position among siblings of the name"),
        pytest.param("2", "urn:d", "r/x:a/@n?xmlns(x=urn:%5E(x%5E))", id="alone, with a prefix"),
        pytest.param("4", "urn:d", "r/a%5B2%5D/x:b/@n?xmlns(x=urn:%5E(x%5E))", id="deeper"),
        pytest.param("1", "urn:other", "d:r/d:a%5B1%5D/@n?xmlns(d=urn:d)", id="another default"),
    ],
)
def test_a_field_selects_the_attribute(value: str, default: str, field: str) -> None:
    (element,) = [node for node in ROOT.iter() if node.get("n") == value]
    assert field_of(element, "n", default, PREFIXES) == field
    path, _, query = field.partition("?")
    resolved = resolve(decode(path), decode(query), default)
    assert element_at(ROOT, resolved.steps) is element
    assert resolved.attribute == "n"

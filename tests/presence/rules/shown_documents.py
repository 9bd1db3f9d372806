"""Presence documents for tests of the privacy filter, and what is left of them."""

from typing import Final

from lxml import etree

from presence.rules.permissions import Permissions
from presence.rules.transform import transform
from xmldoc.parse import parse
from xmldoc.schema import schema

OPEN: Final = (
    '<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="pres:alice@example.com"'
    ' xmlns:d="urn:ietf:params:xml:ns:pidf:data-model" xmlns:r="urn:ietf:params:xml:ns:pidf:rpid"'
    ' xmlns:c="urn:ietf:params:xml:ns:pidf:cipid" xmlns:gp="urn:ietf:params:xml:ns:pidf:geopriv10"'
    ' xmlns:op="urn:oma:xml:prs:pidf:oma-pres" xmlns:x="urn:vendor-specific:foo-namespace">'
)


def presence(*children: str) -> bytes:
    """A document of these children, valid as a published one is."""
    document = f"{OPEN}{''.join(children)}</presence>".encode()
    assert_valid(document)
    return document


def assert_valid(document: bytes) -> None:
    """Fail unless `document` is valid, also where only the text of RFC 3863 §4.1.3 says so."""
    root = parse(document)
    assert schema("pidf").check(root) is None
    assert all(len(status) for status in root.iter("{urn:ietf:params:xml:ns:pidf}status"))


def shown(document: bytes, permissions: Permissions) -> list[str]:
    """Local names and attributes of what is left below the root, each with those it is in.

    "tuple/contact", "person/user-input@idle-threshold". What is left has to be valid.
    """
    left = transform(document, permissions)
    assert_valid(left)
    return sorted(paths(parse(left)))


def paths(root: etree._Element) -> list[str]:
    """The paths of all elements below `root`, and of their attributes but `id`."""
    found = []
    for element in root.iterdescendants():
        path = "/".join(reversed([local(element), *map(local, list(element.iterancestors())[:-1])]))
        found.append(path)
        names = (etree.QName(str(name)).localname for name in element.attrib if name != "id")
        found += [f"{path}@{name}" for name in names]
    return found


def local(element: etree._Element) -> str:
    return etree.QName(element).localname

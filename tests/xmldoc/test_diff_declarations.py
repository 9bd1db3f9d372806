"""RFC 5261 §4.2.3: what a change of declarations does to an element that is too big to
be replaced lightly."""

import pytest
from lxml import etree

from xmldoc.diff import make_patch
from xmldoc.patch import apply

MANY = "".join(f'<p:x i="{number}">some text here to be long</p:x>' for number in range(30))


def canonical(document: bytes) -> bytes:
    return etree.tostring(etree.fromstring(document), method="c14n", with_comments=True)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(
            f'<p:r xmlns:p="urn:a"><p:e>{MANY}</p:e></p:r>',
            f'<p:r xmlns:p="urn:a"><p:e xmlns="urn:b">{MANY}</p:e></p:r>',
            id="a default namespace cannot be added",
        ),
        pytest.param(
            f'<p:r xmlns:p="urn:a"><p:e xmlns:q="urn:b">{MANY}<q:z/></p:e></p:r>',
            f'<p:r xmlns:p="urn:a" xmlns:q="urn:c"><p:e>{MANY}<q:z/></p:e></p:r>',
            id="a prefix goes that means something else around",
        ),
        pytest.param(
            f'<p:r xmlns:p="urn:a"><p:e>{MANY}<z xmlns="urn:q"/></p:e></p:r>',
            f'<p:r xmlns:p="urn:a" xmlns:q="urn:c"><p:e xmlns:q="urn:b">{MANY}<q:z/></p:e></p:r>',
            id="a prefix comes twice",
        ),
    ],
)
def test_a_declaration_that_cannot_change_is_no_wrong_patch(old: str, new: str) -> None:
    """RFC 5261 §4.2.3: either no patch, or one that makes the new document."""
    patch = make_patch(old.encode(), new.encode())
    assert patch is None or canonical(apply(old.encode(), patch)) == canonical(new.encode())

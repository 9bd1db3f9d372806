"""RFC 5261 §5: the document that says why a patch failed."""

import pytest
from lxml import etree

from xmldoc import patch_errors
from xmldoc.patch import apply_diff
from xmldoc.patch_errors import NAMESPACE, PatchError, UnlocatedNode, render

ERRORS = [
    error
    for error in vars(patch_errors).values()
    if isinstance(error, type) and issubclass(error, PatchError) and error is not PatchError
]


def test_every_error_of_the_standard_has_a_class() -> None:
    """RFC 5261 §5.1."""
    assert {error.element for error in ERRORS} == {
        "invalid-attribute-value",
        "invalid-character-set",
        "invalid-diff-format",
        "invalid-entity-declaration",
        "invalid-namespace-prefix",
        "invalid-namespace-uri",
        "invalid-node-types",
        "invalid-patch-directive",
        "invalid-root-element-operation",
        "invalid-xml-prolog-operation",
        "invalid-whitespace-directive",
        "unlocated-node",
        "unsupported-id-function",
        "unsupported-xml-id",
    }


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.element)
def test_the_document_names_the_error_and_has_a_phrase(error: type[PatchError]) -> None:
    root = etree.fromstring(render(error('<"&>')))
    assert root.tag == f"{{{NAMESPACE}}}patch-ops-error"
    assert [child.tag for child in root] == [f"{{{NAMESPACE}}}{error.element}"]
    assert root[0].get("phrase") == '<"&>'


def test_the_document_holds_the_operation_that_failed_with_its_namespaces() -> None:
    """RFC 5261 §5.1: most error elements contain it."""
    diff = b"""<p:diff xmlns:p="urn:d" xmlns="urn:x" xmlns:y="urn:y">
      <p:remove sel="doc/@a"/><p:add sel="doc/none" pos="after"><y:b>&lt;</y:b></p:add></p:diff>"""
    with pytest.raises(UnlocatedNode) as raised:
        apply_diff(b'<doc xmlns="urn:x" a=""/>', diff)
    (operation,) = etree.fromstring(render(raised.value))[0]
    assert operation.tag == "{urn:d}add"
    assert operation.items() == [("sel", "doc/none"), ("pos", "after")]
    assert operation.nsmap[None] == "urn:x"
    assert [(child.tag, child.text) for child in operation] == [("{urn:y}b", "<")]

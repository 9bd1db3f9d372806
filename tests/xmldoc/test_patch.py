"""RFC 5261 §4: what each operation does to a document, and when it is refused."""

import pytest
from lxml import etree

from xmldoc.errors import NotWellFormed
from xmldoc.patch import MAX_OPERATIONS, apply, apply_diff
from xmldoc.patch_errors import (
    InvalidAttributeValue,
    InvalidCharacterSet,
    InvalidDiffFormat,
    InvalidEntityDeclaration,
    InvalidNamespacePrefix,
    InvalidNamespaceUri,
    InvalidNodeTypes,
    InvalidPatchDirective,
    InvalidRootElementOperation,
    InvalidWhitespaceDirective,
    InvalidXmlPrologOperation,
    PatchError,
    UnlocatedNode,
    UnsupportedIdFunction,
)


def canonical(document: str | bytes) -> bytes:
    return etree.tostring(etree.fromstring(document).getroottree(), method="c14n")


def check(document: str, operation: str, expected: str) -> None:
    assert canonical(apply(document.encode(), [operation.encode()])) == canonical(expected)


DOC = """<doc>
  <note>This is a sample document</note>
<foo id="ert4773">This is a new child</foo></doc>"""
FOO = """<doc>
  <foo a="1">This is a sample document</foo>
  {}
</doc>"""


@pytest.mark.parametrize(
    ("document", "operation", "expected"),
    [
        pytest.param(
            "<doc>\n  <note>x</note>\n</doc>",
            '<add sel="doc"><foo id="ert4773">This is a new child</foo></add>',
            '<doc>\n  <note>x</note>\n<foo id="ert4773">This is a new child</foo></doc>',
            id="A.1 element",
        ),
        pytest.param(
            DOC,
            """<add sel="doc/foo[@id='ert4773']" type="@user">Bob</add>""",
            DOC.replace('"ert4773"', '"ert4773" user="Bob"'),
            id="A.2 attribute",
        ),
        pytest.param(
            DOC,
            '<add sel="doc" type="namespace::pref">urn:ns:xxx</add>',
            DOC.replace("<doc>", '<doc xmlns:pref="urn:ns:xxx">'),
            id="A.3 declaration",
        ),
        pytest.param(
            DOC,
            """<add sel="doc/foo[@id='ert4773']" pos="before"><!-- comment --></add>""",
            DOC.replace("<foo", "<!-- comment --><foo"),
            id="A.4 comment before",
        ),
        pytest.param(
            "<doc>\n  <note>x</note>\n</doc>",
            '<add sel="doc">\n  <foo id="e">y</foo></add>',
            '<doc>\n  <note>x</note>\n\n  <foo id="e">y</foo></doc>',
            id="A.5 several nodes",
        ),
        pytest.param(
            "<r><a/>one<b/>two<c/></r>",
            '<add sel="*/text()[2]" pos="after">new<bar/>elem</add>',
            "<r><a/>one<b/>twonew<bar/>elem<c/></r>",
            id="4.3.5 texts become one after",
        ),
        pytest.param(
            "<r><a/>one<b/>two<c/></r>",
            '<add sel="*/text()[2]" pos="before">new<bar/>elem</add>',
            "<r><a/>one<b/>new<bar/>elemtwo<c/></r>",
            id="4.3.5 texts become one before",
        ),
        pytest.param(
            "<r>t<a/></r>",
            '<add sel="r" pos="prepend"><b/>s</add>',
            "<r><b/>st<a/></r>",
            id="4.3 prepend",
        ),
        pytest.param(
            "<r><a/><b/></r>",
            '<add sel="r/a" pos="after"><?x y?><!--c--></add>',
            "<r><a/><?x y?><!--c--><b/></r>",
            id="4.3 after",
        ),
        pytest.param(
            "<!--a--><r/>",
            '<add sel="comment()[1]" pos="after"> <?x y?>\n</add>',
            "<!--a--><?x y?><r/>",
            id="3 beside the root",
        ),
        pytest.param(
            '<r a="1"/>',
            '<add sel="r" type="@b"/>',
            '<r a="1" b=""/>',
            id="4.3.2 empty attribute",
        ),
        pytest.param(
            "<r/>",
            '<add sel="r" type="@xml:lang">en</add>',
            '<r xml:lang="en"/>',
            id="4.3.2 xml prefix",
        ),
    ],
)
def test_adding(document: str, operation: str, expected: str) -> None:
    """RFC 5261 §4.3."""
    check(document, operation, expected)


@pytest.mark.parametrize(
    ("document", "operation", "expected"),
    [
        pytest.param(
            '<doc>\n  <foo a="1">x</foo>\n</doc>',
            """<replace sel="doc/foo[@a='1']"><bar a="2"/></replace>""",
            '<doc>\n  <bar a="2"/>\n</doc>',
            id="A.6 element",
        ),
        pytest.param(
            '<doc a="test"/>',
            '<replace sel="doc/@a">new value</replace>',
            '<doc a="new value"/>',
            id="A.7 attribute",
        ),
        pytest.param(
            '<doc a="test"/>', '<replace sel="doc/@a"/>', '<doc a=""/>', id="4.4.2 by nothing"
        ),
        pytest.param(
            '<doc xmlns:pref="urn:test"><foo/></doc>',
            '<replace sel="doc/namespace::pref">urn:new:xxx</replace>',
            '<doc xmlns:pref="urn:new:xxx"><foo/></doc>',
            id="A.8 declaration",
        ),
        pytest.param(
            '<doc xmlns:p="urn:a"><p:x p:y="1"><p:x xmlns:p="urn:c"/></p:x></doc>',
            '<replace sel="doc/namespace::p">urn:b</replace>',
            '<doc xmlns:p="urn:b"><p:x p:y="1"><p:x xmlns:p="urn:c"/></p:x></doc>',
            id="4.4.3 with what uses it",
        ),
        pytest.param(
            FOO.format("<!-- comment -->"),
            '<replace sel="doc/comment()[1]"><!-- This is the new content\n --></replace>',
            FOO.format("<!-- This is the new content\n -->"),
            id="A.9 comment",
        ),
        pytest.param(
            FOO.format('<?test foo="bar"?>'),
            """<replace sel='doc/processing-instruction("test")'><?test bar="f"?></replace>""",
            FOO.format('<?test bar="f"?>'),
            id="A.10 instruction",
        ),
        pytest.param(
            '<doc><foo a="1">old</foo></doc>',
            '<replace sel="doc/foo/text()[1]">This is the new text content</replace>',
            '<doc><foo a="1">This is the new text content</foo></doc>',
            id="A.11 text",
        ),
        pytest.param(
            "<doc>a<b/>c</doc>",
            '<replace sel="doc/text()[2]"/>',
            "<doc>a<b/></doc>",
            id="4.4.6 text by nothing",
        ),
        pytest.param(
            "<doc><b/></doc>", '<replace sel="*"><e/></replace>', "<e/>", id="4.4.1 root element"
        ),
    ],
)
def test_replacing(document: str, operation: str, expected: str) -> None:
    """RFC 5261 §4.4."""
    check(document, operation, expected)


@pytest.mark.parametrize(
    ("document", "operation", "expected"),
    [
        pytest.param(
            '<doc>\n  <foo a="1">x</foo>\n</doc>',
            """<remove sel="doc/foo[@a='1']" ws="after"/>""",
            "<doc>\n  </doc>",
            id="A.12 element",
        ),
        pytest.param(
            '<doc a="foo"><foo a="1"/></doc>',
            '<remove sel="doc/@a"/>',
            '<doc><foo a="1"/></doc>',
            id="A.13 attribute",
        ),
        pytest.param(
            '<doc><foo xmlns:pref="urn:test">x</foo></doc>',
            '<remove sel="doc/foo/namespace::pref"/>',
            "<doc><foo>x</foo></doc>",
            id="A.14 declaration",
        ),
        pytest.param(
            "<doc>\n  <foo/>\n  <!-- c -->\n</doc>",
            '<remove sel="doc/comment()[1]" ws="after"/>',
            "<doc>\n  <foo/>\n  </doc>",
            id="A.15 comment",
        ),
        pytest.param(
            "<doc><foo/> <?test?>\n</doc>",
            """<remove sel='doc/processing-instruction("test")'/>""",
            "<doc><foo/> \n</doc>",
            id="A.16 instruction",
        ),
        pytest.param(
            '<doc><foo a="1">x</foo></doc>',
            '<remove sel="doc/foo/text()[1]"/>',
            '<doc><foo a="1"/></doc>',
            id="A.17 text",
        ),
        pytest.param(
            "<r> <a/> <b/></r>", '<remove sel="r/a" ws="before"/>', "<r> <b/></r>", id="ws before"
        ),
        pytest.param(
            "<r> <a/> <b/></r>", '<remove sel="r/a" ws="both"/>', "<r><b/></r>", id="ws both"
        ),
        pytest.param(
            "<r>one<a/>two<b/></r>",
            '<add sel="r/a" pos="before"/>',
            "<r>one<a/>two<b/></r>",
            id="nothing",
        ),
        pytest.param(
            "<!--a--><r/><!--b-->", '<remove sel="comment()[2]"/>', "<!--a--><r/>", id="epilog"
        ),
    ],
)
def test_removing(document: str, operation: str, expected: str) -> None:
    """RFC 5261 §4.5."""
    check(document, operation, expected)


def test_texts_beside_a_removed_node_become_one() -> None:
    """RFC 5261 §4.5.6: so that the next operation finds one text."""
    operations = [b'<remove sel="r/a"/>', b'<replace sel="r/text()[1]">x</replace>']
    assert canonical(apply(b"<r>one<a/>two<b/></r>", operations)) == b"<r>x<b></b></r>"


SELECTED = """<r xmlns:p="urn:p" n="0"><a n="1">x</a><a n="2">y</a><a n="2" m="3"><b>z</b></a>
<p:a p:n="5"/><c><d>1</d></c><c><d>2</d></c><e>'</e></r>"""


@pytest.mark.parametrize(
    ("sel", "marked"),
    [
        pytest.param("/r", "r", id="a slash at the start"),
        pytest.param("*", "r", id="any"),
        pytest.param("r/a[1]", "a", id="position"),
        pytest.param("r/*[4]", "p:a", id="any by position"),
        pytest.param("r/q:a", "p:a", id="prefix of the difference"),
        pytest.param("r/a[@n='2'][1]", "a", id="attribute, then position"),
        pytest.param("r/a[@n='2'][@m=\"3\"]", "a", id="two attributes"),
        pytest.param("r/*[@q:n='5']", "p:a", id="attribute with prefix"),
        pytest.param("r/a[.='y']", "a", id="string value"),
        pytest.param("r/a[b='z']", "a", id="value of a child"),
        pytest.param("r/a[3][b='z']", "a", id="position, then value"),
        pytest.param("r/c/d[.='2']", "d", id="one of several in several parents"),
        pytest.param('r/e[.="\'"]', "e", id="apostrophe in quotes"),
    ],
)
def test_selecting(sel: str, marked: str) -> None:
    """RFC 5261 §4.1, §4.2.1."""
    sel = sel.replace("&", "&amp;").replace('"', "&quot;")
    operation = f'<add xmlns:q="urn:p" sel="{sel}" type="@mark">!</add>'
    root = etree.fromstring(apply(SELECTED.encode(), [operation.encode()]))
    (found,) = [element for element in root.iter() if element.get("mark")]
    assert (f"{found.prefix}:" if found.prefix else "") + etree.QName(found).localname == marked


TARGET = '<x:doc xmlns:x="urn:x" xmlns:y="urn:y"><x:a/></x:doc>'


@pytest.mark.parametrize(
    ("target", "operation", "expected"),
    [
        pytest.param(
            TARGET,
            '<d:add xmlns:d="urn:d" xmlns="urn:x" sel="doc/a"><b c="1"/></d:add>',
            TARGET.replace("<x:a/>", '<x:a><x:b c="1"/></x:a>'),
            id="default in the difference, prefix in the target",
        ),
        pytest.param(
            TARGET,
            '<add xmlns:q="urn:y" sel="*/*[1]"><q:b q:c="1"/></add>',
            TARGET.replace("<x:a/>", '<x:a><y:b y:c="1"/></x:a>'),
            id="another prefix",
        ),
        pytest.param(
            '<doc xmlns="urn:x"/>',
            '<add xmlns:q="urn:x" sel="q:doc"><q:b/></add>',
            '<doc xmlns="urn:x"><b/></doc>',
            id="prefix in the difference, default in the target",
        ),
        pytest.param(
            TARGET,
            '<add sel="*"><b xmlns="urn:x"><c/></b></add>',
            TARGET.replace("</x:doc>", '<b xmlns="urn:x"><c/></b></x:doc>'),
            id="declared in the content: as it is",
        ),
        pytest.param(
            TARGET,
            '<add xmlns:n="urn:n" sel="*"><n:b/></add>',
            TARGET.replace("</x:doc>", '<n:b xmlns:n="urn:n"/></x:doc>'),
            id="not declared in the target",
        ),
        pytest.param(
            TARGET,
            '<add xmlns:x="urn:n" sel="*"><x:b/></add>',
            TARGET.replace("</x:doc>", '<x1:b xmlns:x1="urn:n"/></x:doc>'),
            id="nor is the prefix free",
        ),
        pytest.param(
            '<doc xmlns="urn:x"/>',
            '<add xmlns:q="urn:x" sel="q:doc"><b/></add>',
            '<doc xmlns="urn:x"><b xmlns=""/></doc>',
            id="no namespace stays none",
        ),
        pytest.param(
            TARGET,
            '<add xmlns:q="urn:y" sel="*" type="@q:b">1</add>',
            TARGET.replace('"urn:y">', '"urn:y" y:b="1">'),
            id="attribute",
        ),
        pytest.param(
            '<doc xmlns="urn:x"/>',
            '<add xmlns:q="urn:x" sel="q:doc" type="@q:b">1</add>',
            '<doc xmlns="urn:x" xmlns:q="urn:x" q:b="1"/>',
            id="attributes have no default namespace",
        ),
    ],
)
def test_prefixes_are_those_of_the_target(target: str, operation: str, expected: str) -> None:
    """RFC 5261 §4.2.3."""
    check(target, operation, expected)


@pytest.mark.parametrize(
    ("context", "written", "chosen"),
    [
        pytest.param("x", "y", "y", id="the same prefix, if it is one of them"),
        pytest.param("x", "xx", "x", id="then that of the context node"),
        pytest.param("z", "xx", "x", id="then the one just before, alphabetically"),
        pytest.param("z", "yy", "y", id="the last that is not after"),
        pytest.param("z", "a", "x", id="else the first"),
    ],
)
def test_of_several_prefixes_one_is_chosen(context: str, written: str, chosen: str) -> None:
    """RFC 5261 §4.2.3: x and y stand for the same namespace, z for another."""
    declared = 'xmlns:x="urn:x" xmlns:y="urn:x" xmlns:z="urn:z"'
    check(
        f"<{context}:doc {declared}/>",
        f'<add xmlns:{written}="urn:x" sel="*"><{written}:b/></add>',
        f"<{context}:doc {declared}><{chosen}:b/></{context}:doc>",
    )


def test_a_default_namespace_is_the_first_of_the_prefixes() -> None:
    """RFC 5261 §4.2.3."""
    check(
        '<z:doc xmlns="urn:x" xmlns:x="urn:x" xmlns:z="urn:z"/>',
        '<add xmlns:a="urn:x" sel="*"><a:b/></add>',
        '<z:doc xmlns="urn:x" xmlns:x="urn:x" xmlns:z="urn:z"><b/></z:doc>',
    )


def test_the_example_of_the_standard_with_several_patches() -> None:
    """RFC 5261 §A.18: one after the other, with prefixes of the difference."""
    document = """<doc xmlns="urn:ietf:params:xml:ns:xxx" xmlns:z="urn:ietf:params:xml:ns:yyy">
  <note>This is a sample document</note>
  <elem a="foo">
    <child/>
  </elem>
  <elem a="bar">
    <z:child/>
  </elem>
</doc>"""
    diff = """<p:diff xmlns="urn:ietf:params:xml:ns:xxx" xmlns:y="urn:ietf:params:xml:ns:yyy"
        xmlns:p="urn:ietf:params:xml:ns:diff">
  <p:add sel="doc/elem[@a='foo']">  <!-- This is a new child -->
    <child id="ert4773">
      <y:node/>
    </child>
  </p:add>
  <p:replace sel="doc/note/text()">Patched doc</p:replace>
  <p:remove sel="*/elem[@a='bar']/y:child" ws="both"/>
  <p:add sel="*/elem[@a='bar']" type="@b">new attr</p:add>
  <extension xmlns="urn:other"/>
</p:diff>"""
    expected = """<doc xmlns="urn:ietf:params:xml:ns:xxx" xmlns:z="urn:ietf:params:xml:ns:yyy">
  <note>Patched doc</note>
  <elem a="foo">
    <child/>
    <!-- This is a new child -->
    <child id="ert4773">
      <z:node/>
    </child>
  </elem>
  <elem a="bar" b="new attr"/>
</doc>"""
    assert canonical(apply_diff(document.encode(), diff.encode())) == canonical(expected)


REFUSED = '<!--c--><r xmlns:p="urn:p" a="1"> <p:b/>t<e xmlns:q="urn:q"/><!--d--></r>'


@pytest.mark.parametrize(
    ("operation", "error"),
    [
        pytest.param('<add sel="r/x"/>', UnlocatedNode, id="no such element"),
        pytest.param('<add sel="r/*"/>', UnlocatedNode, id="several elements"),
        pytest.param('<add sel="r/*[0]"/>', UnlocatedNode, id="no position"),
        pytest.param('<remove sel="r/@x"/>', UnlocatedNode, id="no such attribute"),
        pytest.param('<remove sel="@a"/>', UnlocatedNode, id="attribute of the document"),
        pytest.param('<remove sel="r/text()"/>', UnlocatedNode, id="several texts"),
        pytest.param('<remove sel="r/text()[3]"/>', UnlocatedNode, id="no such text"),
        pytest.param("""<add sel="id('x')"/>""", UnsupportedIdFunction, id="id()"),
        pytest.param('<add sel="r/z:x"/>', InvalidNamespacePrefix, id="prefix in a step"),
        pytest.param('<add sel="r" type="@z:x"/>', InvalidNamespacePrefix, id="prefix in type"),
        pytest.param('<add sel=""/>', InvalidAttributeValue, id="empty selector"),
        pytest.param('<add sel="r//e"/>', InvalidAttributeValue, id="doubled slash"),
        pytest.param('<add sel="//e"/>', InvalidAttributeValue, id="descendants"),
        pytest.param('<add sel="r/e[last()]"/>', InvalidAttributeValue, id="function"),
        pytest.param('<add sel="r/.."/>', InvalidAttributeValue, id="parent"),
        pytest.param('<add sel="r/text()/e"/>', InvalidAttributeValue, id="below a text"),
        pytest.param(f'<add sel="{"*/" * 99}*"/>', InvalidAttributeValue, id="too many steps"),
        pytest.param('<add sel="r/@a">x</add>', InvalidAttributeValue, id="add to an attribute"),
        pytest.param('<add sel="r" pos="in"/>', InvalidAttributeValue, id="pos"),
        pytest.param('<add sel="r" type="a"/>', InvalidAttributeValue, id="type"),
        pytest.param(
            '<add sel="r" type="@b" pos="after"/>', InvalidAttributeValue, id="type and pos"
        ),
        pytest.param('<remove sel="r/e" ws="all"/>', InvalidAttributeValue, id="ws"),
        pytest.param(
            '<remove sel="r/@a" ws="after"/>', InvalidAttributeValue, id="ws for an attribute"
        ),
        pytest.param(
            '<remove sel="r/text()[1]" ws="after"/>', InvalidAttributeValue, id="ws for a text"
        ),
        pytest.param("<add/>", InvalidDiffFormat, id="no sel"),
        pytest.param('<add sel="r">', InvalidDiffFormat, id="not well-formed"),
        pytest.param("<z:add/>", InvalidDiffFormat, id="namespaces not well-formed"),
        pytest.param('<!DOCTYPE a><add sel="r"/>', InvalidDiffFormat, id="document type"),
        pytest.param(
            '<add sel="r">&x;</add>', InvalidEntityDeclaration, id="entity that is not declared"
        ),
        pytest.param(
            '<?xml version="1.0" encoding="latin-1"?><add sel="r"/>',
            InvalidCharacterSet,
            id="another encoding",
        ),
        pytest.param('<move sel="r"/>', InvalidPatchDirective, id="unknown operation"),
        pytest.param(
            '<add sel="r" type="@a">2</add>', InvalidPatchDirective, id="attribute that is there"
        ),
        pytest.param(
            '<add sel="r/comment()[1]">x</add>', InvalidPatchDirective, id="into a comment"
        ),
        pytest.param(
            '<add sel="r" type="namespace::p">urn:o</add>',
            InvalidNamespacePrefix,
            id="declared already",
        ),
        pytest.param(
            '<add xmlns:p="urn:p" sel="r/p:b" type="namespace::p">urn:o</add>',
            InvalidNamespacePrefix,
            id="used for another namespace",
        ),
        pytest.param(
            '<remove sel="r/namespace::p"/>', InvalidNamespacePrefix, id="declaration in use"
        ),
        pytest.param(
            '<remove sel="r/e/namespace::p"/>', InvalidNamespaceUri, id="declared further up"
        ),
        pytest.param(
            '<replace sel="r/namespace::z">urn:o</replace>', InvalidNamespaceUri, id="not declared"
        ),
        pytest.param(
            '<add sel="r" type="namespace::z"/>', InvalidNamespaceUri, id="no namespace to declare"
        ),
        pytest.param(
            '<add sel="r" type="namespace::xml">urn:o</add>', InvalidNamespaceUri, id="reserved"
        ),
        pytest.param('<replace sel="r/e">x</replace>', InvalidNodeTypes, id="an element by a text"),
        pytest.param(
            '<replace sel="r/e"><a/><b/></replace>', InvalidNodeTypes, id="one by two elements"
        ),
        pytest.param('<replace sel="r/e"/>', InvalidNodeTypes, id="an element by nothing"),
        pytest.param(
            '<replace sel="r/comment()[1]"><?x?></replace>',
            InvalidNodeTypes,
            id="a comment by a PI",
        ),
        pytest.param(
            '<replace sel="r/@a"><b/></replace>', InvalidNodeTypes, id="an attribute by an element"
        ),
        pytest.param('<remove sel="r"/>', InvalidRootElementOperation, id="remove the root"),
        pytest.param(
            '<add sel="r" pos="after"><s/></add>', InvalidRootElementOperation, id="second root"
        ),
        pytest.param(
            '<add sel="r" pos="before">text</add>',
            InvalidXmlPrologOperation,
            id="text in the prolog",
        ),
        pytest.param(
            '<remove sel="r/e" ws="before"/>', InvalidWhitespaceDirective, id="text, not space"
        ),
        pytest.param(
            '<remove sel="r/e" ws="after"/>', InvalidWhitespaceDirective, id="a comment is after it"
        ),
        pytest.param(
            '<remove sel="comment()" ws="before"/>', InvalidWhitespaceDirective, id="nothing before"
        ),
    ],
)
def test_what_cannot_be_fulfilled_is_an_error(operation: str, error: type[PatchError]) -> None:
    """RFC 5261 §5.1, and §3 for what is beside the root element."""
    with pytest.raises(PatchError) as raised:
        apply(REFUSED.encode(), [operation.encode()])
    assert type(raised.value) is error


def test_a_document_that_cannot_be_read_is_no_fault_of_the_patch() -> None:
    with pytest.raises(NotWellFormed):
        apply(b"<r", [b'<add sel="r"/>'])


def test_too_many_operations_are_refused() -> None:
    operations = [b'<add sel="r"/>'] * MAX_OPERATIONS
    assert apply(b"<r/>", operations)
    with pytest.raises(InvalidDiffFormat):
        apply(b"<r/>", [*operations, b'<add sel="r"/>'])


def test_what_is_added_again_and_again_stays_shallow_enough_to_write() -> None:
    """A selector has a bounded number of steps, so nothing is added below that."""
    deep = b"<a>" * 60 + b"</a>" * 60
    operations = [b'<add sel="' + b"/".join([b"*"] * 60) + b'">' + deep + b"</add>"]
    assert apply(deep, operations).count(b"<a") == 120

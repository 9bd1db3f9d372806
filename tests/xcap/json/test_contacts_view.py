"""Contacts and lists as JSON, and back as elements (RFC 4826 §3, XCP-20)."""

import json
from typing import Any

import pytest

from sip.uri import AoR
from xcap.errors import BadRequest, ConstraintFailure, NotFound
from xcap.json import contacts as view
from xcap.nodes.evaluate import resolve
from xcap.nodes.node import put_node
from xcap.uri import Tree
from xcap.usage import Place
from xcap.usages.resource_lists import NAMESPACE, USAGE
from xmldoc.parse import parse

PLACE = Place(Tree.USERS, AoR("sip:alice@example.com"), "example.com")
DOCUMENT = b"""<?xml version="1.0"?>
<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists" xmlns:x="urn:x">
 <list name="friends">
  <display-name>Friends</display-name>
  <!-- the first -->
  <entry uri="sip:bob@example.com"><display-name>Bob</display-name></entry>
  <entry uri="sip:carol@example.com"/>
  <list name="close"><entry uri="sip:dave@example.com" ></entry></list>
  <entry-ref ref="resource-lists/users/sip:a@example.com/index/~~/x"/>
  <external anchor="http://example.com/list"/>
 </list>
 <list name="work"><entry uri="sip:bob@example.com"><x:vip/></entry></list>
 <list><entry uri="sip:eve@example.com"/></list>
</resource-lists>
"""
PREFIXED = b"""<r:resource-lists xmlns:r="urn:ietf:params:xml:ns:resource-lists" xmlns="urn:x"
 ><r:list name="work"/></r:resource-lists>"""


def contact(uri: str, name: str | None = None) -> dict[str, Any]:
    return {"uri": uri, "display_name": name}


def put_list(document: bytes, name: str, values: dict[str, Any]) -> bytes:
    """The document after a list was put; it is valid."""
    element = view.list_element(document, parse(document), values, name)
    selector = str(view.list_selector(name))
    return written(document, selector, element)


def put_contact(document: bytes, list_name: str, uri: str, values: dict[str, Any]) -> bytes:
    element = view.contact_element(document, parse(document), values, list_name, uri)
    return written(document, str(view.contact_selector(list_name, uri)), element)


def written(document: bytes, selector: str, element: bytes) -> bytes:
    body = put_node(document, parse(document), resolve(selector, "", NAMESPACE), element).body
    USAGE.validate(body, PLACE)
    return body


def test_all_lists() -> None:
    assert view.show_lists(parse(DOCUMENT)) == {
        "lists": [
            {
                "name": "friends",
                "display_name": "Friends",
                "contacts": [
                    contact("sip:bob@example.com", "Bob"),
                    contact("sip:carol@example.com"),
                ],
                "lists": [
                    {
                        "name": "close",
                        "display_name": None,
                        "contacts": [contact("sip:dave@example.com")],
                    }
                ],
                "entry_refs": ["resource-lists/users/sip:a@example.com/index/~~/x"],
                "externals": ["http://example.com/list"],
            },
            {
                "name": "work",
                "display_name": None,
                "contacts": [contact("sip:bob@example.com")],
            },
            {
                "name": None,
                "display_name": None,
                "contacts": [contact("sip:eve@example.com")],
            },
        ]
    }


def test_every_contact_once() -> None:
    assert view.show_contacts(parse(DOCUMENT)) == {
        "contacts": [
            contact("sip:bob@example.com", "Bob") | {"lists": ["friends", "work"]},
            contact("sip:carol@example.com") | {"lists": ["friends"]},
            contact("sip:dave@example.com") | {"lists": ["friends"]},
            contact("sip:eve@example.com") | {"lists": [None]},
        ]
    }


def test_one_list_and_one_contact() -> None:
    root = parse(DOCUMENT)
    assert view.show_list(root, "work")["contacts"] == [contact("sip:bob@example.com")]
    shown = view.show_contact(root, "friends", "sip:bob@example.com")
    assert shown == contact("sip:bob@example.com", "Bob")


@pytest.mark.parametrize(
    ("list_name", "uri"),
    [("none", "sip:bob@example.com"), ("work", "sip:carol@example.com"), ("close", "sip:dave")],
)
def test_what_is_not_there(list_name: str, uri: str) -> None:
    with pytest.raises(NotFound):
        view.show_contact(parse(DOCUMENT), list_name, uri)


@pytest.mark.parametrize(
    ("list_name", "uri", "values", "before", "after"),
    [
        pytest.param(
            "friends",
            "sip:bob@example.com",
            {"display_name": "B & <b>\r"},
            b">Bob</",
            b">B &amp; &lt;b&gt;&#13;</",
            id="another display name",
        ),
        pytest.param(
            "friends",
            "sip:bob@example.com",
            {},
            b"<display-name>Bob</display-name>",
            b"",
            id="no display name any more",
        ),
        pytest.param(
            "friends", "sip:bob@example.com", {"display_name": "Bob"}, b"", b"", id="the same"
        ),
        pytest.param(
            "friends",
            "sip:carol@example.com",
            {"display_name": "C"},
            b'"sip:carol@example.com"/>',
            b'"sip:carol@example.com"><display-name>C</display-name></entry>',
            id="a display name for an empty-element tag",
        ),
        pytest.param(
            "work",
            "sip:bob@example.com",
            {"display_name": "B", "uri": "sip:bob@example.com"},
            b"<x:vip/>",
            b"<display-name>B</display-name><x:vip/>",
            id="before what else is there",
        ),
        pytest.param(
            "work",
            "sip:new@example.com",
            {"display_name": "N"},
            b"<x:vip/></entry>",
            b'<x:vip/></entry><entry uri="sip:new@example.com">'
            b"<display-name>N</display-name></entry>",
            id="a new contact",
        ),
        pytest.param(
            "work",
            'sip:"<new>"@example.com',
            {},
            b"<x:vip/></entry>",
            b"<x:vip/></entry><entry uri='sip:\"&lt;new&gt;\"@example.com'/>",
            id="marks in a name",
        ),
    ],
)
def test_a_contact_is_put(
    list_name: str, uri: str, values: dict[str, Any], before: bytes, after: bytes
) -> None:
    """Only the octets of the contact change."""
    assert put_contact(DOCUMENT, list_name, uri, values) == DOCUMENT.replace(before, after)


def test_a_list_is_put_into_an_empty_document() -> None:
    values = {"display_name": "My friends", "contacts": [contact("sip:bob@example.com", "Bob")]}
    document = put_list(view.EMPTY, 'a "list"', values)
    assert view.show_list(parse(document), 'a "list"') == {"name": 'a "list"', **values}


def test_prefixes_are_those_of_the_document() -> None:
    document = put_list(PREFIXED, "work", {"contacts": [contact("sip:bob@example.com", "B")]})
    assert b"<r:entry" in document
    assert b"<r:display-name>B<" in put_contact(document, "work", "sip:c@d", {"display_name": "B"})
    assert put_contact(document, "work", "sip:bob@example.com", {}).count(b"display-name") == 0


def test_the_contacts_of_a_list_stay_when_none_are_given() -> None:
    after = put_list(DOCUMENT, "friends", {"display_name": "Pals"})
    assert after == DOCUMENT.replace(b">Friends<", b">Pals<")


def test_the_language_of_a_name_stays() -> None:
    """RFC 4826 §3.2: JSON has no word for xml:lang."""
    document = DOCUMENT.replace(b"<display-name>Bob", b"<display-name xml:lang='de'>Bob")
    after = put_contact(document, "friends", "sip:bob@example.com", {"display_name": "Robert"})
    assert after == document.replace(b">Bob<", b">Robert<")


def test_a_list_is_replaced() -> None:
    first = put_list(DOCUMENT, "new", {"contacts": [contact("sip:a@b", "A"), contact("sip:c@d")]})
    second = put_list(first, "new", {"contacts": [contact("sip:c@d")], "name": "new"})
    assert view.show_list(parse(second), "new")["contacts"] == [contact("sip:c@d")]
    assert put_list(first, "new", dict(view.show_list(parse(first), "new"))) == first


@pytest.mark.parametrize("name", ["friends", "work"])
def test_a_list_of_more_than_contacts_is_not_replaced(name: str) -> None:
    """What JSON has no word for would be lost."""
    with pytest.raises(ConstraintFailure):
        put_list(DOCUMENT, name, {"contacts": []})


@pytest.mark.parametrize(
    "values",
    [
        {"name": "other"},
        {"display_name": 1},
        {"display_name": "\x00"},
        {"display_name": "\ud800"},
        {"contacts": {}},
        {"contacts": ["sip:a@b"]},
        {"contacts": [{}]},
        {"contacts": [{"uri": ""}]},
        {"contacts": [{"uri": "sip:a@b", "name": "a"}]},
        {"displayname": "misspelt"},
    ],
    ids=json.dumps,
)
def test_a_body_that_is_no_list(values: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        put_list(DOCUMENT, "new", values)


@pytest.mark.parametrize("values", [{"uri": "sip:other@b"}, {"contacts": []}, {"display_name": []}])
def test_a_body_that_is_no_contact(values: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        put_contact(DOCUMENT, "work", "sip:a@b", values)


def test_a_contact_needs_its_list() -> None:
    with pytest.raises(NotFound):
        put_contact(DOCUMENT, "none", "sip:a@b", {})

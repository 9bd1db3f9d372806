"""The example of RFC 4825 §13, step by step, octet for octet."""

from xcap.nodes.evaluate import resolve
from xcap.nodes.node import check_deleted, check_put, delete_node, put_node, read_node
from xcap.usages.resource_lists import NAMESPACE
from xmldoc.parse import parse

NEW = b"""<?xml version="1.0" encoding="UTF-8"?>
<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists">
  <list name="friends">
  </list>
</resource-lists>
"""
BOB = b"""<entry uri="sip:bob@example.com">
    <display-name>Bob Jones</display-name>
  </entry>"""
FETCHED = b"""<?xml version="1.0" encoding="UTF-8"?>
<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists">
  <list name="friends">
  <entry uri="sip:bob@example.com">
    <display-name>Bob Jones</display-name>
  </entry></list>
</resource-lists>
"""
PETRI = b"""<entry uri="sip:petri@example.com">
     <display-name>Petri Aukia</display-name>
   </entry>"""
CLOSE_FRIENDS = b"""<list name="close-friends">
   <entry uri="sip:joe@example.com">
     <display-name>Joe Smith</display-name>
   </entry>
   <entry uri="sip:nancy@example.com">
     <display-name>Nancy Gross</display-name>
   </entry>
   %s
</list>"""


def put(document: bytes, selector: str, body: bytes) -> bytes:
    resolved = resolve(selector, "", NAMESPACE)
    edited = put_node(document, parse(document), resolved, body)
    check_put(edited, parse(edited.body), resolved)
    assert edited.created
    return edited.body


def test_bill_and_his_friends() -> None:
    """RFC 4825 §13, figures 24 to 32."""
    document = put(NEW, 'resource-lists/list[@name="friends"]/entry', BOB)
    assert document == FETCHED
    close = CLOSE_FRIENDS % PETRI
    selector = 'resource-lists/list[@name="friends"]/list[@name="close-friends"]'
    document = put(document, selector, close)
    assert document == FETCHED.replace(b"</entry></list>", b"</entry>" + close + b"</list>")
    petri = resolve('resource-lists/list/list/entry[@uri="sip:petri@example.com"]', "", NAMESPACE)
    shorter = delete_node(document, parse(document), petri)
    check_deleted(parse(shorter), petri)
    assert shorter == document.replace(PETRI, b"")
    nancy = resolve("resource-lists/list/list/entry[2]/@uri", "", NAMESPACE)
    assert read_node(shorter, parse(shorter), nancy).body == b'"sip:nancy@example.com"'

"""Large documents: valid or not, none holds up the others for long (XCP-17).

What the validator says of them is the same as of small ones.
"""

import time
from collections.abc import Callable

import pytest

from xmldoc.parse import MAX_NAMESPACE, MAX_OCTETS, parse
from xmldoc.schema import IDENTIFIED, SCHEMAS, schema, source

NS = "urn:ietf:params:xml:ns"
LISTS = f'<resource-lists xmlns="{NS}:resource-lists" xmlns:x="{"n" * MAX_NAMESPACE}">'
XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
POLICY = f'<ruleset xmlns="{NS}:common-policy" xmlns:p="{NS}:pres-rules">'
PIDF = f'<presence xmlns="{NS}:pidf" entity="sip:a@example.com">'
SHOWN = f'{POLICY}<rule id="a"><transformations>'
LONGEST = 0.5
"""Seconds of processor time; on a quiet machine all take less than 0.06."""


def filled(head: str, item: Callable[[int], str], tail: str) -> bytes:
    """As many items as a document may hold."""
    room = MAX_OCTETS - len(head) - len(tail)
    count = min(19_000, room // len(item(99_999)))
    return (head + "".join(map(item, range(count))) + tail).encode()


ATTRIBUTES = " ".join(f"a{number}=''" for number in range(64))
INVALID = [
    ("resource-lists", f"{LISTS}<list>", "<entry/>", "</list></resource-lists>", "uri"),
    ("resource-lists", LISTS, f"<list {ATTRIBUTES}/>", "</resource-lists>", "a0"),
    ("resource-lists", LISTS, f"<list {XSI} xsi:nil='q'/>", "</resource-lists>", "'q'"),
    ("resource-lists", LISTS, "<list><x:b/><entry/></list>", "</resource-lists>", "entry"),
    ("pres-rules", SHOWN, "<p:provide-mood/>", "</transformations></rule></ruleset>", "boolean"),
    ("pres-rules", POLICY, '<rule id="a"/>', "</ruleset>", "'a'"),
    ("pidf", PIDF, '<tuple id="1"/>', "</presence>", "'1'"),
    ("pidf", PIDF, '<tuple id="t"><status/></tuple>', "</presence>", "'t'"),
]


@pytest.mark.parametrize(("name", "head", "item", "tail", "names"), INVALID)
def test_of_many_errors_the_first_is_told_at_once(
    name: str, head: str, item: str, tail: str, names: str
) -> None:
    root = parse(filled(head, lambda _: item, tail))
    start = time.process_time()
    reason = schema(name).check(root)
    assert time.process_time() - start < LONGEST
    assert reason is not None
    assert names in reason


def test_the_last_error_is_an_error() -> None:
    body = filled(f"{LISTS}<list>", "<entry uri='{}'/>".format, "<entry/></list></resource-lists>")
    assert "uri" in (schema("resource-lists").check(parse(body)) or "")


@pytest.mark.parametrize(
    ("name", "head", "item", "tail"),
    [
        ("resource-lists", f"{LISTS}<list>", "<entry uri='{}'/>", "</list></resource-lists>"),
        ("resource-lists", f"{LISTS}<list>", "<x:a{}/>", "</list></resource-lists>"),
        ("resource-lists", f"{LISTS}<list>", "<a xmlns='u{}'/>", "</list></resource-lists>"),
        ("pres-rules", POLICY, "<rule id='a{}'/>", "</ruleset>"),
        ("pidf", PIDF, "<tuple id='a{}'><status/></tuple>", "</presence>"),
    ],
)
def test_large_documents_that_are_valid(name: str, head: str, item: str, tail: str) -> None:
    root = parse(filled(head, item.format, tail))
    start = time.process_time()
    assert schema(name).check(root) is None
    assert time.process_time() - start < LONGEST


def test_every_identifier_of_our_schemas_is_known() -> None:
    """Files with an attribute of type xs:ID are those whose namespaces are in the table."""
    files = {file for names in SCHEMAS.values() for file in names}
    found = {file for file in files if b'type="xs:ID"' in source(file)}
    namespaces = {tag[1:].partition("}")[0].rpartition(":")[2] + ".xsd" for tag in IDENTIFIED}
    assert found == namespaces

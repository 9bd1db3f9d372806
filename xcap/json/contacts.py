"""Lists of contacts as JSON: the resource-lists document of a user (RFC 4826 §3). Pure.

What is shown is read from the document, what is put becomes one element of it. Elements
that JSON has no word for stay: where they would be lost, the request is refused.
"""

from typing import Any, Final
from xml.sax.saxutils import quoteattr

from lxml import etree

from xcap.errors import BadRequest, ConstraintFailure, NotFound
from xcap.json.values import JsonObject, check_keys, check_same, escaped, objects, text
from xcap.nodes.selector import AttributeTest, Name, NodeSelector, Step
from xcap.usages.resource_lists import LIST, NAMESPACE
from xmldoc.spans import element_span, tag_name

ENTRY: Final = f"{{{NAMESPACE}}}entry"
ENTRY_REF: Final = f"{{{NAMESPACE}}}entry-ref"
EXTERNAL: Final = f"{{{NAMESPACE}}}external"
DISPLAY_NAME: Final = f"{{{NAMESPACE}}}display-name"
EMPTY: Final = (
    f'<?xml version="1.0" encoding="UTF-8"?>\n<resource-lists xmlns="{NAMESPACE}"/>\n'
).encode()
"""The document that the first list is put into."""

CONTACT_KEYS: Final = frozenset({"uri", "display_name"})
LIST_KEYS: Final = frozenset({"name", "display_name", "contacts"})


def show_contacts(root: etree._Element) -> JsonObject:
    """Every contact once, with the names of the outermost lists that it is in."""
    contacts: dict[str, dict[str, Any]] = {}
    for outermost in root.iterchildren(LIST):
        for entry in outermost.iter(ENTRY):
            shown = contacts.setdefault(entry.get("uri", ""), {**_contact(entry), "lists": []})
            shown["display_name"] = shown["display_name"] or _display_name(entry)
            if shown["lists"][-1:] != [outermost.get("name")]:
                shown["lists"].append(outermost.get("name"))
    return {"contacts": list(contacts.values())}


def show_lists(root: etree._Element) -> JsonObject:
    """All lists, nested ones inside of theirs."""
    return {"lists": [_list(each) for each in root.iterchildren(LIST)]}


def show_list(root: etree._Element, name: str) -> JsonObject:
    """One of the outermost lists. Raises NotFound."""
    return _list(_found_list(root, name))


def show_contact(root: etree._Element, list_name: str, uri: str) -> JsonObject:
    """One contact of an outermost list. Raises NotFound."""
    entry = _entry(_found_list(root, list_name), uri)
    if entry is None:
        raise NotFound("there is no such contact in the list")
    return _contact(entry)


def list_selector(name: str) -> NodeSelector:
    """What selects an outermost list."""
    test = AttributeTest(Name("", "name"), name)
    return NodeSelector((Step(Name("", "resource-lists")), Step(Name("", "list"), test=test)))


def contact_selector(list_name: str, uri: str) -> NodeSelector:
    """What selects a contact of an outermost list."""
    step = Step(Name("", "entry"), test=AttributeTest(Name("", "uri"), uri))
    return NodeSelector((*list_selector(list_name).steps, step))


def list_element(document: bytes, root: etree._Element, values: JsonObject, name: str) -> bytes:
    """The list `name` with the display name of `values`, and its contacts if they are given.

    Raises BadRequest, and ConstraintFailure when the list holds more than contacts.
    """
    check_keys(values, LIST_KEYS)
    check_same(values, "name", name)
    there = _list_named(root, name)
    display_name = text(values, "display_name")
    if there is not None and "contacts" not in values:
        return _renamed(document, there, display_name)
    if there is not None and not _only_contacts(there):
        raise ConstraintFailure("the list holds more than contacts; replace it by XCAP")
    prefix = _prefix(root)
    content = "".join(_new_contact(prefix, each) for each in objects(values, "contacts"))
    start = f"<{prefix}list name={quoteattr(name)}>{_new_display_name(prefix, display_name)}"
    return f"{start}{content}</{prefix}list>".encode()


def contact_element(
    document: bytes, root: etree._Element, values: JsonObject, list_name: str, uri: str
) -> bytes:
    """The entry of `uri` with the display name of `values`; what else it holds stays.

    Raises BadRequest, and NotFound when there is no such list.
    """
    check_keys(values, CONTACT_KEYS)
    check_same(values, "uri", uri)
    around = _found_list(root, list_name)
    there = _entry(around, uri)
    if there is not None:
        return _renamed(document, there, text(values, "display_name"))
    return _new_contact(_prefix(around), {**values, "uri": uri}).encode()


def _list_named(root: etree._Element, name: str) -> etree._Element | None:
    return next((each for each in root.iterchildren(LIST) if each.get("name") == name), None)


def _found_list(root: etree._Element, name: str) -> etree._Element:
    found = _list_named(root, name)
    if found is None:
        raise NotFound("there is no such list")
    return found


def _entry(around: etree._Element, uri: str) -> etree._Element | None:
    return next((each for each in around.iterchildren(ENTRY) if each.get("uri") == uri), None)


def _list(element: etree._Element) -> JsonObject:
    shown: dict[str, Any] = {
        "name": element.get("name"),
        "display_name": _display_name(element),
        "contacts": [_contact(entry) for entry in element.iterchildren(ENTRY)],
    }
    more = {
        "lists": [_list(each) for each in element.iterchildren(LIST)],
        "entry_refs": [each.get("ref") for each in element.iterchildren(ENTRY_REF)],
        "externals": [each.get("anchor") for each in element.iterchildren(EXTERNAL)],
    }
    return shown | {key: value for key, value in more.items() if value}


def _contact(entry: etree._Element) -> JsonObject:
    return {"uri": entry.get("uri"), "display_name": _display_name(entry)}


def _display_name(element: etree._Element) -> str | None:
    return element.findtext(DISPLAY_NAME)


def _only_contacts(element: etree._Element) -> bool:
    """Whether JSON can say all that the list holds."""
    return len(element.attrib) == 1 and all(
        _only_name(child)
        or (child.tag == ENTRY and len(child.attrib) == 1 and all(map(_only_name, child)))
        for child in element
    )


def _only_name(element: etree._Element) -> bool:
    return element.tag == DISPLAY_NAME and not element.attrib


def _prefix(element: etree._Element) -> str:
    """The prefix of our namespace where `element`, which is in it, is."""
    return f"{element.prefix}:" if element.prefix else ""


def _new_contact(prefix: str, values: JsonObject) -> str:
    check_keys(values, CONTACT_KEYS)
    uri = text(values, "uri")
    if not uri:
        raise BadRequest("a contact must have a 'uri'")
    start = f"<{prefix}entry uri={quoteattr(uri)}"
    display_name = _new_display_name(prefix, text(values, "display_name"))
    return f"{start}>{display_name}</{prefix}entry>" if display_name else f"{start}/>"


def _new_display_name(prefix: str, display_name: str | None) -> str:
    if display_name is None:
        return ""
    return f"<{prefix}display-name>{escaped(display_name)}</{prefix}display-name>"


def _renamed(document: bytes, element: etree._Element, display_name: str | None) -> bytes:
    """The octets of `element` with another display name, which is its first child, or none."""
    span = element_span(document, element)
    if _display_name(element) == display_name:
        return document[span.start : span.end]
    new = _new_display_name(_prefix(element), display_name).encode()
    if span.empty_tag:
        return document[span.start : span.end - 2] + b">%s</%s>" % (new, tag_name(document, span))
    start = end = span.content
    old = element.find(DISPLAY_NAME)
    if old is not None:
        inner = element_span(document, old)
        if display_name is not None and not inner.empty_tag:
            inside = escaped(display_name).encode()
            return (
                document[span.start : inner.content]
                + inside
                + document[inner.content_end : span.end]
            )
        start, end = inner.start, inner.end
    return document[span.start : start] + new + document[end : span.end]

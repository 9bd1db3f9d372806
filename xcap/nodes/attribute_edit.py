"""Attributes put into elements of documents and removed (RFC 4825 §8.2, §8.4). Pure."""

import re
from typing import Final
from xml.sax.saxutils import quoteattr

from lxml import etree

from xcap.errors import (
    CannotInsert,
    ConstraintFailure,
    NotFound,
    NotUtf8,
    NotXmlAttributeValue,
)
from xcap.nodes.evaluate import Resolved, element_at
from xcap.nodes.selector import Name
from xcap.nodes.splice import Edited, check_encoding, free_prefix, no_parent, path_to, splice
from xmldoc import errors
from xmldoc.fragment import bare, parse_fragment
from xmldoc.spans import XML_NAMESPACE, attribute_span, attributes_end, element_span

ATT_VALUE: Final = re.compile(rb"""(?:"[^<"]*"|'[^<']*')\Z""")
"""AttValue of XML 1.0 §2.3; its references are for the parser to check."""
QUOTES: Final = (b'"', b"'")


def put_attribute(document: bytes, root: etree._Element, resolved: Resolved, body: bytes) -> Edited:
    """`document` with `body` as the value of the attribute that `resolved` names.

    Raises NoParent, NotXmlAttributeValue, NotUtf8 and CannotInsert.
    """
    assert resolved.attribute is not None, "this is for attributes"
    element = element_at(root, resolved.steps)
    if element is None:
        raise no_parent(root, resolved)
    value = att_value(body)
    check_encoding(document, value)
    span = element_span(document, element)
    found = attribute_span(document, span, element, resolved.attribute)
    path = path_to(element)
    if found is not None:
        return Edited(splice(document, found.value, found.end, value), False, path)
    name = _new_name(element, resolved)
    end = attributes_end(document, span)
    return Edited(splice(document, end, end, b" %s=%s" % (name.encode(), value)), True, path)


def delete_attribute(document: bytes, element: etree._Element, name: str) -> bytes:
    """`document` without the attribute `name` of `element` and the white space before it.

    Raises NotFound.
    """
    found = attribute_span(document, element_span(document, element), element, name)
    if found is None:
        raise NotFound("the element has no such attribute")
    return splice(document, found.start, found.end, b"")


def att_value(body: bytes) -> bytes:
    """The AttValue that `body` is (§8.2.2, §15.2.2).

    Many clients leave the quotation marks out, so a body that does not begin with one is
    taken as what is between them. Raises NotXmlAttributeValue, NotUtf8 and
    ConstraintFailure.
    """
    value = bare(body)
    if not value.startswith(QUOTES):
        value = _quoted(value)
    if not ATT_VALUE.match(value):
        raise NotXmlAttributeValue("the body is no attribute value")
    try:
        parse_fragment(b"<a a=%s/>" % value, {})
    except errors.NotUtf8 as error:
        raise NotUtf8(str(error)) from None
    except (errors.NotWellFormed, errors.Forbidden) as error:
        raise NotXmlAttributeValue(str(error)) from None
    except errors.XmlError as error:
        raise ConstraintFailure(str(error)) from None
    return value


def _quoted(content: bytes) -> bytes:
    if not content:
        raise NotXmlAttributeValue('the body is empty; the empty value is ""')
    if b'"' not in content:
        return b'"%s"' % content
    return b"'%s'" % content.replace(b"'", b"&apos;")


def _new_name(element: etree._Element, resolved: Resolved) -> str:
    """The name of a new attribute of `element` as it is to be written.

    A prefix of the document is used when one is bound to its namespace; else that of the
    client, or a new one, is declared with it.
    """
    name = resolved.text.terminal
    assert isinstance(name, Name), "this is for attributes"
    namespace = etree.QName(resolved.attribute).namespace
    if namespace is None:
        if name.local == "xmlns":
            raise CannotInsert("a namespace declaration is no attribute")
        return name.local
    prefix = _prefix_of(element, namespace)
    if prefix is not None:
        return f"{prefix}:{name.local}"
    prefix = free_prefix(element, name.prefix)
    return f"xmlns:{prefix}={quoteattr(namespace)} {prefix}:{name.local}"


def _prefix_of(element: etree._Element, namespace: str) -> str | None:
    """A prefix that is bound to `namespace` where `element` is."""
    if namespace == XML_NAMESPACE:
        return "xml"
    bound = (prefix for prefix, uri in element.nsmap.items() if prefix and uri == namespace)
    return next(bound, None)

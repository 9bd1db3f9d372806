"""Bodies of PUBLISHes that are XML with a schema of ours. Pure."""

from lxml import etree

from presence.errors import BadBody
from xmldoc.errors import XmlError
from xmldoc.parse import parse
from xmldoc.schema import schema


def read_body(body: bytes, *, root: str, named: str, by: str) -> etree._Element:
    """The root element of a body that is valid by schema `by`. Raises BadBody.

    `root` is the element that it must be, `named` what a publisher is told of that.
    """
    try:
        document = parse(body)
    except XmlError as error:
        raise BadBody(str(error)) from None
    if document.tag != root:
        raise BadBody(f"the root element is not {named}")
    reason = schema(by).check(document)
    if reason is not None:
        raise BadBody(reason)
    return document

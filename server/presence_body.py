"""The presence document that `presentity publish` sends (RFC 3863 §4). Pure."""

from typing import Final

from lxml import etree

PIDF: Final = "urn:ietf:params:xml:ns:pidf"
TUPLE_ID: Final = "presentity"


def presence_body(entity: str, basic: str, note: str | None) -> bytes:
    """A document of one tuple: `entity` is a SIP URI, `basic` open or closed."""
    namespaces: dict[str | None, str] = {None: PIDF}
    root = etree.Element(f"{{{PIDF}}}presence", {"entity": entity}, nsmap=namespaces)
    service = etree.SubElement(root, f"{{{PIDF}}}tuple", {"id": TUPLE_ID})
    status = etree.SubElement(service, f"{{{PIDF}}}status")
    etree.SubElement(status, f"{{{PIDF}}}basic").text = basic
    if note is not None:
        etree.SubElement(service, f"{{{PIDF}}}note").text = note
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")

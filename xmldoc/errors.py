"""What can be wrong with an XML document, before and at its schema."""


class XmlError(Exception):
    """Base of the package; the text is fit to be shown to whoever sent the document."""


class NotUtf8(XmlError):
    """The document is not, or does not say it is, encoded in UTF-8 (RFC 4825 §11)."""


class NotWellFormed(XmlError):
    """The document is not well-formed XML with namespaces."""


class UnknownEntity(NotWellFormed):
    """An entity is referred to that is none of the five of XML."""


class Forbidden(XmlError):
    """The document has a document type declaration, which no format of ours needs."""


class TooLarge(XmlError):
    """The document has more octets, elements or attributes than its `Limits` allow."""


class TooDeep(XmlError):
    """Elements are nested deeper than the `Limits` allow."""


class BadSchema(XmlError):
    """A schema that an operator keeps in a file cannot be used."""

"""What can be wrong with a patch, and the document that says so (RFC 5261 §5). Pure.

One class for each error element of §5.1; which of them an operation meets is for
`xmldoc.patch` to decide.
"""

from typing import ClassVar, Final

from xmldoc.errors import XmlError
from xmldoc.tree import write_value

MEDIA_TYPE: Final = "application/patch-ops-error+xml"
NAMESPACE: Final = "urn:ietf:params:xml:ns:patch-ops-error"


class PatchError(XmlError):
    """Base of the errors; the text says what was wrong and is fit for the client."""

    element: ClassVar[str]
    """The name of the error element on the wire."""

    def __init__(self, phrase: str, operation: str = "") -> None:
        super().__init__(phrase)
        self.operation = operation
        """The operation that failed, as XML that declares its own namespaces."""


class InvalidAttributeValue(PatchError):
    """sel, type, pos or ws has a value that is not allowed."""

    element = "invalid-attribute-value"


class InvalidCharacterSet(PatchError):
    """The difference and the document are not both in UTF-8."""

    element = "invalid-character-set"


class InvalidDiffFormat(PatchError):
    """The difference is not well-formed, or not of the format it should have."""

    element = "invalid-diff-format"


class InvalidEntityDeclaration(PatchError):
    """An entity is used or declared; none but the five of XML is known here."""

    element = "invalid-entity-declaration"


class InvalidNamespacePrefix(PatchError):
    """A prefix cannot be resolved, or cannot be given away while it is used."""

    element = "invalid-namespace-prefix"


class InvalidNamespaceUri(PatchError):
    """A namespace is not valid, or is not declared where the selector says."""

    element = "invalid-namespace-uri"


class InvalidNodeTypes(PatchError):
    """A replacement is not one node of the type of what it replaces."""

    element = "invalid-node-types"


class InvalidPatchDirective(PatchError):
    """The operation makes no sense for what it selects."""

    element = "invalid-patch-directive"


class InvalidRootElementOperation(PatchError):
    """The root element cannot be removed, nor get a sibling element."""

    element = "invalid-root-element-operation"


class InvalidXmlPrologOperation(PatchError):
    """Beside the root element there are only comments and processing instructions."""

    element = "invalid-xml-prolog-operation"


class InvalidWhitespaceDirective(PatchError):
    """The white space that should be removed is not there."""

    element = "invalid-whitespace-directive"


class UnlocatedNode(PatchError):
    """The selector selects no node, or several."""

    element = "unlocated-node"


class UnsupportedIdFunction(PatchError):
    """id() is used; which attributes have the type ID is not known."""

    element = "unsupported-id-function"


class UnsupportedXmlId(PatchError):
    """xml:id is not known; raised by nothing here, since id() is not supported at all."""

    element = "unsupported-xml-id"


def render(error: PatchError) -> bytes:
    """The patch-ops-error document that says `error`."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<patch-ops-error xmlns="{NAMESPACE}">'
        f"<{error.element} phrase={write_value(str(error))}>{error.operation}</{error.element}>"
        "</patch-ops-error>\n"
    ).encode()

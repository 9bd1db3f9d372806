"""What can be wrong with an XCAP request, each with its HTTP status.

The conditions of a conflict report (RFC 4825 §11.1) are the subclasses of `Conflict`,
one for each element it may hold. Nothing here builds a response.
"""

from dataclasses import dataclass
from typing import ClassVar


class XcapError(Exception):
    """Base of the package; the text says what was wrong and is fit for the client."""

    status: ClassVar[int] = 500


class BadRequest(XcapError):
    """The request cannot be read at all."""

    status = 400


class Unauthorized(XcapError):
    """Nobody, or not yet anybody, is known to ask (RFC 4825 §8)."""

    status = 401

    def __init__(self, text: str, challenges: tuple[str, ...]) -> None:
        super().__init__(text)
        self.challenges = challenges
        """WWW-Authenticate values, in order."""


class Forbidden(XcapError):
    """The user is known and may not do this (RFC 4825 §5.7)."""

    status = 403


class NotFound(XcapError):
    """No such application usage, user or document (RFC 4825 §8)."""

    status = 404


class NoDocument(NotFound):
    """The document is not there; for a node that is put, its parent (RFC 4825 §8.2.1)."""


class MethodNotAllowed(XcapError):
    """The resource does not know the method (RFC 4825 §8.1)."""

    status = 405

    def __init__(self, method: str, allow: tuple[str, ...]) -> None:
        super().__init__(f"{method} is not possible here, only {', '.join(allow)}")
        self.allow = allow


class PreconditionFailed(XcapError):
    """If-Match or If-None-Match does not hold (RFC 4825 §7.11)."""

    status = 412

    def __init__(self, etag: str | None) -> None:
        now = "there is no such document" if etag is None else "the document has changed"
        super().__init__(f"a condition of the request does not hold: {now}")
        self.etag = etag


class BodyTooLarge(XcapError):
    """The body has more octets than are read."""

    status = 413

    def __init__(self, limit: int) -> None:
        super().__init__(f"the body is larger than {limit} octets")


class AnswerTooLarge(XcapError):
    """What is asked for would be larger than what is sent; a part of it can be asked for."""

    status = 413


class UriTooLong(XcapError):
    """The request target has more characters than are read."""

    status = 414


class TooManyFailures(XcapError):
    """Credentials after too many wrong ones, which are not looked at (RFC 6585 §4)."""

    status = 429


class UnknownTransferCoding(XcapError):
    """The body is framed in a way that is not understood (RFC 9112 §6.1)."""

    status = 501


class HttpVersionNotSupported(XcapError):
    """The request is of a protocol that is not spoken here (RFC 9110 §15.6.6)."""

    status = 505


class UnsupportedMediaType(XcapError):
    """The body is not of the type that the resource takes (RFC 4825 §8.2.2)."""

    status = 415

    def __init__(self, got: str, wanted: str) -> None:
        super().__init__(f"the body must be {wanted}, not {got or 'without a type'}")
        self.wanted = wanted


class UnsupportedEncoding(XcapError):
    """The body is compressed; only plain bodies are read (RFC 9110 §15.5.16)."""

    status = 415


class Busy(XcapError):
    """Too many writers want the same document; the same request may succeed a little later."""

    status = 503

    def __init__(self, text: str, retry_after: int) -> None:
        super().__init__(text)
        self.retry_after = retry_after
        """Seconds."""


class Conflict(XcapError):
    """The request would leave a document that may not be (RFC 4825 §11)."""

    status = 409
    element: ClassVar[str]
    """The name of the condition on the wire."""

    @property
    def phrase(self) -> str:
        """The text for the user."""
        return str(self)


class NotWellFormed(Conflict):
    """The body is not a well-formed XML document."""

    element = "not-well-formed"


class NotXmlFragment(Conflict):
    """The body is not one well-balanced element."""

    element = "not-xml-frag"


class NoParent(Conflict):
    """What the resource was to be put into does not exist."""

    element = "no-parent"

    def __init__(self, phrase: str, ancestor: str | None = None) -> None:
        super().__init__(phrase)
        self.ancestor = ancestor
        """URI of the closest parent that is there, percent-encoded."""


class SchemaValidationError(Conflict):
    """The document is not valid by the schema of its application usage."""

    element = "schema-validation-error"


class NotXmlAttributeValue(Conflict):
    """The body is not a value that an attribute can have."""

    element = "not-xml-att-value"


class CannotInsert(Conflict):
    """A GET after this PUT would not find what was put."""

    element = "cannot-insert"


class CannotDelete(Conflict):
    """The same URI would select something else after this DELETE."""

    element = "cannot-delete"


@dataclass(frozen=True, slots=True)
class Exists:
    """A value that is not unique."""

    field: str
    """Node selector of the element or attribute, percent-encoded, from the root element on."""
    alternatives: tuple[str, ...] = ()
    """Values that are still free."""


class UniquenessFailure(Conflict):
    """Values that must be unique are not."""

    element = "uniqueness-failure"

    def __init__(self, phrase: str, exists: tuple[Exists, ...]) -> None:
        super().__init__(phrase)
        self.exists = exists


class ConstraintFailure(Conflict):
    """A rule of the application usage that is neither schema nor uniqueness is broken."""

    element = "constraint-failure"


class Extension(Conflict):
    """A condition of an extension to XCAP, as elements of its own."""

    element = "extension"

    def __init__(self, phrase: str, content: bytes) -> None:
        super().__init__(phrase)
        self.content = content
        """Well-formed elements that declare their own namespaces."""


class NotUtf8(Conflict):
    """The document would not be encoded in UTF-8."""

    element = "not-utf-8"

"""What the event server refuses, each with its wire answer."""

from collections.abc import Sequence
from typing import ClassVar

from xmldoc.patch_errors import MEDIA_TYPE as PATCH_ERROR
from xmldoc.patch_errors import PatchError, render

Headers = tuple[tuple[str, str], ...]


class PresenceError(Exception):
    """Base of the package; `status` is the response, `reason` its phrase when not the usual one."""

    status: ClassVar[int] = 500
    reason: ClassVar[str | None] = None

    @property
    def headers(self) -> Headers:
        """Header fields the response must carry."""
        return ()

    @property
    def body(self) -> bytes:
        """What the response says beyond its headers, one of which is Content-Type then."""
        return b""


class BadRequest(PresenceError):
    """The request breaks a rule that no more special error names (RFC 3261 §21.4.1)."""

    status = 400

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what

    @property
    def headers(self) -> Headers:
        """A Warning that says what was wrong (RFC 3261 §20.43, code 399)."""
        text = "".join(c if " " <= c <= "~" and c not in '"\\' else "?" for c in self.what)
        return (("Warning", f'399 presentity "{text[:WARNING_LENGTH]}"'),)


WARNING_LENGTH = 200
"""Characters of an explanation that go into a Warning."""


class BadBody(BadRequest):
    """The body is not what its media type promises (RFC 3903 §6 step 5)."""


class BadPatch(BadBody):
    """A change of the published document that cannot be made (RFC 5264 §4.3.2)."""

    def __init__(self, error: PatchError) -> None:
        super().__init__(str(error))
        self.error = error

    @property
    def headers(self) -> Headers:
        return (*super().headers, ("Content-Type", PATCH_ERROR))

    @property
    def body(self) -> bytes:
        """What was wrong with which operation (RFC 5261 §5.1)."""
        return render(self.error)


class PartialPublication(BadBody):
    """A change of what nobody has published yet (RFC 5264 §4.3.2)."""

    reason = "Invalid Partial Publication"

    def __init__(self) -> None:
        super().__init__("an initial publication carries the whole document")


class Forbidden(BadRequest):
    """Who asks may not have this (RFC 3261 §21.4.4)."""

    status = 403


class NotFound(PresenceError):
    """There is no such resource here (RFC 3903 §6 step 1)."""

    status = 404


class WrongType(PresenceError):
    """A media type is at fault; the answer names those that would do."""

    def __init__(self, content_types: Sequence[str]) -> None:
        super().__init__(", ".join(content_types))
        self.content_types = tuple(content_types)

    @property
    def headers(self) -> Headers:
        return (("Accept", ", ".join(self.content_types)),)


class NotAcceptable(WrongType):
    """The watcher takes none of the types the package has (RFC 3261 §21.4.7)."""

    status = 406


class ConditionFailed(PresenceError):
    """No live publication has this entity-tag (RFC 3903 §11.2.1)."""

    status = 412
    reason = "Conditional Request Failed"


class BodyTooLarge(PresenceError):
    """More octets than `max_body` (RFC 3261 §21.4.11)."""

    status = 413


class UnsupportedType(WrongType):
    """The package takes no body of this type (RFC 3903 §6 step 5)."""

    status = 415


class UnsupportedEncoding(PresenceError):
    """The body is encoded in a way we do not read; the answer names those that we do (RFC 3261
    §21.4.13)."""

    status = 415

    def __init__(self, codings: Sequence[str]) -> None:
        super().__init__(", ".join(codings))
        self.codings = tuple(codings)

    @property
    def headers(self) -> Headers:
        return (("Accept-Encoding", ", ".join(self.codings)),)


class IntervalTooBrief(PresenceError):
    """The interval asked for is below `min_expires` seconds (RFC 3261 §21.4.17)."""

    status = 423

    def __init__(self, min_expires: int) -> None:
        super().__init__(f"shorter than {min_expires} s")
        self.min_expires = min_expires

    @property
    def headers(self) -> Headers:
        return (("Min-Expires", str(self.min_expires)),)


class SubscriptionUnknown(PresenceError):
    """No such dialog, or its subscription has ended (RFC 6665 §4.1.2.2)."""

    status = 481
    reason = "Subscription Does Not Exist"


class BadEvent(PresenceError):
    """The event package is missing, unknown, or cannot be had this way (RFC 6665 §8.3.2)."""

    status = 489
    reason = "Bad Event"

    def __init__(self, allow_events: Sequence[str]) -> None:
        super().__init__(", ".join(allow_events))
        self.allow_events = tuple(allow_events)

    @property
    def headers(self) -> Headers:
        return (("Allow-Events", ", ".join(self.allow_events)),)


class OutOfOrder(PresenceError):
    """The CSeq number is not higher than the dialog's last one (RFC 3261 §12.2.2)."""

    status = 500
    reason = "CSeq Out of Order"


class Overloaded(PresenceError):
    """A limit is reached; the client may come back after `retry_after` seconds."""

    status = 503

    def __init__(self, what: str, retry_after: int) -> None:
        super().__init__(what)
        self.retry_after = retry_after

    @property
    def headers(self) -> Headers:
        return (("Retry-After", str(self.retry_after)),)


class StoreTimeout(Overloaded):
    """The store did not take the write; nothing was changed (RFC 3903 §6 step 5)."""

    status = 504

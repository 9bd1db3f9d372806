"""Why the proxy or the registrar refuses a request, each with its wire answer. Pure."""

from collections.abc import Sequence
from typing import ClassVar

Headers = Sequence[tuple[str, str]]


class ProxyError(Exception):
    """Base of the package; a shell answers `status`, `reason` and `headers`."""

    status: ClassVar[int] = 500
    reason: str | None = None
    """None takes the status's own phrase."""

    @property
    def headers(self) -> Headers:
        """Header fields that the answer needs besides those of every response."""
        return ()


class BadRegistration(ProxyError):
    """A REGISTER that contradicts itself, such as `*` beside a contact (RFC 3261 §10.3)."""

    status = 400

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Forbidden(ProxyError):
    """The sender is known and may not do this (RFC 3261 §21.4.4)."""

    status = 403


class NotOwner(Forbidden):
    """Somebody else's address-of-record (RFC 3261 §10.3 step 4)."""

    reason = "Not Your Address-of-Record"


class LoopingContact(Forbidden):
    """A contact that leads back to the address-of-record (RFC 5627 §5.1)."""

    reason = "Contact Leads Back Here"


class TooManyContacts(Forbidden):
    """More contacts than one address-of-record may have.

    403 and not 503: the same request fails again until the user removes a contact, and a 503
    would send the client to another server with it (RFC 3261 §21.5.4).
    """

    reason = "Too Many Contacts"


class NotFound(ProxyError):
    """Nobody of this name in our domains (RFC 3261 §21.4.5)."""

    status = 404


class BadExtension(ProxyError):
    """Required option tags that we do not have (RFC 3261 §8.2.2.3, §16.3)."""

    status = 420

    def __init__(self, tags: Sequence[str]) -> None:
        super().__init__(tags)
        self.tags = tuple(tags)

    @property
    def headers(self) -> Headers:
        return [("Unsupported", ", ".join(self.tags))]


class IntervalTooBrief(ProxyError):
    """The registration would have to be refreshed too often (RFC 3261 §21.4.17)."""

    status = 423

    def __init__(self, min_expires: int) -> None:
        super().__init__(min_expires)
        self.min_expires = min_expires
        """Seconds."""

    @property
    def headers(self) -> Headers:
        return [("Min-Expires", str(self.min_expires))]


class FirstHopLacksOutbound(ProxyError):
    """A flow is registered through a first hop that cannot keep it (RFC 5626 §11.6)."""

    status = 439


class NoBinding(ProxyError):
    """A user of ours who is not registered anywhere (RFC 3261 §21.4.18)."""

    status = 480


class LoopDetected(ProxyError):
    """The request came back to us unchanged (RFC 3261 §21.4.20)."""

    status = 482


class TooManyHops(ProxyError):
    """Max-Forwards has reached zero (RFC 3261 §21.4.21)."""

    status = 483


class OutOfOrder(ProxyError):
    """A REGISTER with a CSeq that is not higher than the binding's (RFC 3261 §10.3 step 7)."""

    status = 500
    reason = "CSeq Out Of Order"


class FlowFailed(ProxyError):
    """The client's connection is gone, and nothing else leads there (RFC 5626 §5.3.1)."""

    status = 430


class NotSecure(ProxyError):
    """Nothing but a hop in the clear leads to a SIPS contact (RFC 3261 §26.2.2)."""

    status = 480


class DialogFlowGone(ProxyError):
    """The same within a dialog: 430 is for proxies and registrars only (RFC 5626 §11.6)."""

    status = 480


class BreadthExceeded(ProxyError):
    """Max-Breadth leaves no branch to us (RFC 5393 §5.3.3)."""

    status = 440


class Overloaded(ProxyError):
    """As many requests are being relayed as may be (RFC 3261 §21.5.4)."""

    status = 503
    RETRY_AFTER: ClassVar[int] = 5
    """Seconds."""

    @property
    def headers(self) -> Headers:
        return [("Retry-After", str(self.RETRY_AFTER))]


class Contention(ProxyError):
    """Others changed the same bindings each time we tried (RFC 3261 §21.5.4)."""

    status = 503
    RETRY_AFTER: ClassVar[int] = 1
    """Seconds."""

    @property
    def headers(self) -> Headers:
        return [("Retry-After", str(self.RETRY_AFTER))]

"""What can be wrong with a SIP message or an exchange, each with its wire answer."""

from typing import ClassVar


class SipError(Exception):
    """Base of the package; `status` is the response a server gives (RFC 3261 §21)."""

    status: ClassVar[int] = 500


class ParseError(SipError):
    """`text` is not a `what`; `position` is the offset in `text` where reading stopped."""

    status = 400

    def __init__(self, what: str, text: str, position: int = 0) -> None:
        super().__init__(f"bad {what} at {position}: {text[:80]!r}")
        self.what = what
        self.text = text
        self.position = position


class TooLong(ParseError):
    """A message longer than is read here (RFC 3261 §21.5.7)."""

    status = 513


class TransportError(SipError):
    """The bytes could not be handed to the network (RFC 3261 §18.4)."""

    status = 503

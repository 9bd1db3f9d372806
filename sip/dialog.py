"""A dialog: what two user agents remember of each other (RFC 3261 §12).

Pure. From and To are kept and written as they were received, character by character, since
handsets compare them so. Tags and sequence numbers to start from are arguments.
"""

from typing import ClassVar, Final, NamedTuple, Self

from sip.address import NameAddr
from sip.errors import ParseError, SipError
from sip.message import Message, Request, Response
from sip.uri import SipUri, parse_uri

MAX_FORWARDS: Final = "70"
"""What a request of our own starts with (RFC 3261 §8.1.1.6)."""


class CseqTooLow(SipError):
    """A request in a dialog is older than one already received (RFC 3261 §12.2.2)."""

    status: ClassVar[int] = 500


class NoContact(SipError):
    """A message that makes a dialog names no Contact with a SIP URI (RFC 3261 §12.1)."""

    status: ClassVar[int] = 400


class Dialog(NamedTuple):
    """One side's view of a dialog."""

    call_id: str
    local_tag: str
    remote_tag: str
    """Empty when the peer sent none (RFC 2543)."""
    local_address: str
    """From of what we send, its tag included."""
    remote_address: str
    """To of what we send, its tag included."""
    remote_target: str
    """URI of the peer's Contact."""
    route_set: tuple[str, ...] = ()
    """Route values, each with its brackets, nearest first."""
    local_cseq: int = 0
    """Of the last request sent; 0 while there was none."""
    remote_cseq: int | None = None
    """Of the newest request received."""

    @classmethod
    def accept(cls, request: Request, local_tag: str) -> Self:
        """The dialog that answering `request` with `local_tag` makes (§12.1.1).

        Raises NoContact, or ParseError for a malformed From, To, CSeq or Contact.
        """
        to = request.get("to") or ""
        return cls(
            call_id=request.call_id,
            local_tag=local_tag,
            remote_tag=request.from_.tag or "",
            local_address=to if request.to.tag else f"{to};tag={local_tag}",
            remote_address=request.get("from") or "",
            remote_target=contact_of(request),
            route_set=tuple(request.values("record-route")),
            remote_cseq=request.cseq.number,
        )

    @classmethod
    def established(cls, request: Request, response: Response) -> Self:
        """The dialog that our `request` and a 2xx to it make (§12.1.2); errors as `accept`."""
        return cls(
            call_id=request.call_id,
            local_tag=request.from_.tag or "",
            remote_tag=response.to.tag or "",
            local_address=request.get("from") or "",
            remote_address=response.get("to") or "",
            remote_target=contact_of(response),
            route_set=tuple(reversed(response.values("record-route"))),
            local_cseq=request.cseq.number,
        )

    @classmethod
    def notified(cls, subscribe: Request, notify: Request) -> Self:
        """The dialog that a NOTIFY to our SUBSCRIBE makes (RFC 6665 §4.4.1); errors as `accept`."""
        theirs = cls.accept(notify, subscribe.from_.tag or "")
        return theirs._replace(
            local_address=subscribe.get("from") or "",
            local_cseq=subscribe.cseq.number,
        )

    @property
    def next_hop(self) -> str:
        """The URI that requests are sent to: the first route, else the remote target (§8.1.2)."""
        return NameAddr.parse(self.route_set[0]).uri if self.route_set else self.remote_target

    def routing(self) -> tuple[str, tuple[str, ...]]:
        """Request-URI and Route values of a request (§12.2.1.1), also for a strict router."""
        if not self.route_set:
            return self.remote_target, ()
        first = parse_uri(NameAddr.parse(self.route_set[0]).uri)
        if not isinstance(first, SipUri) or "lr" in first.parameters:
            return self.remote_target, self.route_set
        stripped = first._replace(parameters=first.parameters.without("method"), headers=None)
        return str(stripped), (*self.route_set[1:], f"<{self.remote_target}>")

    def request(self, method: str) -> tuple[Self, str, list[tuple[str, str]]]:
        """The dialog after one more request, that request's URI, and its headers but Via."""
        after = self._replace(local_cseq=self.local_cseq + 1)
        uri, routes = self.routing()
        headers = [("Route", route) for route in routes]
        headers += [
            ("Max-Forwards", MAX_FORWARDS),
            ("From", self.local_address),
            ("To", self.remote_address),
            ("Call-ID", self.call_id),
            ("CSeq", f"{after.local_cseq} {method}"),
        ]
        return after, uri, headers

    def received(self, request: Request) -> Self:
        """The dialog after a request that leaves its target alone; CseqTooLow (§12.2.2)."""
        number = request.cseq.number
        if self.remote_cseq is not None and number < self.remote_cseq:
            raise CseqTooLow(f"CSeq {number} after {self.remote_cseq}")
        return self._replace(remote_cseq=number)

    def refreshed(self, request: Request) -> Self:
        """The dialog after a target refresh request (§12.2.2); CseqTooLow, NoContact."""
        after = self.received(request)
        return after.retargeted(request)

    def retargeted(self, message: Request | Response) -> Self:
        """The dialog with the target of `message`, if it names one (§12.2.1.2, §12.2.2)."""
        if message.get("contact") is None:
            return self
        return self._replace(remote_target=contact_of(message))


def contact_of(message: Message) -> str:
    """The URI of the one Contact that a dialog needs; NoContact or ParseError."""
    contacts = message.contacts
    if len(contacts) != 1 or contacts[0].uri == "*":
        raise NoContact("exactly one Contact is needed")
    uri = contacts[0].uri
    if not isinstance(parse_uri(uri), SipUri):
        raise ParseError("Contact of a dialog", uri)
    return uri

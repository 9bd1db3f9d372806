"""What kind of work a request is (RFC 3261 §8.2.1 to §8.2.2, §16.2). Pure.

One table for the server itself as user agent server; whatever is for somebody else is relayed.
"""

from collections.abc import Container, Mapping
from enum import Enum
from typing import Final

from presence.presentity import is_number
from proxy.addresses import Place
from proxy.errors import BadExtension, Headers, ProxyError
from proxy.options import allow_header
from sip.check import unsupported_options
from sip.message import Request

Road = Enum("Road", ["OPTIONS", "REGISTER", "PUBLISH", "SUBSCRIBE", "RELAY", "IN_DIALOG", "MOVED"])
"""IN_DIALOG is for a request within a dialog whose first request we relayed; MOVED for one that
goes to another place than before, which is one of the two others when that was looked up."""
RELAYED: Final = frozenset({Road.RELAY, Road.IN_DIALOG, Road.MOVED})

FOR_SERVER: Final[Mapping[str, Road]] = {
    "OPTIONS": Road.OPTIONS,
    "REGISTER": Road.REGISTER,
    "PUBLISH": Road.PUBLISH,
    "SUBSCRIBE": Road.SUBSCRIBE,
}
FOR_USER: Final[Mapping[str, Road]] = {
    "REGISTER": Road.REGISTER,
    "PUBLISH": Road.PUBLISH,
    "SUBSCRIBE": Road.SUBSCRIBE,
}
IN_DIALOG_ONLY: Final = frozenset({"NOTIFY", "BYE", "INFO", "UPDATE", "PRACK"})
"""Known methods that make sense to the server only in a dialog, and it has no such dialog."""
EVENT_METHODS: Final = frozenset({"PUBLISH", "SUBSCRIBE"})
DIALOG_MAKERS: Final = frozenset({"INVITE", "SUBSCRIBE", "REFER"})


class NotAllowed(ProxyError):
    """A method that the server does not answer itself (RFC 3261 §8.2.1)."""

    status = 405

    @property
    def headers(self) -> Headers:
        return [allow_header()]


class NoDialog(ProxyError):
    """No such dialog or transaction here (RFC 3261 §12.2.2, §9.2)."""

    status = 481


class SchemeUnsupported(ProxyError):
    """A Request-URI that cannot be routed (RFC 3261 §8.2.2.1)."""

    status = 416


class BadEvent(ProxyError):
    """An event package that is not served (RFC 6665 §8.3.2, RFC 3903 §6 step 2)."""

    status = 489

    def __init__(self, packages: str) -> None:
        super().__init__(packages)
        self.packages = packages
        """As Allow-Events lists them."""

    @property
    def headers(self) -> Headers:
        return [("Allow-Events", self.packages)]


def road_of(request: Request, place: Place) -> Road:
    """Who is to work on `request`. Raises NotAllowed, NoDialog or SchemeUnsupported."""
    if request.method == "CANCEL":
        raise NoDialog
    if place is Place.UNREACHABLE:
        raise SchemeUnsupported
    if place is Place.ELSEWHERE:
        return Road.RELAY
    if place is Place.USER:
        return FOR_USER.get(request.method, Road.RELAY)
    road = FOR_SERVER.get(request.method)
    if road is not None:
        return road
    if request.method in IN_DIALOG_ONLY and request.to.tag is not None:
        raise NoDialog
    raise NotAllowed


def place_of_number(request: Request, place: Place) -> Place:
    """`place`, or a user of ours when somebody's events are asked for by a number (PRS-11)."""
    numbered = place is Place.UNREACHABLE and is_number(request.uri_text)
    return Place.USER if numbered and request.method in EVENT_METHODS else place


def event_road(
    request: Request, road: Road, place: Place, packages: Container[str], listed: str
) -> Road:
    """`road`, or the way to the user's own devices for a package that we do not serve.

    A PUBLISH has nowhere else to go (RFC 3903 §6 step 2). Raises BadEvent, ParseError.
    """
    event = request.event
    if event is not None and event.package in packages:
        return road
    devices = place is Place.USER and not is_number(request.uri_text)
    if event is not None and road is Road.SUBSCRIBE and devices:
        return Road.RELAY
    raise BadEvent(listed)


def check_required(request: Request, supported: Container[str]) -> None:
    """Raises BadExtension (RFC 3261 §8.2.2.3)."""
    unknown = unsupported_options(request, supported)
    if unknown:
        raise BadExtension(unknown)

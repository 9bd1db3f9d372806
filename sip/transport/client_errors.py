"""What can go wrong for a client, each in a sentence that a user can act on."""

from typing import Final

from sip.errors import SipError
from sip.message import Response

HINTS: Final = {
    403: "the server does not let you do this",
    404: "nobody is known there by that address",
    406: "the server has no body of a type that we accept",
    415: "the server does not know this type of body",
    480: "nobody is reachable there now",
    489: "the server does not know this event",
}


class RequestRefused(SipError):
    """The server answered with a failure."""

    def __init__(self, method: str, uri: str, response: Response) -> None:
        hint = HINTS.get(response.status)
        text = f"{method} {uri} was answered {response.status} {response.reason}"
        super().__init__(f"{text}: {hint}" if hint else text)
        self.response = response

    @property
    def code(self) -> int:
        """The status code of the response."""
        return self.response.status


class WrongPassword(RequestRefused):
    """The server asks for credentials again, or asks for what we do not have."""


class NoAnswer(SipError):
    """Nothing came back before the transaction timed out (timer F)."""


class Unreachable(SipError):
    """The server could not be reached at all."""


class SubscriptionEnded(SipError):
    """The subscription is over; nothing can be done with it any more."""

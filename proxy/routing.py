"""What an operator's routing file imports, and what the server asks of it.

Pure. A routing file is a Python file with one or more of these functions, plain or `async`:

    def on_request(request: RoutedRequest) -> Relay | Answer | Reject | None: ...
    def on_register(register: RoutedRegister) -> Answer | Reject | None: ...
    def on_reply(reply: RoutedReply) -> None: ...

None goes on as the server would have without the file, with the message as it was changed.
docs/routing.md is the guide, examples/routing/ has files to begin with.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from proxy.routed_message import RoutedRegister as RoutedRegister
from proxy.routed_message import RoutedReply as RoutedReply
from proxy.routed_message import RoutedRequest as RoutedRequest
from proxy.routed_message import check_header, check_uri
from sip.authenticator import Identity
from sip.message import Request, Response
from sip.transport.flow import Flow

FIRST_FINAL: Final = 200
FIRST_FAILURE: Final = 400
LAST_STATUS: Final = 699


@dataclass(frozen=True, slots=True, init=False)
class Relay:
    """Send the request on: where it would have gone, or to `uris` instead.

    A URI of one of our users stands for all that this user has registered. Several URIs are
    tried at once, or with `serial` one after the other until one accepts or declines for all
    (6xx). ValueError for what is no sip: or sips: URI.
    """

    uris: tuple[str, ...]
    serial: bool

    def __init__(self, *uris: str, serial: bool = False) -> None:
        object.__setattr__(self, "uris", tuple(check_uri(uri) for uri in uris))
        object.__setattr__(self, "serial", serial)


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer the request here, with a final response of any class.

    A 3xx takes its Contact among `headers`. An INVITE or SUBSCRIBE cannot be accepted (2xx):
    nobody would be there to hold the dialog. ValueError for another status or a header that
    must not be set.
    """

    status: int
    reason: str | None = None
    """None takes the usual phrase of the status."""
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""
    """Its Content-Type goes among the headers."""

    def __post_init__(self) -> None:
        _check_response(self.status, self.reason, self.headers, FIRST_FINAL)


@dataclass(frozen=True, slots=True)
class Reject:
    """Refuse the request with a 4xx, 5xx or 6xx. ValueError as for `Answer`."""

    status: int = 403
    reason: str | None = None
    headers: Sequence[tuple[str, str]] = ()

    def __post_init__(self) -> None:
        _check_response(self.status, self.reason, self.headers, FIRST_FAILURE)


@dataclass(frozen=True, slots=True)
class Plan:
    """What the relay is told of a request that the file let through."""

    request: Request
    """As the file left it."""
    uris: tuple[str, ...] = ()
    """Targets instead of those that the server would find; empty for those it finds."""
    serial: bool = False
    asserted: bool = False
    """The file itself set or removed P-Asserted-Identity, which stands for our own word."""


class Router(Protocol):
    """The routing file as the server sees it; it never raises."""

    @property
    def wants_requests(self) -> bool:
        """Whether there is an `on_request` to ask."""

    @property
    def wants_registers(self) -> bool:
        """Whether there is an `on_register` to ask."""

    @property
    def wants_replies(self) -> bool:
        """Whether there is an `on_reply` to ask."""

    async def on_request(
        self, request: Request, identity: Identity, flow: Flow
    ) -> Plan | Answer | Reject | None:
        """What is to be done with a request; None when the file changed nothing."""

    async def on_register(
        self, request: Request, identity: Identity, flow: Flow
    ) -> Request | Answer | Reject | None:
        """The REGISTER as the file changed it, or its answer; None when nothing changed."""

    async def on_reply(self, response: Response, request: Request) -> Response | None:
        """The response to `request` as the file changed it; None when nothing changed."""


def _check_response(
    status: int, reason: str | None, headers: Sequence[tuple[str, str]], first: int
) -> None:
    if not first <= status <= LAST_STATUS:
        raise ValueError(f"status {status} is not within {first} to {LAST_STATUS}")
    if reason is not None:
        check_header("Reason-Phrase", reason)
    for name, value in headers:
        check_header(name, value)

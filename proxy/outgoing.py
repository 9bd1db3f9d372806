"""What one copy of a relayed request is given: Via, Record-Route, and who it is from.

Pure. RFC 3261 §16.6 steps 2 to 8, RFC 5658 §3.2, RFC 5626 §5.3, RFC 3325 §5.
"""

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from proxy.addresses import DEFAULT_PORTS
from proxy.asserted import (
    ASSERTED,
    Changes,
    Toward,
    asserted_headers,
    asserted_in_response,
    credentials_kept,
)
from proxy.destination import Destination
from proxy.flow_token import FlowToken, mint, read
from proxy.forwarding import Changed, forwarded, record_routes
from proxy.relay import (
    BETWEEN,
    DIALOG_METHODS,
    MARK_DIGITS,
    Routed,
    dialog_mark,
    loop_mark,
    recorded_user,
    token_of,
)
from sip.authenticator import Identity
from sip.errors import ParseError
from sip.message import Draft, Request, Response, parse_message
from sip.transport.flow import Flow
from sip.uri import SipUri

_DIALOG_KEY: Final = b"dialog "
"""Before the deployment's secret, the key of the tokens in Record-Route: who is shown one must
not be able to begin a dialog with it, as a token in a Path can."""


class Passage(NamedTuple):
    """A request on its way through."""

    request: Request
    """As it came, or as the routing file left it."""
    arrived: Flow
    identity: Identity
    loop: str
    """End of our branches, see `loop_mark`."""
    size: int
    """Octets of the request."""
    hands_off: bool = False
    """The routing file has set what is asserted of the sender: it goes out as it is."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """How requests leave this process."""

    key: bytes
    """The deployment's secret."""
    worker: str
    record_route: bool
    """False: only where a dialog needs it."""
    trusted: Callable[[Flow], bool]
    """Whether the peer is of our trust domain (RFC 3325 §11)."""
    is_domain: Callable[[str], bool]

    def path_token(self, user: str) -> FlowToken | None:
        """The flow that a Path of ours names."""
        if len(user) <= MARK_DIGITS or BETWEEN in user:
            return None  # a Record-Route's, or nothing
        return read(user, self.key)

    def own_flow(self, user: str) -> str:
        """The flow of this process that a Path of ours names; "" for all others."""
        token = self.path_token(user)
        return token.flow if token is not None and token.worker == self.worker else ""

    def dialog_token(self, routed: Routed) -> FlowToken | None:
        """The flow that a Record-Route of ours names."""
        token = token_of(routed)
        return read(token, self._dialog_key) if token else None

    def passage(
        self, request: Request, routed: Routed, arrived: Flow, identity: Identity
    ) -> Passage:
        """`request` as it sets out."""
        size = len(request.body) + sum(map(len, request.lines)) + 2 * len(request.lines)
        return Passage(request, arrived, identity, loop_mark(request, routed, self.key), size)

    def write(
        self, passage: Passage, destination: Destination, leaving: Flow, branch: str, breadth: int
    ) -> bytes:
        """The request as it leaves. Raises ParseError, and PrivacyFailed."""
        request = passage.request
        recorded: Sequence[str] = ()
        if request.method in DIALOG_METHODS:
            recorded = self._recorded(passage, destination, leaving)
        changes = self._said_of_sender(passage, destination, leaving)
        return forwarded(
            request,
            Changed(
                uri=destination.uri,
                routes=destination.routes,
                via=f"{leaving.via_prefix};branch={branch};rport",
                recorded=recorded,
                breadth=breadth,
                dropped=frozenset(name.lower() for name in changes.dropped),
                added=changes.added,
            ),
        )

    def heard(self, response: Response, flow: Flow) -> Response:
        """`response` without what a peer that is not trusted says of itself (RFC 3325 §5)."""
        if response.get("p-asserted-identity") is None or self.trusted(flow):
            return response
        draft = Draft(response)
        draft.remove(ASSERTED)
        message = parse_message(bytes(draft))
        assert isinstance(message, Response)
        return message

    def withheld(self, passage: Passage, response: Response) -> Container[str]:
        """Keys of what the sender is not shown of who answered (RFC 3325 §7)."""
        if response.get("p-asserted-identity") is None:
            return ()
        toward = Toward.STRANGER
        if self.trusted(passage.arrived):
            toward = Toward.TRUSTED
        elif passage.identity.aor is not None:
            toward = Toward.USER
        names = asserted_in_response(response, from_trusted=True, toward=toward)
        return [name.lower() for name in names]

    def _said_of_sender(self, passage: Passage, destination: Destination, leaving: Flow) -> Changes:
        """What is asserted of the sender, and which credentials go on (RFC 3261 §22.3)."""
        request, identity = passage.request, passage.identity
        changes = credentials_kept(request, self.is_domain)
        if passage.hands_off:
            return changes
        return changes + asserted_headers(
            request, identity, toward=self._toward(destination, leaving)
        )

    def _toward(self, destination: Destination, leaving: Flow) -> Toward:
        if self.trusted(leaving) or self._is_deployment(destination):
            return Toward.TRUSTED
        return Toward.USER if destination.contact or destination.flow else Toward.STRANGER

    def _is_deployment(self, destination: Destination) -> bool:
        """Whether the next hop is another process of ours, by the token in its Path."""
        if destination.contact is None or not destination.routes:
            return False
        user = SipUri.parse(destination.next_hops[0]).user if destination.next_hops else None
        return self.path_token(user or "") is not None

    def _recorded(self, passage: Passage, destination: Destination, leaving: Flow) -> Sequence[str]:
        """Our Record-Route values: with tokens for clients that only their own flow leads to."""
        request, arrived = passage.request, passage.arrived
        tokens = (
            self._token(arrived) if self._is_bound(request, arrived) else "",
            self._token(leaving) if _needs_flow(destination, leaving) else "",
        )
        same = arrived.contact == leaving.contact
        if same and not self.record_route and not any(tokens):
            return ()
        mark = dialog_mark(request.call_id, self.key)
        return record_routes(
            (recorded_user(mark, tokens[0]), arrived.contact),
            (recorded_user(mark, tokens[1]), leaving.contact),
            secure=destination.uri.startswith("sips:") or request.uri_text.startswith("sips:"),
        )

    def _is_bound(self, request: Request, arrived: Flow) -> bool:
        """Whether only `arrived` leads back to the sender. A peer knows its own address."""
        if is_client(request, arrived):
            return True
        return is_elsewhere(request, arrived) and not self.trusted(arrived)

    def _token(self, flow: Flow) -> str:
        return mint(flow.name, self.worker, self._dialog_key)

    @property
    def _dialog_key(self) -> bytes:
        return (_DIALOG_KEY + self.key)[:64]


def is_client(request: Request, flow: Flow) -> bool:
    """Whether the sender is reached by its own flow: it is no proxy, and there is a connection,
    or it wants that (`ob`, RFC 5626 §5.3)."""
    vias = request.all("via")
    if len(vias) > 1 or "," in vias[0]:
        return False
    return flow.reliable or ";ob" in (request.get("contact") or "")


def is_elsewhere(request: Request, flow: Flow) -> bool:
    """Whether a client names another address than it is heard from, as one behind a NAT does."""
    contact = request.get("contact")
    host, port = flow.remote
    if contact is None or f"@{host}:{port}" in contact or len(request.all("via")) > 1:
        return False
    try:
        uri = request.contacts[0].sip_uri
    except (ParseError, IndexError):
        return False
    return (uri.host.strip("[]"), uri.port or DEFAULT_PORTS[uri.scheme]) != (host, port)


def _needs_flow(destination: Destination, leaving: Flow) -> bool:
    """The same for whom the request is sent to."""
    if destination.flow:
        return True
    contact = destination.contact
    return (
        contact is not None
        and not destination.routes
        and (leaving.reliable or bool(contact.received))
    )

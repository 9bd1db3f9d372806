"""What one copy of a relayed request is given: Via, Record-Route, and who it is from.

Pure. RFC 3261 §16.6 steps 2 to 8, RFC 5658 §3.2, RFC 5626 §5.3, RFC 3325 §5.
"""

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from proxy.addresses import DEFAULT_PORTS, OurAddresses
from proxy.asserted import (
    ASSERTED,
    Changes,
    Toward,
    asserted_headers,
    asserted_in_response,
    credentials_kept,
)
from proxy.destination import Destination
from proxy.dialog_mark import (
    BETWEEN,
    MARK_DIGITS,
    NO_DIALOG,
    Dialog,
    Side,
    dialog_of,
    leads,
    mark_of,
    next_hop,
    recorded_user,
    side_of,
    token_of,
    way_back,
)
from proxy.errors import NotSecure
from proxy.flow_token import FlowToken, mint, read
from proxy.forwarding import Changed, forwarded, record_routes
from proxy.relay import DIALOG_METHODS, Routed, check_forwardable, loop_mark
from sip.address import NameAddr
from sip.authenticator import Identity
from sip.errors import ParseError
from sip.message import Draft, Request, Response, parse_message
from sip.transport.flow import Flow
from sip.uri import SipUri


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
    dialog: Dialog
    """What the request's marks and tokens are of."""
    mark: str
    """By which its receiver sends requests within that dialog; "" when there will be none."""
    hands_off: bool = False
    """The routing file has set what is asserted of the sender: as good as a trusted peer's word."""


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
    ours: OurAddresses

    def path_token(self, user: str) -> FlowToken | None:
        """The flow that a Path of ours names."""
        if len(user) <= MARK_DIGITS or BETWEEN in user:
            return None  # a Record-Route's, or nothing
        return read(user, self.key)

    def own_flow(self, user: str) -> str:
        """The flow of this process that a Path of ours names; "" for all others."""
        token = self.path_token(user)
        return token.flow if token is not None and token.worker == self.worker else ""

    def side(self, request: Request, routed: Routed, now: float) -> Side | None:
        """Which side of a dialog that was let through `request` shows to come from."""
        return side_of(request, routed.mark, self.ours.serves, now, self.key)

    def may_leave(self, routed: Routed, arrived: Flow) -> bool:
        """Whether the mark of a request, whose side is known, lets it go where it wants to."""
        toward = next_hop(routed.uri, routed.routes, self._is_us(arrived))
        return leads(routed.mark, toward, self.key)

    def dialog_token(self, request: Request, routed: Routed) -> FlowToken | None:
        """The flow that a Record-Route of ours names for the dialog of `request`."""
        token = token_of(routed.mark)
        if not token or request.to.tag is None:
            return None
        for address in (request.from_, request.to):
            found = read(token, self.key, (request.call_id, address.tag or ""))
            if found is not None:
                return found
        return None

    def passage(
        self, request: Request, routed: Routed, arrived: Flow, identity: Identity, now: float
    ) -> Passage:
        """`request` as it sets out. Raises what `check_forwardable` does."""
        size = len(request.body) + sum(map(len, request.lines)) + 2 * len(request.lines)
        loop = loop_mark(request, routed, self.key)
        check_forwardable(request, loop, self._is_us(arrived))
        dialog, mark = NO_DIALOG, ""
        if request.method in DIALOG_METHODS:
            dialog = dialog_of(request, self.ours.serves)
            routes = request.values("record-route")
            toward = way_back(request, routes, self._is_us(arrived))
            mark = mark_of(dialog, "receiver", toward, now, self.key)
        return Passage(request, arrived, identity, loop, size, dialog, mark)

    def write(
        self,
        passage: Passage,
        destination: Destination,
        leaving: Flow,
        branch: str,
        breadth: int,
        recorded: Sequence[str] = (),
    ) -> bytes:
        """The request as it leaves. Raises ParseError, NotSecure and PrivacyFailed."""
        if destination.uri[:5].lower() == "sips:" and not leaving.secure:
            self._check_secure(destination)
        changes = self._said_of_sender(passage, destination, leaving)
        return forwarded(
            passage.request,
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

    def _check_secure(self, destination: Destination) -> None:
        """What was registered as SIPS is reached by TLS, or through the network between our own
        processes (§26.2.2). Raises NotSecure."""
        is_client = destination.flow or destination.contact is not None
        if is_client and not self._is_deployment(destination):
            raise NotSecure

    def _said_of_sender(self, passage: Passage, destination: Destination, leaving: Flow) -> Changes:
        """What is asserted of the sender, and which credentials go on (RFC 3261 §22.3)."""
        request, identity = passage.request, passage.identity
        changes = credentials_kept(request, self.ours.is_domain)
        if passage.hands_off:
            identity = Identity(identity.aor, "asserted")
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

    def recorded(
        self, passage: Passage, destination: Destination, leaving: Flow
    ) -> tuple[str, ...]:
        """Our Record-Route values: with tokens for clients that only their own flow leads to."""
        if not passage.mark:
            return ()
        request, arrived, mark = passage.request, passage.arrived, passage.mark
        tokens = (
            self._token(passage, arrived) if self._is_bound(request, arrived) else "",
            self._token(passage, leaving) if _needs_flow(destination, leaving) else "",
        )
        same = arrived.contact == leaving.contact
        if same and not self.record_route and not any(tokens):
            return ()
        return record_routes(
            (recorded_user(mark, tokens[0]), arrived.contact),
            (recorded_user(mark, tokens[1]), leaving.contact),
            secure=destination.uri.startswith("sips:") or request.uri_text.startswith("sips:"),
        )

    def remarked(
        self, passage: Passage, response: Response, ours: Iterable[tuple[str, ...]], now: float
    ) -> Sequence[str] | None:
        """The Record-Route values of `response`, ours with the mark of the request's sender in
        place of its receiver's (§16.7 step 8); None when they stay as they are.

        `ours` is what the branches were given. Only in their place are they known as ours: in any
        other the mark would be told to somebody else.
        """
        values = response.values("record-route")
        end = len(values) - len(passage.request.values("record-route"))
        start = _start_of(values[: max(end, 0)], ours)
        if start is None:
            return None
        toward = way_back(response, values[:start][-1:], self._is_us(passage.arrived))
        mark = mark_of(passage.dialog, "sender", toward, now, self.key)
        changed = [value.replace(passage.mark, mark, 1) for value in values[start:end]]
        return [*values[:start], *changed, *values[end:]]

    def _is_bound(self, request: Request, arrived: Flow) -> bool:
        """Whether only `arrived` leads back to the sender. A peer knows its own address."""
        if is_client(request, arrived):
            return True
        return is_elsewhere(request, arrived) and not self.trusted(arrived)

    def _token(self, passage: Passage, flow: Flow) -> str:
        return mint(flow.name, self.worker, self.key, passage.dialog.named)

    def _is_us(self, arrived: Flow) -> Callable[[SipUri], bool]:
        return lambda uri: self.ours.is_us(uri, arrived.local)


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


def _start_of(values: Sequence[str], ours: Iterable[tuple[str, ...]]) -> int | None:
    """Where in Record-Route `values` those begin that are ours and the last."""
    for recorded in sorted(ours, key=len, reverse=True):
        start = len(values) - len(recorded)
        if start >= 0 and all(map(_is_same, values[start:], recorded)):
            return start
    return None


def _is_same(value: str, recorded: str) -> bool:
    """Whether `value` is what we recorded, however a user agent wrote it down again."""
    if value == recorded:
        return True
    try:
        return NameAddr.parse(value).sip_uri.equivalent(NameAddr.parse(recorded).sip_uri)
    except ParseError:
        return False


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

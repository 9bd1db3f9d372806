"""Takes every request from the stack to the one who works on it (RFC 3261 §8.2, §16.2). Shell.

What needs no waiting is answered here and now: malformed requests, OPTIONS, refusals,
challenges. The rest runs in one task per request, and whatever goes wrong in it is answered
once and harms nothing else.
"""

import asyncio
from collections.abc import Awaitable, Callable, Container, Sequence
from contextlib import suppress
from typing import Final, Protocol

import structlog

from presence.package import is_template
from proxy.addresses import OurAddresses, Place
from proxy.admission_service import Standing
from proxy.errors import NoBinding, ProxyError
from proxy.ports import Transaction
from proxy.registrar_service import RegistrarService
from proxy.registration import SUPPORTED
from proxy.relay_service import RelayService
from proxy.routing import Plan, Router
from server.dispatch_rules import (
    DIALOG_MAKERS,
    RELAYED,
    BadEvent,
    Road,
    check_required,
    event_road,
    place_of_number,
    road_of,
)
from server.identity_service import IdentityService
from server.routing_hook import RoutingHook
from sip.authenticator import Identity
from sip.check import check_request
from sip.errors import ParseError, SipError
from sip.message import Request, build_response, header_lines
from sip.transport.flow import Flow
from store.errors import StoreError

OK: Final = 200
RETRY_AFTER: Final = 5
"""Seconds in the 503 of a server that is full, draining or without its store."""
MAX_IN_WORK: Final = 20_000
"""Requests being worked on at a time; more get 503 at once."""

_BUSY: Final = (("Retry-After", str(RETRY_AFTER)),)

Count = Callable[[str, int], None]
"""Told the method and final status of each request."""

log = structlog.get_logger("dispatch")


class Events(Protocol):
    """The event server; `presence.service.EventService` is one."""

    async def publish(self, tx: Transaction, identity: Identity) -> None: ...
    async def subscribe(self, tx: Transaction, identity: Identity) -> None: ...


class Dispatcher:
    """The transaction user of the SIP stack."""

    def __init__(
        self,
        *,
        ours: OurAddresses,
        identities: IdentityService,
        events: Events,
        packages: Sequence[str],
        registrar: RegistrarService,
        relay: RelayService,
        options: Sequence[tuple[str, str]],
        count: Count,
        router: Router | None = None,
        register_tags: Container[str] = SUPPORTED,
        event_tags: Container[str] = frozenset(),
        max_in_work: int = MAX_IN_WORK,
    ) -> None:
        """`packages` are served, templates among them; `options` are the header fields of an
        OPTIONS answer, `register_tags` and `event_tags` the option tags that REGISTER, or
        SUBSCRIBE and PUBLISH, may require; `router` is the operator's routing file."""
        self._ours = ours
        self._identities = identities
        self._events = events
        self._packages = frozenset(packages)
        self._listed = ", ".join(name for name in packages if not is_template(name, packages))
        self._registrar = registrar
        self._relay = relay
        self._options = tuple(options)
        self._options_lines = header_lines(options)
        self._count = count
        self._routing = RoutingHook(router)
        self._register_tags = register_tags
        self._event_tags = event_tags
        self._max_in_work = max_in_work
        self._tasks: dict[Transaction, asyncio.Task[None]] = {}
        self._draining = False
        self._settling = False

    @property
    def in_work(self) -> int:
        """Requests being worked on."""
        return len(self._tasks)

    def drain(self) -> None:
        """Take no new dialogs from now on."""
        self._draining = True

    def resume(self) -> None:
        """Take new dialogs again."""
        self._draining = False

    async def settle(self, seconds: float) -> bool:
        """Wait up to `seconds` for what is in work or being relayed; whether none is left.

        Nothing is taken meanwhile but what belongs to a dialog that we relay, such as a BYE: other
        requests could be committed and never answered.
        """
        self._settling = True
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._tasks or self._relay.under_way:
                    if self._tasks:
                        await asyncio.wait(self._tasks.values())
                    await self._relay.settle()
        return not self._tasks and not self._relay.under_way

    def on_request(self, tx: Transaction) -> None:
        """A new request; its retransmissions are the stack's affair."""
        try:
            if not self._dispatch(tx):
                return
        except Exception as error:  # noqa: BLE001 - one request's failure is its own
            self._failed(tx, error)
        self._answered(tx)

    def options(self, request: Request, flow: Flow, to_tag: str) -> bytes | None:
        """The answer to an OPTIONS for the server itself, without state (RFC 3261 §8.2.7, §11.2).

        None when there is more to it: it is malformed, for somebody else, or requires something.
        """
        if request.get("route") is not None or request.get("require") is not None:
            return None
        if check_request(request) is not None:
            return None
        if self._ours.place(request.uri_text, flow.local) is not Place.SERVER:
            return None
        self._count("OPTIONS", OK)
        return build_response(request, OK, headers=self._options_lines, to_tag=to_tag)

    def on_ack(self, request: Request, flow: Flow) -> None:
        """The ACK of a 2xx, which belongs to a call we relayed (RFC 3261 §13.2.2.4)."""
        if check_request(request) is None:
            self._relay.ack(request, flow)

    def _dispatch(self, tx: Transaction) -> bool:
        """Answer, or hand to a task. True when answered."""
        request = tx.request
        refusal = check_request(request)
        if refusal is not None:
            tx.respond(refusal.status, reason=refusal.reason, headers=refusal.headers)
            return True
        place, standing = self._place(tx)
        road = self._road(request, place, standing)
        if road is Road.OPTIONS:
            self._check_tags(request, road)
            tx.respond(200, headers=self._options)
            return True
        if self._refuses_load(request, road):
            tx.respond(503, headers=_BUSY)
            return True
        return self._begin(tx, road, self._known(tx, road))

    def _place(self, tx: Transaction) -> tuple[Place, Standing]:
        """Where the request leads, and whether it belongs to a dialog that we relay."""
        request, flow = tx.request, tx.flow
        if request.get("route") is None:
            place = self._ours.place(request.uri_text, flow.local)
            return place_of_number(request, place), Standing.NEW
        routed = self._relay.preprocess(request, flow)
        place = self._ours.place(routed.uri, flow.local)
        if routed.routes:
            place = Place.ELSEWHERE
        if place is Place.SERVER:
            return place, Standing.NEW
        return place, self._relay.standing(request, routed, flow)

    def _road(self, request: Request, place: Place, standing: Standing = Standing.NEW) -> Road:
        if standing is Standing.ADMITTED:
            return Road.IN_DIALOG
        road = road_of(request, place)
        if road is Road.PUBLISH or road is Road.SUBSCRIBE:
            road = event_road(request, road, place, self._packages, self._listed)
        return Road.MOVED if road is Road.RELAY and standing is Standing.MARKED else road

    def _known(self, tx: Transaction, road: Road) -> Identity | None:
        """The sender, when no credentials are needed to know who that is."""
        if road is Road.IN_DIALOG:
            return self._identities.in_dialog(tx)
        return None if road is Road.MOVED else self._identities.at_once(tx)

    def _refuses_load(self, request: Request, road: Road) -> bool:
        if len(self._tasks) >= self._max_in_work:
            return True
        if self._settling and road not in (Road.IN_DIALOG, Road.MOVED):
            return True
        return self._draining and request.method in DIALOG_MAKERS and request.to.tag is None

    def _begin(self, tx: Transaction, road: Road, identity: Identity | None) -> bool:
        """Challenge at once who shows no credentials; a task for all others."""
        self._check_tags(tx.request, road)
        relaying = road is Road.RELAY
        is_settled = identity is not None or road is Road.MOVED
        if not is_settled and not self._identities.has_credentials(tx, relaying=relaying):
            self._identities.challenge(tx, relaying=relaying)
            return True
        work = self._work(tx, road, identity)
        self._tasks[tx] = asyncio.get_running_loop().create_task(work)
        return False

    def _check_tags(self, request: Request, road: Road) -> None:
        if road is Road.REGISTER or road is Road.OPTIONS:
            check_required(request, self._register_tags)
        elif road not in RELAYED:
            check_required(request, self._event_tags)

    async def _work(self, tx: Transaction, road: Road, identity: Identity | None) -> None:
        """The whole of one task; a request that was relayed is answered later."""
        try:
            if road is Road.MOVED:
                admitted = await self._relay.admits(tx.request, tx.flow)
                road = Road.IN_DIALOG if admitted else Road.RELAY
                identity = self._known(tx, road)
            if identity is None:
                identity = await self._identities.verify(tx, relaying=road is Road.RELAY)
            if identity is not None and not await self._route(tx, road, identity):
                return
        except Exception as error:  # noqa: BLE001 - the boundary: one request, one answer
            self._failed(tx, error)
        else:
            if not tx.final:
                log.error("request-unanswered", **_facts(tx.request))
                self._respond(tx, 500)
        finally:
            # A callback for this would cost another turn of the loop.
            self._tasks.pop(tx, None)
        self._answered(tx)

    async def _route(self, tx: Transaction, road: Road, identity: Identity) -> bool:
        """Serve the request as the routing file wants it; False when the relay answers later."""
        plan: Plan | None = None
        if self._routing.asks(tx.request, road):
            plan = await self._routing.plan(tx, identity)
            if plan is None:
                return True
            road = self._replanned(tx, road, plan)
        if road in RELAYED:
            admitted = road is Road.IN_DIALOG
            await self._relay.relay(tx, identity, self._answered, admitted=admitted, plan=plan)
            return False
        if road is Road.OPTIONS:
            tx.respond(200, headers=self._options)
        else:
            await self._serve(tx, road, identity)
        return True

    def _replanned(self, tx: Transaction, road: Road, plan: Plan) -> Road:
        """Who serves the request as the routing file left it. Raises ProxyError."""
        moved = plan.request.uri_text != tx.request.uri_text
        tx.request = plan.request
        if plan.uris:
            return Road.RELAY
        if moved:
            road = self._road(tx.request, self._place(tx)[0])
            self._check_tags(tx.request, road)
        return road

    def _serve(self, tx: Transaction, road: Road, identity: Identity) -> Awaitable[None]:
        match road:
            case Road.REGISTER:
                return self._registrar.register(tx, identity)
            case Road.PUBLISH:
                return self._events.publish(tx, identity)
            case _:
                return self._events.subscribe(tx, identity)

    def _failed(self, tx: Transaction, error: Exception) -> None:
        """Answer for `error`: the peer's fault as it says, ours 500 and a line in the log."""
        if isinstance(error, NoBinding) and tx.request.method == "SUBSCRIBE":
            error = BadEvent(self._listed)
        if isinstance(error, ProxyError):
            self._respond(tx, error.status, error.reason, error.headers)
        elif isinstance(error, ParseError):
            self._respond(tx, error.status, f"Bad {error.what}")
        elif isinstance(error, StoreError):
            log.warning("store-unavailable", error=str(error), **_facts(tx.request))
            self._respond(tx, error.status, None, _BUSY)
        else:
            log.error("request-failed", exc_info=error, **_facts(tx.request))
            self._respond(tx, error.status if isinstance(error, SipError) else 500)

    def _respond(
        self,
        tx: Transaction,
        status: int,
        reason: str | None = None,
        headers: Sequence[tuple[str, str]] = (),
    ) -> None:
        """Answer once; a response that cannot be made or sent is logged and no more."""
        if tx.final:
            return
        try:
            tx.respond(status, reason=reason, headers=headers)
        except Exception as error:
            log.error("response-failed", exc_info=error, **_facts(tx.request))

    def _answered(self, tx: Transaction) -> None:
        if tx.final:
            self._count(tx.request.method, int(tx.response[8:11]))


def _facts(request: Request) -> dict[str, str | None]:
    """What a line in the log says of a request that may be malformed anywhere."""
    facts = {"method": request.method, "call_id": request.get("call-id")}
    facts["event_header"] = request.get("event")
    with suppress(ParseError):
        facts["aor"] = request.to.uri
    return facts

"""A subscription as its subscriber holds it (RFC 6665 §4.1).

Shell: an asynchronous iterator of what the notifier tells.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final, Protocol

from sip.dialog import CseqTooLow, Dialog
from sip.errors import ParseError, SipError
from sip.message import Request, Response
from sip.subscription_state import SubscriptionState
from sip.transport.client_errors import SubscriptionEnded
from sip.transport.server_transaction import ServerTransaction

OK: Final = 200
BAD_REQUEST: Final = 400
BAD_EVENT: Final = 489
TERMINATED: Final = "terminated"


@dataclass(frozen=True, slots=True)
class Notify:
    """One NOTIFY, already answered 200."""

    state: SubscriptionState
    content_type: str | None
    """In lower case, without parameters; None when there is no body."""
    body: bytes
    request: Request
    """As it was received."""


class Requester(Protocol):
    """What a subscription needs of its user agent."""

    async def in_dialog(
        self, dialog: Dialog, method: str, headers: list[tuple[str, str]]
    ) -> tuple[Dialog, Response]:
        """Send a request in `dialog`; RequestRefused and the other errors of a client."""

    def forget(self, subscription: "ClientSubscription") -> None:
        """Deliver nothing to it any more."""


class ClientSubscription(AsyncIterator[Notify]):
    """Iterate over it for NOTIFYs; it ends after the one that says "terminated"."""

    def __init__(self, agent: Requester, event: str, headers: list[tuple[str, str]]) -> None:
        """`headers`: those that every SUBSCRIBE of this subscription bears (Event, Accept…)."""
        self.event = event
        self.expires = 0
        """Seconds granted by the last answer."""
        self.dialog: Dialog | None = None
        self.subscribe: Request | None = None
        """The SUBSCRIBE that began it, as sent last."""
        self._agent = agent
        self._headers = headers
        self._arrived: asyncio.Queue[Notify | None] = asyncio.Queue()
        self._over = False

    @property
    def active(self) -> bool:
        """False once a NOTIFY said "terminated" or the subscription was given up."""
        return not self._over

    async def __anext__(self) -> Notify:
        if self._over and self._arrived.empty():
            raise StopAsyncIteration
        notify = await self._arrived.get()
        if notify is None:
            raise StopAsyncIteration
        return notify

    async def refresh(self, expires: int | None = None) -> None:
        """Ask for `expires` more seconds, by default as many as were granted last."""
        await self._renew(self.expires if expires is None else expires)

    async def unsubscribe(self) -> None:
        """End the subscription (RFC 6665 §4.1.2.3); its last NOTIFY still comes."""
        await self._renew(0)

    async def _renew(self, expires: int) -> None:
        if self.dialog is None or self._over:
            raise SubscriptionEnded(f"the subscription to {self.event} is over")
        headers = [*self._headers, ("Expires", str(expires))]
        self.dialog, response = await self._agent.in_dialog(self.dialog, "SUBSCRIBE", headers)
        self.granted(response, expires)

    def granted(self, response: Response, asked: int) -> None:
        """Take note of a 2xx to a SUBSCRIBE (RFC 6665 §4.1.2.1)."""
        self.expires = asked if response.expires is None else response.expires
        if self.dialog is None and self.subscribe is not None:
            self.dialog = Dialog.established(self.subscribe, response)

    def receive(self, transaction: ServerTransaction) -> None:
        """Answer a NOTIFY and pass it on (RFC 6665 §4.1.3)."""
        request = transaction.request
        try:
            notify = self._read(request)
        except CseqTooLow as error:
            transaction.respond(error.status)
            return
        except SipError:
            transaction.respond(BAD_REQUEST)
            return
        if notify is None:
            transaction.respond(BAD_EVENT)
            return
        transaction.respond(OK)
        self._arrived.put_nowait(notify)
        if notify.state.state == TERMINATED:
            self.end()

    def _read(self, request: Request) -> Notify | None:
        """What a NOTIFY says, and the dialog moved on; None when it is of another package."""
        state = request.get("subscription-state")
        if state is None:
            raise ParseError("NOTIFY, Subscription-State is missing", "")
        if request.event is None or request.event.package != self.event.partition(";")[0]:
            return None
        parsed = SubscriptionState.parse(state)
        if self.dialog is None and self.subscribe is not None:
            self.dialog = Dialog.notified(self.subscribe, request)
        elif self.dialog is not None:
            self.dialog = self.dialog.refreshed(request)
        return Notify(parsed, request.content_type, request.body, request)

    def end(self) -> None:
        """Nothing more will come; iteration stops after what has arrived."""
        if not self._over:
            self._over = True
            self._agent.forget(self)
            self._arrived.put_nowait(None)

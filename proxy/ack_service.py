"""Sends the ACKs of 2xx on without state (RFC 3261 §13.2.2.4, §16.11). Shell.

There is nobody to tell of a failure, and nobody to challenge: only ACKs within dialogs that were
let through go on.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

from proxy.admission_service import AdmissionService, Standing
from proxy.destination import Destination
from proxy.errors import ProxyError
from proxy.fork import MAX_BREADTH
from proxy.outgoing import Outgoing, Passage
from proxy.ports import Clock, Sender
from proxy.relay import Routed
from proxy.target_service import TargetService
from sip.authenticator import Identity
from sip.errors import SipError
from sip.message import Request
from sip.transport.flow import Flow
from sip.uri import SipUri
from store.errors import StoreError

MAX_WAITING: Final = 1_000
"""ACKs whose next hop is being looked up or connected to; more are dropped."""
NOBODY: Final = Identity(None, "none")


class AckService:
    """The stateless part of the relay."""

    def __init__(
        self,
        *,
        endpoint: Sender,
        found: TargetService,
        admission: AdmissionService,
        outgoing: Outgoing,
        clock: Clock,
    ) -> None:
        self._endpoint = endpoint
        self._found = found
        self._admission = admission
        self._outgoing = outgoing
        self._clock = clock
        self._waiting: set[asyncio.Task[None]] = set()

    def take(self, request: Request, routed: Routed, flow: Flow) -> None:
        """Send an ACK on, at once if that is possible."""
        try:
            standing = self._admission.standing(request, routed, flow)
            if standing is Standing.ADMITTED:
                self._pass_on(request, routed, flow)
            elif standing is Standing.MARKED:
                self._later(self._follow(request, routed, flow))
        except (ProxyError, SipError):
            return

    def close(self) -> None:
        """Drop what waits."""
        for task in self._waiting:
            task.cancel()

    def _pass_on(self, request: Request, routed: Routed, arrived: Flow) -> None:
        """Raises ProxyError, ParseError and TransportError."""
        passage = self._outgoing.passage(request, routed, arrived, NOBODY, self._clock())
        destination = self._found.known(passage, routed)
        if destination is None:
            self._later(self._to_user(passage, routed))
        else:
            self._send_to(passage, destination)

    def _send_to(self, passage: Passage, destination: Destination) -> None:
        flow = self._flow_now(destination)
        if flow is not None:
            self._send(passage, destination, flow)
        elif destination.next_hops and not destination.flow:
            self._later(self._seek(passage, destination))

    def _flow_now(self, destination: Destination) -> Flow | None:
        if destination.flow:
            return self._endpoint.flow_named(destination.flow)
        return self._endpoint.flow_now(SipUri.parse(destination.next_hops[0]))

    def _send(self, passage: Passage, destination: Destination, flow: Flow) -> None:
        branch = self._endpoint.new_branch() + passage.loop
        flow.send(self._outgoing.write(passage, destination, flow, branch, MAX_BREADTH))

    async def _follow(self, request: Request, routed: Routed, flow: Flow) -> None:
        """To a dialog's contact that changed in it."""
        if await self._admission.follows(request, routed, flow):
            self._pass_on(request, routed, flow)

    async def _to_user(self, passage: Passage, routed: Routed) -> None:
        """To a dialog's contact that names a user of ours, as a GRUU does."""
        _, groups = await self._found.user(passage, routed.uri)
        self._send_to(passage, groups[0][0][0])

    async def _seek(self, passage: Passage, destination: Destination) -> None:
        for hop in destination.next_hops:
            for target in await self._endpoint.targets(SipUri.parse(hop), size=passage.size):
                self._send(passage, destination, await self._endpoint.flow_for(target))
                return

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        if len(self._waiting) >= MAX_WAITING:
            work.close()
            return
        task = asyncio.get_running_loop().create_task(_quietly(work))
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)


async def _quietly(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except (ProxyError, SipError, StoreError):
        return

"""OPTIONS that keep the doors of NATs open for UDP clients of this process. Shell.

Sent only to bindings that came by UDP from behind a NAT, while they live. What does not answer
several times in a row is gone, and so are its bindings (RFC 5626 §7).
"""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from proxy.keepalive import Keepalives
from proxy.outbound import UDP
from proxy.ports import Sender
from proxy.registrar_service import RegistrarService
from sip.errors import TransportError
from sip.message import Response, build_request
from sip.transport.flow import Flow
from store.errors import StoreError
from store.values import Binding

PAUSE: Final = 1.0
"""Seconds between two looks at what is due."""
MAX_FORWARDS: Final = "1"
"""For the client itself, and nobody behind it."""

log = structlog.get_logger("registrar")


class KeepaliveService:
    """Keeps the UDP flows of `registrar` open. `interval` is seconds."""

    def __init__(
        self,
        *,
        registrar: RegistrarService,
        endpoint: Sender,
        interval: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        token: Callable[[], str] = secrets.token_hex,
    ) -> None:
        self._registrar = registrar
        self._endpoint = endpoint
        self._interval = interval
        self._keepalives = Keepalives(interval)
        self._clock = clock
        self._sleep = sleep
        self._token = token
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, unless the interval is 0."""
        if not self._interval:
            return
        self._task = asyncio.get_running_loop().create_task(self._run())

    def close(self) -> None:
        """End."""
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        while True:
            await self._sleep(PAUSE)
            try:
                await self.step()
            except Exception as error:  # the next look must still come
                log.error("keepalive-failed", exc_info=error)

    async def step(self) -> None:
        """Send what is due now."""
        now = self._clock()
        self._keepalives.keep(self._registrar.flows.names(UDP), now)
        for name in self._keepalives.due(now, PAUSE):
            flow = self._endpoint.flow_named(name)
            try:
                binding = await self._binding(name)
            except StoreError:
                binding = None
            if binding is None or flow is None:
                self._keepalives.answered(name)
            else:
                self._ask(name, flow, binding)

    async def _binding(self, name: str) -> Binding | None:
        """A binding that lives on the flow `name`; forgets those that do no more."""
        found: Binding | None = None
        for aor in self._registrar.flows.aors(name):
            bindings = await self._registrar.lookup(aor)
            on_it = [binding for binding in bindings if binding.flow == name]
            if on_it:
                found = on_it[0]
            else:
                self._registrar.flows.discard(name, aor)
        return found

    def _ask(self, name: str, flow: Flow, binding: Binding) -> None:
        branch = self._endpoint.new_branch()
        contact = flow.contact
        headers = [
            ("Via", f"{flow.via_prefix};rport;branch={branch}"),
            ("Max-Forwards", MAX_FORWARDS),
            ("From", f"{contact};tag={self._token()}"),
            ("To", f"<{binding.contact}>"),
            ("Call-ID", self._token()),
            ("CSeq", "1 OPTIONS"),
            ("Contact", contact),
        ]
        try:
            self._endpoint.client_transaction(
                bytes(build_request("OPTIONS", binding.contact, headers)),
                "OPTIONS",
                branch,
                flow,
                on_response=lambda response: self._on_response(name, response),
                on_timeout=lambda: self._on_failure(name),
                on_transport_error=lambda: self._on_failure(name),
            )
        except TransportError:
            self._on_failure(name)

    def _on_response(self, name: str, response: Response) -> None:
        """Any answer shows that the door is open."""
        self._keepalives.answered(name)

    def _on_failure(self, name: str) -> None:
        if self._keepalives.missed(name):
            log.info("flow-lost", flow=name)
            self._registrar.flow_name_lost(name)

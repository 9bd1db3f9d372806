"""The life of the server process: open, listen, say ready, serve, drain. Shell.

SIGTERM and SIGINT drain (OPS-08): no new dialogs, responses still go out, calls that ring on are
refused and cancelled, queued writes are committed, and the process ends with status 0 within 10
seconds. SIGHUP reads certificates and the operator's routing file again.
"""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from importlib.metadata import version
from typing import Final

import structlog
import uvloop
from aiohttp import web

from server.admin import READY, AdminSources, admin_app
from server.approvals_api import serve_approvals
from server.config import Settings
from server.database import DAY, node_name, prepare_schema, told_in_one_line
from server.documents_api import serve_documents
from server.drain import Drain
from server.drain_api import serve_drain
from server.errors import ServerError
from server.grants_api import serve_grants
from server.host import SHUTDOWN_TIMEOUT, check_files, raise_open_files, settle_memory
from server.http_listener import HttpListener, start_http
from server.http_metrics import publish_http
from server.leaving import DRAIN_LIMIT, leave, leave_in
from server.logs import configure_logs, report_loop_exceptions
from server.metric_sources import publish_metrics
from server.parts import presence_config, tls_config
from server.publications_api import serve_publications
from server.registrations_api import serve_registrations
from server.reload import reload_parts
from server.wiring import Services, build
from sip.errors import TransportError
from sip.transport.config import STREAMS
from sip.transport.tls_context import TlsContexts
from sip.trust import TrustedPeers
from store.errors import StoreError
from store.role import Role
from store.store import open_store

SETTLE_LIMIT: Final = 4.0
"""Seconds that requests in work or being relayed get to end when the server drains."""
STEP_LIMIT: Final = 1.0
"""Seconds that any other step of the drain may take."""
STORE_LIMIT: Final = 3.0
"""Seconds to commit what is queued."""
PING_LIMIT: Final = 2.0
"""Seconds the store has to answer for /readyz."""
STARTING: Final = "starting"
DRAINING: Final = "draining"
STORE_LOST: Final = "store-lost"

Say = Callable[[str], None]

log = structlog.get_logger("server")


def run_server(settings: Settings, say: Say) -> None:
    """Serve until a signal says stop; `say` is given the line that tells it is ready.

    Raises ServerError when it cannot begin.
    """
    configure_logs(settings.log)
    check_files(settings.tls)
    raise_open_files()
    if prepare_schema(settings):
        log.info("database-created", url=settings.store.url.partition("://")[0])
    uvloop.run(Process(settings, say).serve())


class Process:
    """One server process."""

    def __init__(self, settings: Settings, say: Say) -> None:
        self._settings = settings
        self._say = say
        self._stop = asyncio.Event()
        self._state = STARTING
        self._begun_at = time.time()
        self._services: Services | None = None
        self._drain: Drain | None = None
        self._listening: list[str] = []
        self._https = TlsContexts(tls_config(settings.tls))

    async def serve(self) -> None:
        """Start everything, say so, wait for a signal, stop everything in reverse order."""
        loop = asyncio.get_running_loop()
        report_loop_exceptions(loop)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        async with AsyncExitStack() as stack:
            await self._start(stack)
            settle_memory()
            self._state = READY
            self._say(f"presentity ready: {' '.join(self._listening)}")
            await self._stop.wait()
            self._state = DRAINING
            leave_in(DRAIN_LIMIT)
            log.info("draining")
        log.info("stopped")
        await leave()

    async def _start(self, stack: AsyncExitStack) -> None:
        """Open store and listeners; `stack` closes what was opened, the last first."""
        settings, node = self._settings, node_name(self._settings)
        with told_in_one_line():
            store = await open_store(
                settings.store.url,
                node=node,
                role=Role.SERVER,
                keep_versions=settings.xcap.versions,
                keep_waiting=settings.presence.waiting * DAY,
            )
            stack.push_async_callback(bounded, "store", store.close, limit=STORE_LIMIT)
            services = await build(settings, store, node)
        self._services = services
        await self._start_sip(stack, services)
        publish_metrics(services)
        await self._start_http(stack, services)

    async def _start_sip(self, stack: AsyncExitStack, services: Services) -> None:
        endpoint = services.endpoint
        try:
            await endpoint.start()
        except TransportError as error:
            raise ServerError(f"sip.listen: {error}") from error
        services.ours.listens_at(address.partition(":")[2] for address in endpoint.listening)
        stack.push_async_callback(bounded, "sip", endpoint.stop)
        with told_in_one_line():
            await services.events.start()
        stack.push_async_callback(bounded, "events", services.events.stop)
        services.keepalive.start()
        services.recovery.start()
        services.profiles.start()
        stack.callback(services.registrar.close)
        stack.callback(services.keepalive.close)
        stack.callback(services.recovery.close)
        stack.callback(services.profiles.close)
        stack.push_async_callback(self._settle, services)
        self._listening += endpoint.listening

    async def _start_http(self, stack: AsyncExitStack, services: Services) -> None:
        settings = self._settings
        trusted = TrustedPeers(settings.http.trusted_peers).trusts
        sources = AdminSources(services.metrics, self.state, self.status)
        admin = admin_app(sources, settings.admin.hosts)
        registrar = services.registrar
        listeners: dict[str, HttpListener] = {}
        serve_registrations(admin, settings.domains, registrar.lookup, registrar.remove)
        serve_documents(admin, settings.domains[0], services.administration)
        serve_grants(admin, settings.domains[0], services.administration)
        serve_approvals(admin, settings.domains[0], services.administration, services.approvals)
        self._drain = Drain(
            services.dispatcher, services.events.migration, settings.presence.drain_rate
        )
        serve_drain(admin, self._drain)
        serve_publications(
            admin,
            domains=settings.domains,
            packages=services.events.packages,
            config=presence_config(settings),
            events=services.events,
            store=services.store,
            clock=time.time,
        )
        for name, key, listen, path, runner in (
            ("xcap", "http.listen", settings.http.listen, settings.http.xcap_root,
             web.ServerRunner(services.xcap.app(), shutdown_timeout=SHUTDOWN_TIMEOUT)),
            ("admin", "admin.listen", (settings.admin.listen,), "",
             web.AppRunner(admin, access_log=None, shutdown_timeout=SHUTDOWN_TIMEOUT)),
        ):  # fmt: skip
            listener = await start_http(
                runner, listen, key, context=self._https.server, trusted=trusted
            )
            stack.push_async_callback(bounded, name, listener.stop)
            listeners[name] = listener
            self._listening += [f"{name}:{origin}{path}" for origin in listener.origins]
        publish_http(services.metrics, listeners)

    def _reload(self) -> None:
        """SIGHUP: read certificates and the routing file again."""
        services, tls = self._services, self._settings.tls
        parts: dict[str, Callable[[], None]] = {}
        if services is not None and (tls.certificate or tls.server_ca):
            parts["certificates"] = services.endpoint.reload_tls
        if self._https.in_use:
            parts["https"] = self._https.reload
        if services is not None and services.routing.path is not None:
            parts["routing"] = services.routing.reload
        reload_parts(parts)

    async def _settle(self, services: Services) -> None:
        """Refuse new dialogs, let what is under way end, and answer what does not."""
        dispatcher, relay = services.dispatcher, services.relay
        dispatcher.drain()
        if not await dispatcher.settle(SETTLE_LIMIT):
            log.warning("drain-incomplete", requests=dispatcher.in_work, relayed=relay.under_way)
        relay.close()

    async def state(self) -> str:
        """`ready`, or in a word why not; asks the store."""
        if self._state != READY or self._services is None:
            return self._state
        if self._drain is not None and self._drain.active:
            return DRAINING
        try:
            async with asyncio.timeout(PING_LIMIT):
                await self._services.store.ping()
        except (StoreError, TimeoutError):
            return STORE_LOST
        return READY

    def status(self) -> dict[str, object]:
        """Facts for /api/status."""
        return {
            "version": version("presentity"),
            "uptime_seconds": int(time.time() - self._begun_at),
            "domains": list(self._settings.domains),
            "listening": self._listening,
            **self._traffic(),
        }

    def _traffic(self) -> dict[str, object]:
        """What is open and under way on the SIP side."""
        services = self._services
        if services is None or self._state == STARTING:
            return {}
        return {
            "connections": {name: services.endpoint.connections_by(name) for name in STREAMS},
            "relayed_in_flight": services.relay.under_way,
            "routing": {
                "file": self._settings.sip.routing,
                "callbacks": list(services.routing.callbacks),
                "failures": services.routing.failures.total(),
            },
        }


async def bounded(
    name: str, step: Callable[[], Awaitable[None]], *, limit: float = STEP_LIMIT
) -> None:
    """Do one step of the drain; when it takes too long or fails, log it and go on."""
    try:
        async with asyncio.timeout(limit):
            await step()
    except Exception as error:  # the other steps must still be done
        log.error("drain-step-failed", step=name, exc_info=error)

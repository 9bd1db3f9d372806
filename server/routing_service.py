"""Asks the operator's routing file, and survives whatever it does. Shell.

A callback that raises, or returns what it must not, or takes too long, costs the one request
that it was asked about: 500 for a request, and a reply passes as it came. It is logged with its
traceback and counted, and the server goes on.
"""

import asyncio
import inspect
import time
from collections import Counter
from collections.abc import Awaitable
from pathlib import Path
from typing import Final

import structlog

from proxy.routed_message import ASSERTED, RoutedMessage, RoutedRegister, RoutedReply, RoutedRequest
from proxy.routing import Answer, Plan, Reject, Relay
from server.routing_loader import Callback, Callbacks, load_routing
from sip.authenticator import Identity
from sip.errors import ParseError
from sip.message import Request, Response
from sip.transport.flow import Flow

TIME_LIMIT: Final = 5.0
"""Seconds that an `async` callback may take; timer B of the caller is 32."""
SLOW: Final = 0.1
"""Seconds after which a plain callback is logged: all other requests waited for it."""
FAILED: Final = Reject(500)
ACCEPTED_ELSEWHERE: Final = frozenset({"INVITE", "SUBSCRIBE"})
"""Requests whose 2xx begins a dialog, which needs somebody to be in it."""
FIRST_REDIRECTION: Final = 300

log = structlog.get_logger("routing")


class BadReturn(TypeError):
    """A callback returned what it must not."""


class RoutingService:
    """The routing file of one process; `proxy.routing.Router` for the packages below."""

    def __init__(self, path: Path | None, *, time_limit: float = TIME_LIMIT) -> None:
        """Load `path`; None routes nothing. Raises RoutingFileError."""
        self.path = path
        self.calls: Counter[str] = Counter()
        """How often each callback was asked."""
        self.failures: Counter[str] = Counter()
        """How often each failed, and "load" for files that could not be loaded again."""
        self._time_limit = time_limit
        self._callbacks = Callbacks() if path is None else load_routing(path)
        self._given_up: set[asyncio.Future[object]] = set()

    @property
    def callbacks(self) -> tuple[str, ...]:
        """Names of what the file defines."""
        return self._callbacks.names

    @property
    def wants_requests(self) -> bool:
        return self._callbacks.on_request is not None

    @property
    def wants_registers(self) -> bool:
        return self._callbacks.on_register is not None

    @property
    def wants_replies(self) -> bool:
        return self._callbacks.on_reply is not None

    def reload(self) -> None:
        """Load the file again; RoutingFileError, and the old one stays, when it cannot be."""
        if self.path is not None:
            try:
                self._callbacks = load_routing(self.path)
            except Exception:
                self.failures["load"] += 1
                raise

    async def on_request(
        self, request: Request, identity: Identity, flow: Flow
    ) -> Plan | Answer | Reject | None:
        """What is to be done with a request; None when the file changed nothing."""
        callback = self._callbacks.on_request
        if callback is None:
            return None
        view = RoutedRequest(
            request, identity=identity, source=flow.remote, transport=flow.transport
        )
        try:
            return _planned(view, await self._ask("on_request", callback, view))
        except Exception as error:  # noqa: BLE001 - whatever the operator's code raises
            return self._failed("on_request", error, request)

    async def on_register(
        self, request: Request, identity: Identity, flow: Flow
    ) -> Request | Answer | Reject | None:
        """The REGISTER as the file changed it, or its answer; None when nothing changed."""
        callback = self._callbacks.on_register
        if callback is None:
            return None
        if not _readable(request):
            return None
        view = RoutedRegister(
            request, identity=identity, source=flow.remote, transport=flow.transport
        )
        try:
            result = await self._ask("on_register", callback, view)
            if isinstance(result, Answer | Reject):
                return result
            if result is not None:
                raise BadReturn(f"on_register returned {result!r}: not Answer, Reject or None")
            return view.request if view.touched else None
        except Exception as error:  # noqa: BLE001 - as above
            return self._failed("on_register", error, request)

    async def on_reply(self, response: Response, request: Request) -> Response | None:
        """The response to `request` as the file changed it; None when nothing changed, or when
        the callback failed: a call is not to end by a mistake in what its reply should say."""
        callback = self._callbacks.on_reply
        if callback is None:
            return None
        view = RoutedReply(response, request)
        try:
            result = await self._ask("on_reply", callback, view)
            if result is not None:
                raise BadReturn(f"on_reply returned {result!r}: not None")
            return view.response if view.touched else None
        except Exception as error:  # noqa: BLE001 - as above
            self._failed("on_reply", error, request)
            return None

    async def _ask(self, name: str, callback: Callback, view: RoutedMessage) -> object:
        """What `callback` says. Exception, whatever it raised."""
        self.calls[name] += 1
        begun = time.perf_counter()
        try:
            result = callback(view)
        except (SystemExit, asyncio.CancelledError) as error:
            raise RuntimeError(f"{name} raised {type(error).__name__}") from error
        finally:
            spent = time.perf_counter() - begun
            if spent > SLOW:
                log.warning(
                    "routing-callback-slow", callback=name, seconds=round(spent, 3),
                    call_id=view.call_id,
                )  # fmt: skip
        if inspect.isawaitable(result):
            return await self._bounded(name, result)
        return result

    async def _bounded(self, name: str, awaitable: Awaitable[object]) -> object:
        """The result of `awaitable`, in time; one that goes on when it was cancelled is left
        to itself."""
        task = asyncio.ensure_future(_contained(name, awaitable))
        try:
            await asyncio.wait((task,), timeout=self._time_limit)
        finally:
            if not task.done():
                self._give_up(task)
        if not task.done():
            raise TimeoutError(f"{name} took more than {self._time_limit:g} s")
        return task.result()

    def _give_up(self, task: asyncio.Future[object]) -> None:
        self._given_up.add(task)
        task.add_done_callback(self._ended)
        task.cancel()

    def _ended(self, task: asyncio.Future[object]) -> None:
        self._given_up.discard(task)
        if not task.cancelled():
            task.exception()  # or the loop would call it lost

    def _failed(self, name: str, error: Exception, request: Request) -> Reject:
        self.failures[name] += 1
        log.error(
            "routing-callback-failed", callback=name, file=str(self.path), method=request.method,
            call_id=request.call_id, exc_info=error,
        )  # fmt: skip
        return FAILED


async def _contained(name: str, awaitable: Awaitable[object]) -> object:
    """Turn what would end more than this one task into an exception of its own."""
    try:
        return await awaitable
    except SystemExit as error:
        raise RuntimeError(f"{name} raised SystemExit") from error
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise RuntimeError(f"{name} awaited something that was cancelled") from error


def _readable(register: Request) -> bool:
    """Whether the registrar will find what it needs; if not, it answers for that itself."""
    try:
        _ = register.to.aor, register.contacts, register.expires
    except ParseError:
        return False
    return True


def _planned(view: RoutedRequest, result: object) -> Plan | Answer | Reject | None:
    """What the return value of `on_request` comes to."""
    asserted = ASSERTED in view.touched
    match result:
        case None:
            return Plan(view.request, asserted=asserted) if view.touched else None
        case Relay(uris=uris, serial=serial):
            return Plan(view.request, uris, serial, asserted)
        case Answer(status=status) if status < FIRST_REDIRECTION:
            if view.method in ACCEPTED_ELSEWHERE:
                raise BadReturn(f"on_request cannot accept {view.method} by itself")
            return result
        case Answer() | Reject():
            return result
        case _:
            raise BadReturn(f"on_request returned {result!r}: not Relay, Answer, Reject or None")

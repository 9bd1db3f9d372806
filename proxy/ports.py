"""What the proxy needs of the packages below, as they satisfy it. Pure: types only."""

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from sip.locate import Target
from sip.message import Request, Response
from sip.transport.flow import Flow
from sip.uri import SipUri
from store.operations import WriteBindings
from store.outcomes import BindingsOutcome
from store.values import BindingSet

Clock = Callable[[], float]
"""Unix seconds."""


class Transaction(Protocol):
    """A request that waits for its answer; `sip.transport.endpoint.ServerTransaction` is one."""

    request: Request
    on_cancel: Callable[[], None] | None
    success_headers: Sequence[tuple[str, str]]
    cancelled_by: Request | None
    """The CANCEL that came for it."""

    @property
    def flow(self) -> Flow: ...
    @property
    def answer_flow(self) -> Flow: ...
    @property
    def final(self) -> bool: ...
    @property
    def response(self) -> bytes: ...
    def respond(
        self,
        status: int,
        *,
        reason: str | None = None,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        to_tag: str | None = None,
    ) -> None: ...
    def respond_bytes(self, status: int, data: bytes) -> None: ...


class Exchange(Protocol):
    """A client transaction."""

    def end(self) -> None:
        """Forget it; nothing is told any more."""


class Sender(Protocol):
    """The sending half of `sip.transport.endpoint.Endpoint`."""

    def new_branch(self) -> str: ...
    def flow_now(self, uri: SipUri) -> Flow | None: ...
    def flow_named(self, name: str) -> Flow | None: ...
    async def targets(self, uri: SipUri, *, size: int = 0) -> Sequence[Target]: ...
    async def flow_for(self, target: Target) -> Flow: ...
    def failed(self, target: Target) -> None: ...
    def client_transaction(
        self,
        request_bytes: bytes,
        method: str,
        branch: str,
        flow: Flow,
        *,
        on_response: Callable[[Response], None],
        on_timeout: Callable[[], None],
        on_transport_error: Callable[[], None],
    ) -> Exchange: ...


class BindingStore(Protocol):
    """The part of the store that holds bindings."""

    async def write_bindings(self, op: WriteBindings) -> BindingsOutcome: ...
    async def bindings(self, aor: str) -> BindingSet: ...

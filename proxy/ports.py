"""What the proxy needs of the packages below, as they satisfy it. Pure: types only."""

from collections.abc import Callable, Iterable
from typing import Protocol

from sip.message import Request, Response
from sip.uri import AoR, SipUri
from store.operations import WriteBindings
from store.outcomes import BindingsOutcome
from store.values import BindingSet

Clock = Callable[[], float]
"""Unix seconds."""


class Identity(Protocol):
    """Who sent a request; `sip.authenticator.Identity` is one."""

    @property
    def aor(self) -> AoR | None: ...
    @property
    def how(self) -> str: ...


class Flow(Protocol):
    """Where a message came from or goes to; `sip.transport.flow.Flow` is one."""

    @property
    def transport(self) -> str: ...
    @property
    def reliable(self) -> bool: ...
    @property
    def remote(self) -> tuple[str, int]: ...
    @property
    def local(self) -> tuple[str, int]: ...
    @property
    def closed(self) -> bool: ...
    @property
    def via_prefix(self) -> str: ...
    @property
    def contact(self) -> str: ...
    def send(self, data: bytes) -> None: ...


class Transaction(Protocol):
    """A request that waits for its answer; `sip.transport.endpoint.ServerTransaction` is one."""

    request: Request
    on_cancel: Callable[[], None] | None

    @property
    def flow(self) -> Flow: ...
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


class Sender(Protocol):
    """The sending half of `sip.transport.endpoint.Endpoint`."""

    def new_branch(self) -> str: ...
    def flow_now(self, uri: SipUri, *, prefer: Flow | None = None) -> Flow | None: ...
    async def flow_to(self, uri: SipUri, *, size: int = 0, prefer: Flow | None = None) -> Flow: ...
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
    ) -> object: ...


class BindingStore(Protocol):
    """The part of the store that holds bindings."""

    async def write_bindings(self, op: WriteBindings) -> BindingsOutcome: ...
    async def bindings(self, aor: str) -> BindingSet: ...

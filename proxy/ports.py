"""What the proxy needs of the packages below, as they satisfy it. Pure: types only."""

from collections.abc import Awaitable, Callable, Iterable
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
    def via_prefix(self) -> str: ...
    @property
    def contact(self) -> str: ...
    def send(self, data: bytes) -> None: ...


class BindingStore(Protocol):
    """The part of the store that holds bindings."""

    async def write_bindings(self, op: WriteBindings) -> BindingsOutcome: ...
    async def bindings(self, aor: str) -> BindingSet: ...

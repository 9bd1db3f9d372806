"""Which addresses-of-record have bindings on the flows that this process holds. Pure."""

from sip.uri import AoR


class FlowIndex:
    """Flow names to addresses-of-record; most flows have one."""

    __slots__ = ("_flows",)

    def __init__(self) -> None:
        self._flows: dict[str, AoR | set[AoR]] = {}

    def __len__(self) -> int:
        return len(self._flows)

    def add(self, flow: str, aor: AoR) -> None:
        """A binding of `aor` lives on `flow`."""
        held = self._flows.setdefault(flow, aor)
        if isinstance(held, set):
            held.add(aor)
        elif held != aor:
            self._flows[flow] = {held, aor}

    def aors(self, flow: str) -> tuple[AoR, ...]:
        """Those with a binding on `flow`, as far as is known."""
        held = self._flows.get(flow)
        if held is None:
            return ()
        return tuple(held) if isinstance(held, set) else (held,)

    def drop(self, flow: str) -> tuple[AoR, ...]:
        """`flow` is gone: those it had."""
        aors = self.aors(flow)
        self._flows.pop(flow, None)
        return aors

    def discard(self, flow: str, aor: AoR) -> None:
        """`aor` has no binding on `flow` any more."""
        left = set(self.aors(flow)) - {aor}
        if left:
            self._flows[flow] = left
        else:
            self._flows.pop(flow, None)

    def names(self, prefix: str) -> list[str]:
        """Flows whose name begins with `prefix`."""
        return [name for name in self._flows if name.startswith(prefix)]

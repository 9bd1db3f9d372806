"""The template-package `winfo` over another event package (RFC 3857). Pure, but that it reads.

What is told is what the store knows when a NOTIFY is made, so that all processes tell the same;
the memory of a subscription is what it was told before. Nothing is kept of presentities whose
watchers nobody watches.
"""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, Protocol

from presence.package import WINFO, Asking, EventPackage, PackageState, Telling, Told
from presence.policy.policy import ALLOW, BLOCK, Decision, granted
from presence.winfo.document import MEDIA_TYPE, OVER, WAITING, entity, write
from sip.authenticator import Identity
from sip.uri import AoR
from store.values import Resource, WatcherRow

DEFAULT_EXPIRES: Final = 3600
"""Seconds (RFC 3857 §4.4)."""
MIN_INTERVAL: Final = 5.0
"""Seconds between two NOTIFYs of a subscription (RFC 3857 §4.10)."""


class WatcherReader(Protocol):
    """Where watchers are read."""

    async def watching(self, resource: Resource, watcher: str | None) -> list[WatcherRow]: ...


class Seen(NamedTuple):
    """The watchers of one resource."""

    at: float
    """Unix seconds."""
    rows: tuple[WatcherRow, ...]


Memory = Mapping[str, str]
"""Status and event by subscription, of those that are not over."""


def with_watcher_information(
    packages: Mapping[str, EventPackage],
    *,
    store: WatcherReader,
    clock: Callable[[], float],
    min_interval: float = MIN_INTERVAL,
) -> dict[str, EventPackage]:
    """`packages`, and for each its `winfo` and the `winfo` of that; nothing deeper is served
    (RFC 3857 §4.6)."""
    served = dict(packages)
    for package in packages.values():
        if package.key:
            continue
        for _ in range(2):
            package = winfo_package(package, store=store, clock=clock, min_interval=min_interval)
            served[package.stored_as] = package
    return served


def winfo_package(
    package: EventPackage,
    *,
    store: WatcherReader,
    clock: Callable[[], float],
    min_interval: float = MIN_INTERVAL,
) -> EventPackage:
    """The record of `package`.winfo."""
    about = package.stored_as

    async def load(asking: Asking) -> Seen:
        whose = None if asking.watcher == asking.aor else asking.watcher
        rows = await store.watching(Resource(asking.aor, about), whose)
        if whose is not None:
            rows = [row for row in rows if row.status != WAITING]
        return Seen(clock(), tuple(rows))

    def compose(aor: AoR, state: PackageState) -> bytes:
        return write(Resource(aor, about), (), version=0, full=True, now=0.0)

    return EventPackage(
        name=package.name + WINFO,
        content_types=(MEDIA_TYPE,),
        compose=compose,
        default_expires=DEFAULT_EXPIRES,
        min_interval=min_interval,
        load=load,
        tell=lambda telling: tell(about, telling),
        inner=about,
        narrow=owner_only if package.inner else owner_and_watcher,
        of_watcher=package.of_watcher,
    )


def owner_only(aor: AoR, watcher: Identity, inner: Decision) -> Decision:
    """Who may watch those who watch the watchers (RFC 3857 §4.6)."""
    return ALLOW if watcher.aor == aor else BLOCK


def owner_and_watcher(aor: AoR, watcher: Identity, inner: Decision) -> Decision:
    """A user, and whoever is let in: for itself alone (RFC 3857 §4.6).

    One that is blocked politely is let in, and sees what the others see (RFC 5025 §3.2.1).
    """
    if watcher.aor == aor:
        return ALLOW
    if watcher.aor is None or not granted(inner):
        return BLOCK
    return ALLOW._replace(grant=watcher.aor)


def tell(about: str, telling: Telling) -> Told | None:
    """All watchers after a SUBSCRIBE, else those that changed (RFC 3857 §4.3); each end once."""
    seen = telling.loaded
    assert isinstance(seen, Seen), "the engine has loaded"
    living = tuple(row for row in seen.rows if row.status != OVER)
    memory = {row.id: _mark(row) for row in living}
    before = telling.memory
    shown: tuple[WatcherRow, ...] | None = None
    if isinstance(before, dict) and not telling.full:
        shown = _changed(seen.rows, before)
    if shown == ():
        return None
    body = write(
        Resource(telling.aor, about),
        living if shown is None else shown,
        version=telling.version,
        full=shown is None,
        now=seen.at,
    )
    return Told(body, MEDIA_TYPE, memory, entity(living))


def _changed(rows: tuple[WatcherRow, ...], before: Memory) -> tuple[WatcherRow, ...] | None:
    """What differs from what was told `before`; None when somebody is gone and nothing is known
    of why, so that all has to be told anew."""
    lost = set(before)
    lost.difference_update(row.id for row in rows)
    if lost:
        return None
    return tuple(
        row
        for row in rows
        if (row.id in before if row.status == OVER else before.get(row.id) != _mark(row))
    )


def _mark(row: WatcherRow) -> str:
    return f"{row.status} {row.event}"

"""Who watches a user right now, or waits to, as OpenXCAP's clients read it. Pure.

A read-only view of the live subscriptions to the user, and of the watchers that still wait for
its decision (RFC 3857 §4.7.1), taken from the store, so that it is the same on every process. A
watcher is listed once, whatever it has subscribed to; subscriptions to watcher information are
none.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple
from xml.sax.saxutils import escape

from store.values import SubscriptionRow, WatcherRow
from store.watching import TEMPLATE
from xcap.computed import Asked, Computed, Sources, all_computed, computed
from xcap.errors import AnswerTooLarge
from xcap.uri import Tree
from xcap.usage import Usage

NAMESPACE: Final = "http://openxcap.org/ns/watchers"
DOCUMENTS: Final = frozenset({"index", "watchers.xml"})
"""One document under both names; "index" is what clients of OpenXCAP ask for."""
MAX_WATCHERS: Final = 10_000

PRESENCE: Final = "presence"
STATUS: Final[Mapping[str, str]] = {"active": "allow", "pending": "confirm", "waiting": "confirm"}
"""OpenXCAP's word for a subscription's state; any other state is a refusal."""
REFUSED: Final = "deny"
BEST_FIRST: Final = ("allow", "confirm", REFUSED)
ANONYMOUS: Final = "anonymous@anonymous.invalid"


class Seen(NamedTuple):
    """One subscription, or one that is waited for."""

    package: str
    state: str
    lives: bool


def watchers(rows: Iterable[SubscriptionRow], waiting: Iterable[WatcherRow] = ()) -> bytes:
    """The document that lists the watchers of `rows`, and those `waiting`, ordered by address."""
    by_watcher: dict[str, list[Seen]] = defaultdict(list)
    for row in rows:
        if not row.resource.package.endswith(TEMPLATE):
            seen = Seen(row.resource.package, row.state, lives=True)
            by_watcher[_name(row.watcher)].append(seen)
    for past in waiting:
        seen = Seen(past.resource.package, past.status, lives=False)
        by_watcher[_name(past.watcher)].append(seen)
    if len(by_watcher) > MAX_WATCHERS:
        raise AnswerTooLarge(f"more than {MAX_WATCHERS} watchers")
    items = "".join(_watcher(name, by_watcher[name]) for name in sorted(by_watcher))
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<watchers xmlns="{NAMESPACE}">\n{items}</watchers>\n'
    ).encode()


async def compute(asked: Asked, sources: Sources) -> Computed | None:
    """The watchers of the user whose home directory is asked about."""
    if asked.tree is not Tree.USERS or asked.path not in DOCUMENTS:
        return None
    rows = await sources.store.watchers(asked.owner)
    return computed(watchers(rows, await sources.store.waiting(asked.owner)))


def _name(watcher: str) -> str:
    return watcher.removeprefix("sip:") or ANONYMOUS


def _watcher(name: str, seen: Iterable[Seen]) -> str:
    """One watcher: the best that policy gives it, whether it watches presence, and what else."""
    packages = {one.package for one in seen}
    given = {STATUS.get(one.state, REFUSED) for one in seen}
    status = next(word for word in BEST_FIRST if word in given)
    online = any(one.lives and one.package == PRESENCE for one in seen)
    listed = "".join(f"<package>{escape(package)}</package>" for package in sorted(packages))
    return (
        f" <watcher><id>{escape(name)}</id><status>{status}</status>"
        f"<online>{'true' if online else 'false'}</online>{listed}</watcher>\n"
    )


USAGE: Final = Usage(
    auid="org.openxcap.watchers",
    media_type="application/xml",
    default_namespace=NAMESPACE,
    schema="watchers",
    root=f"{{{NAMESPACE}}}watchers",
    computes=all_computed,
    compute=compute,
)

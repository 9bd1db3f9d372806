"""Who watches a user right now, as OpenXCAP's clients read it. Pure.

A read-only view of the live subscriptions to the user, taken from the store, so that it
is the same on every process. A watcher is listed once, whatever it has subscribed to;
subscriptions to watcher information are those of the user's own devices, and are none.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final
from xml.sax.saxutils import escape

from store.values import SubscriptionRow
from xcap.computed import Asked, Computed, Sources, all_computed, computed
from xcap.errors import AnswerTooLarge
from xcap.uri import Tree
from xcap.usage import Usage

NAMESPACE: Final = "http://openxcap.org/ns/watchers"
DOCUMENTS: Final = frozenset({"index", "watchers.xml"})
"""One document under both names; "index" is what clients of OpenXCAP ask for."""
MAX_WATCHERS: Final = 10_000

PRESENCE: Final = "presence"
TEMPLATE_MARK: Final = "."
"""In the name of a template-package, such as presence.winfo (RFC 6665 §5.2)."""
STATUS: Final[Mapping[str, str]] = {"active": "allow", "pending": "confirm", "waiting": "confirm"}
"""OpenXCAP's word for a subscription's state; any other state is a refusal."""
REFUSED: Final = "deny"
BEST_FIRST: Final = ("allow", "confirm", REFUSED)
ANONYMOUS: Final = "anonymous@anonymous.invalid"


def watchers(rows: Iterable[SubscriptionRow]) -> bytes:
    """The document that lists the watchers of `rows`, ordered by address."""
    by_watcher: dict[str, list[SubscriptionRow]] = defaultdict(list)
    for row in rows:
        if TEMPLATE_MARK not in row.resource.package:
            by_watcher[row.watcher.removeprefix("sip:") or ANONYMOUS].append(row)
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
    return computed(watchers(await sources.store.watchers(asked.owner)))


def _watcher(name: str, rows: Iterable[SubscriptionRow]) -> str:
    """One watcher: the best that policy gives it, whether it watches presence, and what else."""
    packages = {row.resource.package for row in rows}
    given = {STATUS.get(row.state, REFUSED) for row in rows}
    status = next(word for word in BEST_FIRST if word in given)
    listed = "".join(f"<package>{escape(package)}</package>" for package in sorted(packages))
    return (
        f" <watcher><id>{escape(name)}</id><status>{status}</status>"
        f"<online>{'true' if PRESENCE in packages else 'false'}</online>{listed}</watcher>\n"
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

"""Watchers that wait for a word of the presentity, and that word (AUT-12). Shell.

What is decided is written into the presentity's rules document, on the road of all XCAP writes:
conditional, kept as a version, told on the change feed. Live subscriptions follow as they do
whoever writes.
"""

from collections.abc import Sequence
from typing import Any, Final, Protocol

from presence.policy.policy import Authorize
from presence.policy.rules_service import PRESENCE
from presence.subscriptions.subscription import State
from server.approval import DECISIONS, with_decision
from sip.authenticator import Identity
from sip.uri import AoR
from store.values import SubscriptionRow, WatcherRow
from xcap.conditions import ANY, Conditions
from xcap.errors import BadRequest, Busy, NotFound, PreconditionFailed
from xcap.json.values import JsonObject, check_keys, text
from xcap.uri import owner_of

INDEX: Final = "index"
ATTEMPTS: Final = 20
"""How often a write begins again before its client is asked to come back."""
RETRY_AFTER: Final = 1
"""Seconds."""
KEYS: Final = frozenset({"decision"})

SUBSCRIBED: Final = "subscribe"
"""The event of a pending watcher (RFC 3858 §3)."""


class Watchers(Protocol):
    """The part of the store that knows who watches."""

    async def waiting(self, aor: str) -> Sequence[WatcherRow]: ...
    async def watchers(self, aor: str) -> Sequence[SubscriptionRow]: ...


class Pen(Protocol):
    """The rules document of one presentity, for one who may write it."""

    async def read(self) -> tuple[bytes | None, str | None]:
        """Its octets and entity-tag; None and None when there is none."""

    async def write(self, body: bytes, conditions: Conditions) -> None:
        """Raises PreconditionFailed and what XCAP raises."""


class Approvals:
    """What both listeners serve; who may ask is theirs to say."""

    def __init__(self, *, store: Watchers, authorize: Authorize) -> None:
        self._store = store
        self._authorize = authorize

    async def listing(self, presentity: AoR) -> dict[str, object]:
        """Who waits for a decision."""
        rows = await undecided(self._store, presentity)
        return {"presentity": presentity, "watchers": [shown(row) for row in rows]}

    async def decide(
        self, presentity: AoR, watcher: AoR, decision: str | None, pen: Pen
    ) -> dict[str, object]:
        """Write `decision` about `watcher`, None to take back what was decided.

        The answer says what holds then: documents of other names, and rules about domains and
        lists, may grant more.
        """
        await write_decision(watcher, decision, pen)
        holds = await self._authorize(presentity, Identity(watcher, "asserted"), PRESENCE)
        return {"watcher": watcher, "decision": decision, "holds": holds.handling.value}


async def undecided(store: Watchers, presentity: AoR) -> list[WatcherRow]:
    """Who waits for a decision, subscribed or gone meanwhile; oldest first."""
    rows = [*await store.waiting(presentity)]
    rows += [pending(row) for row in await store.watchers(presentity) if row.state == State.PENDING]
    return sorted(rows, key=lambda row: row.created_at)


async def write_decision(watcher: AoR, decision: str | None, pen: Pen) -> None:
    """Write what was decided about `watcher`; None takes it back. Raises Busy and a Conflict."""
    for _ in range(ATTEMPTS):
        body, etag = await pen.read()
        if body is None and decision is None:
            return
        new = with_decision(body, watcher, decision)
        if new == body:
            return
        unmet = Conditions(if_none_match=ANY) if etag is None else Conditions((etag,))
        try:
            return await pen.write(new, unmet)
        except PreconditionFailed:
            continue
    raise Busy("others keep changing the rules", RETRY_AFTER)


def pending(row: SubscriptionRow) -> WatcherRow:
    """The watcher of a pending subscription."""
    return WatcherRow(
        row.id,
        row.resource,
        row.watcher,
        row.state,
        SUBSCRIBED,
        row.expires_at,
        row.remote_address,
        row.created_at,
    )


def shown(row: WatcherRow) -> dict[str, Any]:
    """A watcher in JSON."""
    return {
        "watcher": row.watcher or None,
        "package": row.resource.package,
        "status": row.status,
        "event": row.event,
        "address": row.address,
        "since": int(row.created_at),
        "expires": int(row.expires_at),
    }


def read_decision(values: JsonObject) -> str:
    """The decision in a JSON body. Raises BadRequest."""
    check_keys(values, KEYS)
    decision = text(values, "decision")
    if decision not in DECISIONS:
        raise BadRequest(f"'decision' must be one of {', '.join(DECISIONS)}")
    return decision


def read_watcher(name: str, default_domain: str) -> AoR:
    """A watcher, of any domain: an address with or without its scheme. Raises BadRequest."""
    try:
        return owner_of(name, default_domain)
    except NotFound:
        raise BadRequest(f"{name}: is not an address such as bob@example.com") from None

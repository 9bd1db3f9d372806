"""Processes on PostgreSQL: heartbeats, and taking over from the dead. Shell.

All instants here are the database's clock, so hosts need not agree on the time.
"""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Double,
    delete,
    exists,
    func,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from store.feed_payload import CHANNEL, hello
from store.pg_context import PgContext
from store.pg_notify import feed_arguments, told
from store.pg_statement import (
    INSTANT,
    TEXT,
    WHOLE,
    ZERO,
    Statement,
    compiled,
    given,
    operations,
    text_literal,
)
from store.rows import CSEQ_RESERVE, SUBSCRIPTION_COLUMNS, subscription_of
from store.tables import processes, resources, subscriptions
from store.values import Kind, Resource, SubscriptionRow

DEAD_AFTER: Final = 10
"""Seconds without a heartbeat after which a process counts as dead."""
SILENT_AFTER: Final = 30
"""Seconds without a heartbeat after which the connections of a process count as gone: longer
than DEAD_AFTER, since a phone whose binding is dropped is away until it registers again."""
FORGOTTEN_AFTER: Final = 86_400
"""Seconds after which a dead process that owns nothing is deleted."""
_NOW: Final[ColumnElement[float]] = literal_column(
    "extract(epoch from clock_timestamp())::float8", Double()
)


class PgProcesses:
    """What one process says of itself, and does for those that are gone."""

    def __init__(self, context: PgContext, node: str) -> None:
        self._context = context
        self._node = node
        self._link = context.link("processes")
        self._beating = heartbeat_statement()
        self._forgetting = forget_statement()
        self._adopting = adopt_statement()
        self._hailing = compiled(
            select(func.pg_notify(text_literal(CHANNEL), given("payload", TEXT)))
        )
        self._versions = versions_statement()
        self._silence = silence_statement()
        self._probe = compiled(select(_NOW))

    async def beat(self) -> bool:
        """Write the heartbeat; tell whether another process lives."""
        arguments = {"owner": self._context.owner, "node": self._node}
        rows = await self._link.fetch(self._beating, arguments)
        return bool(rows[0][0])

    async def hail(self) -> None:
        """Make this process known to the others, after its heartbeat is written."""
        await self._link.fetch(self._hailing, {"payload": hello(self._context.owner)})

    async def leave(self) -> None:
        """Mark this process as gone, and forget those long gone."""
        await self._link.fetch(self._forgetting, {"owner": self._context.owner})

    async def adopt(self, limit: int, now: float) -> list[SubscriptionRow]:
        """Take over subscriptions of this node's earlier lives and of the dead."""
        arguments = {
            "owner": self._context.owner,
            "node": self._node,
            "limit": limit,
            "now": now,
            **feed_arguments(self._context.owner, ["x" * 2700]),
        }
        rows = await self._link.fetch(self._adopting, arguments)
        return [subscription_of(row) for row in rows]

    async def silent_nodes(self) -> frozenset[str]:
        """Return the nodes that no life of is heard of any more."""
        return frozenset(row[0] for row in await self._link.fetch(self._silence, {}))

    async def versions(self, keys: Sequence[Resource]) -> dict[Resource, int]:
        """Return the version of each resource; 0 for one that was never published."""
        arguments = {"op_aor": [key.aor for key in keys], "op_package": [k.package for k in keys]}
        found = dict.fromkeys(keys, 0)
        for row in await self._link.fetch(self._versions, arguments):
            found[Resource(row[0], row[1])] = row[2]
        return found

    async def ping(self) -> None:
        """Return when the database answers."""
        await self._link.fetch(self._probe, {})


def heartbeat_statement() -> Statement:
    """Write the heartbeat and tell whether others live, as of before the statement."""
    p = processes.c
    row = select(given("owner", TEXT), given("node", TEXT), _NOW)
    statement = insert(processes).from_select(("owner", "node", "heartbeat_at"), row)
    beaten = statement.on_conflict_do_update(
        index_elements=("owner",), set_={"heartbeat_at": statement.excluded.heartbeat_at}
    ).cte("beaten")
    alive = p.heartbeat_at > _NOW - literal_column(str(DEAD_AFTER), Double())
    others = exists().where(p.owner != given("owner", TEXT), alive)
    return compiled(select(others).add_cte(beaten))


def forget_statement() -> Statement:
    """Leave; delete rows of processes long gone that own nothing."""
    p, s = processes.c, subscriptions.c
    forgotten: ColumnElement[float] = literal_column(str(FORGOTTEN_AFTER), Double())
    owns = exists().where(s.owner == p.owner)
    old = delete(processes).where(
        p.owner != given("owner", TEXT), p.heartbeat_at < _NOW - forgotten, ~owns
    )
    left = update(processes).values(heartbeat_at=ZERO).where(p.owner == given("owner", TEXT))
    return compiled(left.add_cte(old.cte("old")))


def adopt_statement() -> Statement:
    """Take subscriptions of the dead, skipping those that another process is taking."""
    p, s = processes.c, subscriptions.c
    owner = given("owner", TEXT)
    silent = p.heartbeat_at < _NOW - literal_column(str(DEAD_AFTER), Double())
    dead = select(p.owner).where(p.owner != owner, or_(silent, p.node == given("node", TEXT)))
    orphans = select(s.id).where(s.owner.in_(dead), s.expires_at > given("now", INSTANT))
    locked = orphans.limit(given("limit", WHOLE)).with_for_update(skip_locked=True)
    picked = locked.cte("picked")
    reserve: ColumnElement[int] = literal_column(str(CSEQ_RESERVE), BigInteger())
    statement = update(subscriptions).values(owner=owner, cseq_ceiling=s.cseq_ceiling + reserve)
    columns: list[Any] = [s[name] for name in SUBSCRIPTION_COLUMNS]
    adopted = statement.where(s.id == picked.c.id).returning(*columns).cte("adopted")
    return compiled(select(*adopted.c, told(adopted, Kind.SUBSCRIPTION, ZERO, adopted.c.id)))


def silence_statement() -> Statement:
    """Nodes all of whose lives left, or have been silent for longer than a hiccup."""
    p = processes.c
    silent: ColumnElement[float] = literal_column(str(SILENT_AFTER), Double())
    last = func.max(p.heartbeat_at)
    return compiled(select(p.node).group_by(p.node).having(last < _NOW - silent))


def versions_statement() -> Statement:
    """Versions of many resources."""
    op = operations("op", aor=TEXT, package=TEXT)
    r = resources.c
    same = (r.aor == op.c.aor) & (r.package == op.c.package)
    return compiled(select(r.aor, r.package, r.version).join_from(op, resources, same))

"""Publications on PostgreSQL: one statement per batch, read and write. Shell.

The write compares and replaces the entity-tag, raises the resource's version and reads
every other live publication, from one snapshot. When the version rose by more than one
over that snapshot, somebody committed in between, and the others are read again.
"""

from collections.abc import Sequence
from math import ceil
from typing import Any, Final

from sqlalchemy import and_, func, select, update

from store.operations import WritePublication
from store.outcomes import EtagMismatch, PublicationOutcome, PublicationWritten
from store.pg_context import PgContext
from store.pg_link import Link
from store.pg_notify import feed_arguments
from store.pg_publication_statement import kinds_of, publication_fields, write_statement
from store.pg_statement import INSTANT, TEXT, WHOLE, Statement, compiled, given, operations
from store.rows import check_at
from store.state_rows import publication_of, published_at, states_of
from store.tables import publications, resources
from store.values import Resource, ResourceState, resource_key

MISMATCH: Final = EtagMismatch()


class PgPublications:
    """Writes and reads publications, each on a connection of its own."""

    def __init__(self, context: PgContext) -> None:
        self._context = context
        self.writer = context.link("publications")
        self.reader = context.link("states")
        self._reading = read_statement()
        self._shortening = shorten_statement()

    async def write(self, ops: Sequence[WritePublication]) -> list[PublicationOutcome]:
        """Write a batch that holds no resource twice."""
        order = sorted(range(len(ops)), key=lambda place: ops[place].resource)
        batch = [ops[place] for place in order]
        arguments = _arguments(batch)
        telling = self._context.peers
        statement = write_statement(kinds_of(batch), telling=telling)
        if telling:
            keys = (resource_key(op.resource) for op in batch)
            arguments |= feed_arguments(self._context.owner, keys)
        rows = await self.writer.fetch(statement, arguments)
        outcomes: list[PublicationOutcome] = [MISMATCH] * len(ops)
        overtaken = _collect(rows, order, outcomes)
        if overtaken:
            await self._read_again(ops, outcomes, overtaken)
        return outcomes

    async def read(self, keys: Sequence[Resource], now: float) -> dict[Resource, ResourceState]:
        """Return the state of each resource."""
        return await self._states(self.reader, keys, now)

    async def _states(
        self, link: Link, keys: Sequence[Resource], now: float
    ) -> dict[Resource, ResourceState]:
        aors = [key.aor for key in keys]
        packages = [key.package for key in keys]
        arguments = {"op_aor": aors, "op_package": packages, "now": now}
        return states_of(keys, await link.fetch(self._reading, arguments))

    async def shorten(self, which: Sequence[tuple[Resource, str]], expires_at: float) -> None:
        """Have publications end sooner."""
        ordered = sorted(which)
        arguments = {
            "op_aor": [resource.aor for resource, _ in ordered],
            "op_package": [resource.package for resource, _ in ordered],
            "op_entity_tag": [entity_tag for _, entity_tag in ordered],
            "expires_at": expires_at,
            "check_at": check_at(expires_at),
        }
        await self.writer.fetch(self._shortening, arguments)

    async def _read_again(
        self, ops: Sequence[WritePublication], outcomes: list[PublicationOutcome], again: set[int]
    ) -> None:
        """Read the others anew where a commit came between snapshot and lock."""
        keys = [ops[place].resource for place in again]
        states = await self._states(self.writer, keys, max(op.now for op in ops))
        for place in again:
            op, outcome = ops[place], outcomes[place]
            if isinstance(outcome, PublicationWritten):
                there = states[op.resource].publications
                others = tuple(other for other in there if other.id != op.id)
                outcomes[place] = PublicationWritten(outcome.version, others)


def shorten_statement() -> Statement:
    """Bring the end of publications forward."""
    op = operations("op", aor=TEXT, package=TEXT, entity_tag=TEXT)
    p = publications.c
    statement = update(publications).values(
        expires_at=func.least(p.expires_at, given("expires_at", INSTANT)),
        check_at=func.least(p.check_at, given("check_at", WHOLE)),
    )
    same = and_(p.aor == op.c.aor, p.package == op.c.package, p.entity_tag == op.c.entity_tag)
    return compiled(statement.where(same))


def _arguments(batch: Sequence[WritePublication]) -> dict[str, object]:
    return {
        "op_aor": [op.resource[0] for op in batch],
        "op_package": [op.resource[1] for op in batch],
        "op_id": [op.id for op in batch],
        "op_expected": [op.expected for op in batch],
        "op_entity_tag": [op.entity_tag for op in batch],
        "op_expires_at": [op.expires_at for op in batch],
        "op_check_at": [ceil(op.expires_at) for op in batch],
        "op_content_type": [op.content_type for op in batch],
        "op_body": [op.body for op in batch],
        "op_published_at": [op.published_at for op in batch],
        "now": max([op.now for op in batch]),
    }


def _collect(
    rows: Sequence[Any], order: Sequence[int], outcomes: list[PublicationOutcome]
) -> set[int]:
    """Fill `outcomes` in; return the places whose others may be out of date."""
    overtaken = set()
    for row in rows:
        place = order[row[0] - 1]
        others = (publication_of(row, 3),) if row[3] is not None else ()
        outcome = outcomes[place]
        if isinstance(outcome, PublicationWritten):
            others = tuple(sorted((*outcome.others, *others), key=published_at))
        version, previous = row[1], row[2]
        if version is None:
            version = previous
        elif version != (previous or 0) + 1:
            overtaken.add(place)
        outcomes[place] = PublicationWritten(version, others)
    return overtaken


def read_statement() -> Statement:
    """Versions and live publications of many resources."""
    op = operations("op", aor=TEXT, package=TEXT)
    r, p = resources.c, publications.c
    live = and_(p.aor == r.aor, p.package == r.package, p.expires_at > given("now", INSTANT))
    known = and_(r.aor == op.c.aor, r.package == op.c.package)
    joined = op.join(resources, known).outerjoin(publications, live)
    return compiled(select(r.aor, r.package, r.version, *publication_fields()).select_from(joined))

"""Documents on PostgreSQL: preconditions are part of the conditional write. Shell."""

from collections.abc import Mapping, Sequence
from typing import Final

from store.errors import StoreDuplicate, StoreError, StoreRefused, StoreUnavailable
from store.operations import WriteDocument
from store.outcomes import (
    DocumentClaimed,
    DocumentOutcome,
    DocumentPrecondition,
    DocumentWritten,
)
from store.pg_context import PgContext
from store.pg_document_reads import PgDocumentReads
from store.pg_document_statement import TAG_SEPARATOR, write_statement
from store.pg_link import ATTEMPTS, SETTINGS, Link
from store.pg_notify import feed_arguments
from store.pg_purge import purge_statement
from store.pg_statement import Statement
from store.values import DocumentKey, document_key

STRICT: Final[Mapping[str, str]] = {
    **SETTINGS,
    "default_transaction_isolation": "repeatable read",
}
"""Claims are other rows than the document's: a writer that waited for the document's row
starts anew, so that it sees the claims of the one it waited for."""

STRICT_ATTEMPTS: Final = 50
"""Tries of a statement that starts anew whenever another writer of the document was first:
of as many processes at one document each gets its turn."""

Outcomes = dict[DocumentKey, DocumentOutcome | Exception]


class PgDocuments(PgDocumentReads):
    """Writes and reads documents, each on a connection of its own."""

    def __init__(self, context: PgContext, keep: int) -> None:
        super().__init__(context)
        self._keep = keep
        self.writer = context.link("documents")
        self._strict = context.link("claims", STRICT, STRICT_ATTEMPTS)
        keeping = keep > 0
        self._writing = write_statement(keeping=keeping, claiming=False)
        self._claiming = write_statement(keeping=keeping, claiming=True)
        self._purging = purge_statement(keeping=keeping)

    async def write(self, ops: Sequence[WriteDocument]) -> list[DocumentOutcome | Exception]:
        """Write a batch that holds no document twice."""
        outcomes: Outcomes = {}
        ordered = sorted(ops, key=lambda op: (op.key.owner, op.key.auid, op.key.path))
        plain = [op for op in ordered if not _claims(op)]
        if plain:
            await self._settle(self.writer, self._writing, plain, outcomes)
        claiming = [op for op in ordered if _claims(op)]
        if claiming:
            await self._claim(claiming, outcomes)
        return [outcomes[op.key] for op in ops]

    async def purge(self, owner: str, now: float, author: str, source: str) -> list[DocumentKey]:
        """Delete an owner's documents, their versions and claims."""
        arguments = {
            "owner": owner,
            "now": now,
            "author": author,
            "source": source,
            **feed_arguments(self._context.owner, ["x" * LONGEST_KEY]),
        }
        rows = await self._strict.fetch(self._purging, arguments)
        return [DocumentKey(row[0], row[1], row[2]) for row in rows]

    async def _claim(self, ops: Sequence[WriteDocument], outcomes: Outcomes) -> None:
        """Write operations that change claims, so that one which fails harms no other."""
        try:
            await self._settle(self._strict, self._claiming, ops, outcomes)
        except StoreRefused as error:
            if len(ops) > 1:
                for op in ops:
                    await self._claim([op], outcomes)
            elif isinstance(error, StoreDuplicate):
                await self._claim_again(ops[0], outcomes)
            else:
                outcomes[ops[0].key] = error
        except StoreError as error:
            outcomes.update((op.key, error) for op in ops if op.key not in outcomes)

    async def _claim_again(self, op: WriteDocument, outcomes: Outcomes) -> None:
        """Find out who has a URI of `op`; try again when by now nobody has."""
        for _ in range(ATTEMPTS):
            for uri in op.claims or ():
                claimant = await self.claimant(uri)
                if claimant not in (None, op.key):
                    outcomes[op.key] = DocumentClaimed(uri)
                    return
            try:
                return await self._settle(self._strict, self._claiming, [op], outcomes)
            except StoreDuplicate:
                continue
        outcomes[op.key] = StoreUnavailable("lost too many races in a row")

    async def _settle(
        self, link: Link, statement: Statement, ops: Sequence[WriteDocument], outcomes: Outcomes
    ) -> None:
        """Write `ops`, ordered by key, until each has its outcome.

        A document that another process creates between snapshot and insert is looked at again.
        """
        for _ in range(ATTEMPTS):
            ops = await self._attempt(link, statement, ops, outcomes)
            if not ops:
                return
        lost = StoreUnavailable("lost too many races in a row")
        outcomes.update((op.key, lost) for op in ops)

    async def _attempt(
        self, link: Link, statement: Statement, ops: Sequence[WriteDocument], outcomes: Outcomes
    ) -> list[WriteDocument]:
        """Write once; return the operations that must be tried again."""
        feed = feed_arguments(self._context.owner, (document_key(op.key) for op in ops))
        arguments = _arguments(ops) | feed | {"keep": self._keep}
        if statement is self._claiming:
            arguments |= _claim_arguments(ops)
        again = []
        for row in await link.fetch(statement, arguments):
            op = ops[row[0] - 1]
            version, created, seen, current = row[1], row[2], row[3], row[4]
            if version is not None:
                outcomes[op.key] = DocumentWritten(op.etag, created, version)
            elif seen or op.body is None or op.if_match is not None:
                outcomes[op.key] = DocumentPrecondition(current)
            else:
                again.append(op)
        return again


LONGEST_KEY: Final = 2_700
"""Octets: what an index takes."""


def _claims(op: WriteDocument) -> bool:
    """Tell whether `op` may change claims; a deletion gives them up."""
    return op.claims is not None or op.body is None


def _arguments(ops: Sequence[WriteDocument]) -> dict[str, object]:
    return {
        "op_auid": [op.key.auid for op in ops],
        "op_owner": [op.key.owner for op in ops],
        "op_path": [op.key.path for op in ops],
        "op_body": [op.body for op in ops],
        "op_content_type": [op.content_type for op in ops],
        "op_etag": [op.etag for op in ops],
        "op_match": [_joined(op.if_match) for op in ops],
        "op_none_match": [_joined(op.if_none_match) for op in ops],
        "op_updated_at": [op.now for op in ops],
        "op_author": [op.author for op in ops],
        "op_source": [op.source for op in ops],
    }


def _claim_arguments(ops: Sequence[WriteDocument]) -> dict[str, object]:
    """Claims in the order of URIs, so that several writers wait for each other in one order."""
    pairs = sorted((uri, place) for place, op in enumerate(ops, 1) for uri in _wanted(op))
    return {
        "claim_place": [place for _, place in pairs],
        "claim_uri": [uri for uri, _ in pairs],
    }


def _wanted(op: WriteDocument) -> frozenset[str]:
    return frozenset(op.claims or ()) if op.body is not None else frozenset()


def _joined(tags: Sequence[str] | None) -> str | None:
    return None if tags is None else TAG_SEPARATOR.join(tags)

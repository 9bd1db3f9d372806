"""The documents part of the store, in memory: the same answers, and nothing else shared."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from sip.authenticator import hashes_for
from sip.uri import AoR
from store.operations import WriteDocument
from store.outcomes import (
    DocumentClaimed,
    DocumentOutcome,
    DocumentPrecondition,
    DocumentWritten,
)
from store.values import (
    Credential,
    Document,
    DocumentInfo,
    DocumentKey,
    DocumentVersion,
    Grant,
    SubscriptionRow,
    WatcherRow,
)

ALICE: Final = AoR("sip:alice@example.com")
BOB: Final = AoR("sip:bob@example.com")
PASSWORDS: Final[Mapping[AoR, str]] = {ALICE: "wonderland", BOB: "builder"}


class DocumentsInMemory:
    """Documents with their versions, claims and grants, and the subscribers of PASSWORDS."""

    def __init__(self) -> None:
        self.rows: dict[DocumentKey, Document] = {}
        self.kept: dict[DocumentKey, list[DocumentVersion]] = defaultdict(list)
        """Every version of each document, the oldest first."""
        self.claimed: dict[str, DocumentKey] = {}
        self.given: list[Grant] = []
        self.subscriptions: list[SubscriptionRow] = []
        self.waiters: list[WatcherRow] = []
        self.reads = 0
        """How often a document was read."""
        self.grant_reads: list[str] = []
        """Whose grants were looked up."""
        self.hashes = {aor: hashes_for(aor, password) for aor, password in PASSWORDS.items()}

    async def document(self, key: DocumentKey) -> Document | None:
        self.reads += 1
        return self.rows.get(key)

    async def documents_of_owner(self, owner: str) -> list[DocumentInfo]:
        return [info_of(self.rows[key]) for key in sorted(self.rows) if key.owner == owner]

    async def documents_of_usage(
        self, auid: str, after: DocumentKey | None, limit: int
    ) -> list[Document]:
        keys = sorted(key for key in self.rows if key.auid == auid)
        return [self.rows[key] for key in keys if after is None or key > after][:limit]

    async def infos_of_usage(
        self, auid: str, after: DocumentKey | None, limit: int
    ) -> list[DocumentInfo]:
        page = await DocumentsInMemory.documents_of_usage(self, auid, after, limit)
        return [info_of(document) for document in page]

    async def write_document(self, op: WriteDocument) -> DocumentOutcome:
        old = self.rows.get(op.key)
        etag = old.etag if old else None
        if not _holds(op, etag) or (op.body is None and old is None):
            return DocumentPrecondition(etag)
        for uri in op.claims or ():
            if self.claimed.get(uri, op.key) != op.key:
                return DocumentClaimed(uri)
        self._claim(op)
        version = len(self.kept[op.key]) + 1
        self.kept[op.key].append(
            DocumentVersion(
                version, op.etag, op.content_type, op.body, op.author, op.source, op.now
            )
        )
        if op.body is None:
            del self.rows[op.key]
            return DocumentWritten("", created=False, version=version)
        self.rows[op.key] = Document(op.key, op.etag, op.content_type, op.body, op.now, version)
        return DocumentWritten(op.etag, created=old is None, version=version)

    def _claim(self, op: WriteDocument) -> None:
        if op.claims is not None or op.body is None:
            kept = {uri: key for uri, key in self.claimed.items() if key != op.key}
            self.claimed = kept | dict.fromkeys(op.claims or (), op.key)

    async def document_versions(
        self, key: DocumentKey, *, after: int = 0, limit: int = 100
    ) -> list[DocumentVersion]:
        return [version for version in self.kept[key] if version.version > after][:limit]

    async def document_version(self, key: DocumentKey, etag: str) -> DocumentVersion | None:
        return next((version for version in self.kept[key] if version.etag == etag), None)

    async def claimant(self, uri: str) -> DocumentKey | None:
        return self.claimed.get(uri)

    async def grants(self, owner: str) -> Sequence[Grant]:
        self.grant_reads.append(owner)
        return [grant for grant in self.given if grant.owner == owner]

    async def granted(self, grantees: Sequence[str], limit: int) -> Sequence[Grant]:
        found = [grant for grant in self.given if grant.grantee in grantees]
        return sorted(found)[:limit]

    async def usage_stamp(self, auid: str, path: str) -> str:
        keys = sorted(key for key in self.rows if (key.auid, key.path) == (auid, path))
        return ",".join(f"{key.owner} {self.rows[key].etag}" for key in keys if key.owner)

    async def watchers(self, aor: str) -> Sequence[SubscriptionRow]:
        return [row for row in self.subscriptions if row.resource.aor == aor]

    async def waiting(self, aor: str) -> Sequence[WatcherRow]:
        return [row for row in self.waiters if row.resource.aor == aor]

    async def credential(self, aor: str) -> Credential | None:
        found = self.hashes.get(AoR(aor))
        if found is None:
            return None
        return Credential(found.aor, found.md5, found.sha256, found.md5_full, found.sha256_full)


def info_of(document: Document) -> DocumentInfo:
    """What a list of documents says of one."""
    size = len(document.body)
    key, etag, content_type = document.key, document.etag, document.content_type
    return DocumentInfo(key, etag, content_type, size, document.updated_at, document.version)


def _holds(op: WriteDocument, etag: str | None) -> bool:
    if op.if_match is not None and (
        etag is None or (op.if_match != ("*",) and etag not in op.if_match)
    ):
        return False
    return not (
        op.if_none_match is not None
        and etag is not None
        and (op.if_none_match == ("*",) or etag in op.if_none_match)
    )

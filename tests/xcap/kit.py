"""A running XCAP server over documents in memory, for the tests of this folder."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Final

import aiohttp

from sip.authenticator import Authenticator, Hashes, Identity, hashes_for
from sip.digest import NonceCounts, NonceMint
from sip.uri import AoR
from store.operations import WriteDocument
from store.outcomes import DocumentClaimed, DocumentOutcome, DocumentPrecondition, DocumentWritten
from store.values import Credential, Document, DocumentKey
from tests.rawdigest import Choose, Login, first
from tests.rawxcap import XcapClient
from xcap.config import XcapConfig
from xcap.http import XcapServer
from xcap.ports import Documents
from xcap.registry import usages

ALICE: Final = AoR("sip:alice@example.com")
BOB: Final = AoR("sip:bob@example.com")
PASSWORDS: Final[Mapping[AoR, str]] = {ALICE: "wonderland", BOB: "builder"}

LISTS: Final = "resource-lists/users/sip:alice@example.com/index"
CONFIG: Final = XcapConfig(domains=("example.com",))
LOOPBACK: Final = (ip_network("127.0.0.0/8"),)


class DocumentsInMemory:
    """The documents part of the store, and the subscribers of PASSWORDS."""

    def __init__(self) -> None:
        self.rows: dict[DocumentKey, Document] = {}
        self.claimed: dict[str, DocumentKey] = {}
        self.hashes = {aor: hashes_for(aor, password) for aor, password in PASSWORDS.items()}

    async def document(self, key: DocumentKey) -> Document | None:
        return self.rows.get(key)

    async def documents(self, auid: str, owner: str) -> list[Document]:
        return [self.rows[key] for key in sorted(self.rows) if key[:2] == (auid, owner)]

    async def write_document(self, op: WriteDocument) -> DocumentOutcome:
        old = self.rows.get(op.key)
        etag = old.etag if old else None
        if not _holds(op, etag):
            return DocumentPrecondition(etag)
        for uri in op.claims or ():
            if self.claimed.get(uri, op.key) != op.key:
                return DocumentClaimed(uri)
        if op.claims is not None or op.body is None:
            self.claimed = {uri: key for uri, key in self.claimed.items() if key != op.key}
            self.claimed.update(dict.fromkeys(op.claims or (), op.key))
        if op.body is None:
            if old is None:
                return DocumentPrecondition(None)
            del self.rows[op.key]
            return DocumentWritten("", created=False, version=1)
        self.rows[op.key] = Document(op.key, op.etag, op.content_type, op.body, op.now)
        return DocumentWritten(op.etag, created=old is None, version=1)

    async def claimant(self, uri: str) -> DocumentKey | None:
        return self.claimed.get(uri)

    async def credential(self, aor: str) -> Credential | None:
        found = self.hashes.get(AoR(aor))
        if found is None:
            return None
        return Credential(found.aor, found.md5, found.sha256, found.md5_full, found.sha256_full)


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


@dataclass
class Served:
    """A server that listens, and how to talk to it."""

    port: int
    server: XcapServer
    session: aiohttp.ClientSession
    now: list[float] = field(default_factory=lambda: [1_000_000.0])

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.port}/xcap-root"

    def client(self, user: AoR | None = ALICE, choose: Choose = first) -> XcapClient:
        """A client with `user`'s password; None: one without credentials."""
        if user is None:
            return XcapClient(self.session, self.root)
        name = user.removeprefix("sip:").partition("@")[0]
        return XcapClient(self.session, self.root, Login(name, PASSWORDS[user], choose))

    def asserting(self, user: str) -> XcapClient:
        """A front end that names `user`."""
        return XcapClient(self.session, self.root, asserted=user)

    async def raw(self, data: bytes) -> bytes:
        """What comes back for these very octets, until the server closes the connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(data)
        try:
            return await asyncio.wait_for(reader.read(), timeout=10)
        finally:
            writer.close()


@asynccontextmanager
async def serving(
    config: XcapConfig = CONFIG, store: Documents | None = None
) -> AsyncIterator[Served]:
    """A server on a port of its own."""
    documents = store or DocumentsInMemory()
    now = [1_000_000.0]

    async def lookup(aor: AoR) -> Hashes | None:
        found = await documents.credential(aor)
        if found is None:
            return None
        return Hashes(AoR(found.aor), found.md5, found.sha256, found.md5_full, found.sha256_full)

    async def exists(aor: AoR, identity: Identity) -> bool:
        return identity.how == "asserted" or await documents.credential(aor) is not None

    server = XcapServer(
        store=documents,
        authenticator=Authenticator(
            mint=NonceMint(b"secret of the tests", lifetime=300.0),
            counts=NonceCounts(),
            lookup=lookup,
            algorithms=("MD5", "SHA-256"),
            domains=config.domains,
        ),
        config=config,
        usages=usages(config),
        exists=exists,
        clock=lambda: now[0],
    )
    app = server.app()
    listener = await asyncio.get_running_loop().create_server(app, "127.0.0.1", 0)
    try:
        async with aiohttp.ClientSession() as session:
            yield Served(listener.sockets[0].getsockname()[1], server, session, now)
    finally:
        listener.close()
        await app.shutdown(1)

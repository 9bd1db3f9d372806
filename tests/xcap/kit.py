"""A running XCAP server over documents in memory, for the tests of this folder."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Final

import aiohttp

from sip.authenticator import Authenticator, Hashes, Identity
from sip.digest import NonceCounts, NonceMint
from sip.lockout import Lockout
from sip.uri import AoR
from tests.rawdigest import Choose, Login, first
from tests.rawxcap import XcapClient
from tests.xcap.memorystore import ALICE, BOB, PASSWORDS, DocumentsInMemory
from xcap.config import XcapConfig
from xcap.http.exchange import View
from xcap.http.server import XcapServer
from xcap.ports import Documents, OnChange, tell_nobody
from xcap.registry import usages
from xcap.service import XcapService

__all__ = [
    "ALICE",
    "BOB",
    "CONFIG",
    "LISTS",
    "LOOPBACK",
    "PASSWORDS",
    "DocumentsInMemory",
    "Served",
    "serving",
]

LISTS: Final = "resource-lists/users/sip:alice@example.com/index"
CONFIG: Final = XcapConfig(domains=("example.com",))
LOOPBACK: Final = (ip_network("127.0.0.0/8"),)


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
    config: XcapConfig = CONFIG,
    store: Documents | None = None,
    *,
    on_change: OnChange = tell_nobody,
    lockout: Lockout | None = None,
    views: Callable[[XcapService], Sequence[View]] = lambda service: (),
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
            lockout=lockout,
        ),
        config=config,
        usages=usages(config),
        exists=exists,
        clock=lambda: now[0],
        on_change=on_change,
        views=views,
    )
    app = server.app()
    listener = await asyncio.get_running_loop().create_server(app, "127.0.0.1", 0)
    try:
        async with aiohttp.ClientSession() as session:
            yield Served(listener.sockets[0].getsockname()[1], server, session, now)
    finally:
        listener.close()
        await app.shutdown(1)

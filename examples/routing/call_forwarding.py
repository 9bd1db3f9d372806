"""Forward calls as a table in a small database says.

Put into presentity.toml:

    [sip]
    routing = "examples/routing/call_forwarding.py"

The table lies beside this file, in forwarding.db. Make it and fill it with the sqlite3 program, or
from a web page of yours. A change counts from the next call on; nothing is to be reloaded:

    CREATE TABLE forward (
        aor TEXT NOT NULL,         -- whose calls, such as sip:alice@example.com
        mode TEXT NOT NULL CHECK (mode IN ('always', 'otherwise')),
        position INTEGER NOT NULL, -- lower is tried first
        target TEXT NOT NULL,      -- where to, such as sip:reception@example.com
        PRIMARY KEY (aor, mode, position)
    );
    INSERT INTO forward VALUES ('sip:alice@example.com', 'always', 1, 'sip:bob@example.com');
    INSERT INTO forward VALUES ('sip:bob@example.com', 'otherwise', 1, 'sip:bob@pbx.example.net');

`always` forwards every call at once, and the user's own phones stay silent. `otherwise` rings them
first, and goes on when they are busy, do not answer, or when none is registered. Who declines for
good (603) is not forwarded.

The table is asked for the one that was called, not again for the one that the call goes to: two
users who forward to each other make no loop.
"""

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from proxy.routing import Relay, RoutedRequest

DATABASE = Path(__file__).with_name("forwarding.db")

BUSY_TIMEOUT = 1.0
"""Seconds to wait while somebody else writes; a callback has five in all."""

Rows = Sequence[tuple[str, str]]


async def on_request(request: RoutedRequest) -> Relay | None:
    """Forward calls; all other requests go on as ever."""
    if request.method != "INVITE":
        return None
    # Files and databases are asked in a thread: all other calls would wait for them here.
    rows = await asyncio.to_thread(forwards, request.callee)
    always = [target for mode, target in rows if mode == "always"]
    if always:
        # So that the next phone, or a voice mailbox, knows who was called at first (RFC 5806).
        request.add_header("Diversion", f"<{request.callee}>;reason=unconditional")
        return Relay(*always, serial=True)
    otherwise = [target for mode, target in rows if mode == "otherwise"]
    if otherwise:
        return Relay(request.uri, *otherwise, serial=True)
    return None


def forwards(aor: str) -> Rows:
    """Mode and target of each line for `aor`, in the order to be tried."""
    if not DATABASE.exists():
        return ()
    query = "SELECT mode, target FROM forward WHERE aor = ? ORDER BY position"
    with closing(sqlite3.connect(DATABASE, timeout=BUSY_TIMEOUT)) as database:
        return database.execute(query, (aor,)).fetchall()

"""SQLite: one server at a time, tools beside it, durable commits."""

import sqlite3
from pathlib import Path

import pytest

from store import migrate
from store.errors import StoreMisused
from store.role import Role
from store.sqlite_backend import SqliteBackend
from store.stats import StoreStats
from store.values import Change, Kind
from tests.store.conftest import Opener
from tests.store.storekit import ALICE, NOW, credential, eventually, publish


@pytest.fixture
def path(tmp_path: Path) -> Path:
    migrate.upgrade(f"sqlite:///{tmp_path / 'store.db'}")
    return tmp_path / "store.db"


async def test_a_second_server_is_refused_and_a_tool_is_not(path: Path, opened: Opener) -> None:
    first = await opened(f"sqlite:///{path}")
    with pytest.raises(StoreMisused, match="another process"):
        await opened(f"sqlite:///{path}", "b")
    tool = await opened(f"sqlite:///{path}", "tool", Role.TOOL)
    await tool.put_credential(credential())
    await first.close()
    await opened(f"sqlite:///{path}", "b")


async def test_a_server_hears_of_what_a_tool_changed(path: Path, opened: Opener) -> None:
    server = await opened(f"sqlite:///{path}")
    changes: list[Change] = []
    server.on_change(changes.append)
    assert await server.credential(credential().aor) is None
    tool = await opened(f"sqlite:///{path}", "tool", Role.TOOL)
    await tool.put_credential(credential())
    await eventually(lambda: bool(changes))
    assert {change.kind for change in changes} == {Kind.RESYNC}
    assert await server.credential(credential().aor) == credential()


async def test_a_servers_own_writes_are_no_resync(path: Path) -> None:
    changes: list[Change] = []
    backend = SqliteBackend(
        path,
        owner="a.1",
        role=Role.TOOL,
        stats=StoreStats(),
        changed=changes.append,
        keep_versions=1,
        keep_waiting=0.0,
    )
    await backend.poll()
    await backend.publications.write([publish()])
    await backend.publications.read([ALICE], NOW)
    await backend.poll()
    assert changes == []
    with sqlite3.connect(path) as other:
        other.execute("DELETE FROM credentials")
        other.execute("INSERT INTO credentials VALUES ('a', '', '', '', '')")
    other.close()
    await backend.poll()
    assert [change.kind for change in changes] == [Kind.RESYNC]
    await backend.close()

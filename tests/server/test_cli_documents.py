"""XCP-19: `presentity documents` as commands on a store."""

import asyncio
from pathlib import Path

import pytest

from store import migrate
from store.operations import WriteDocument
from store.store import open_store
from store.values import DocumentKey
from tests.processes import Deployment
from tests.rawxcap import resource_list

KEY = DocumentKey("resource-lists", "sip:alice@example.com", "index")
USER = "alice@example.com"
NAME = "resource-lists/index"


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    """With two versions of Alice's list."""
    url = f"sqlite:///{tmp_path}/presentity.db"
    migrate.upgrade(url)
    asyncio.run(written(url, "a", "b"))
    return Deployment(tmp_path / "server", url)


async def written(url: str, *names: str) -> None:
    store = await open_store(url, node="test")
    for name in names:
        body, kind = resource_list(name), "application/resource-lists+xml"
        op = WriteDocument(KEY, body, kind, name, None, None, 0.0, KEY.owner, "192.0.2.1")
        await store.write_document(op)
    await store.close()


def test_what_was_written_is_undone(deployment: Deployment) -> None:
    size = len(resource_list("a"))
    before = deployment.must_run("documents", "versions", USER, NAME).splitlines()
    assert before[0] == f"1\t{size}\t1970-01-01T00:00:00Z\t{KEY.owner}\t192.0.2.1"
    said = deployment.must_run("documents", "undo", USER, NAME, "1")
    assert said == "resource-lists/index: version 3 is as version 1 was\n"
    after = deployment.must_run("documents", "versions", USER, NAME).splitlines()
    assert after[:2] == before
    assert after[2].split("\t")[3:] == ["admin", "-"]


def test_a_user_is_purged(deployment: Deployment) -> None:
    (line,) = deployment.must_run("documents", "list", USER).splitlines()
    assert line.split("\t")[:3] == [NAME, str(len(resource_list("b"))), "2"]
    assert deployment.must_run("documents", "purge", USER) == "1 documents deleted\n"
    assert deployment.must_run("documents", "list", USER) == ""
    (line,) = deployment.must_run("documents", "versions", USER, NAME).splitlines()
    assert line.split("\t")[:2] == ["3", "deleted"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("undo", USER, NAME, "9"), "version 9 is not kept"),
        (("undo", USER, "nonsense/index", "1"), "no such application usage: nonsense"),
        (("versions", USER, "index"), "index: is not a document such as"),
        (("list", "@example.com"), "no such user"),
    ],
)
def test_a_mistake_is_one_line(
    deployment: Deployment, arguments: tuple[str, ...], said: str
) -> None:
    done = deployment.run("documents", *arguments)
    assert done.returncode != 0
    (line,) = done.stderr.splitlines()
    assert said in line

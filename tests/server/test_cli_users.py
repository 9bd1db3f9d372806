"""`presentity user` and `presentity db` as commands on a store."""

import subprocess
from pathlib import Path

import pytest

from tests.processes import Deployment


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    return Deployment(tmp_path / "server", f"sqlite:///{tmp_path}/presentity.db")


def refused(done: "subprocess.CompletedProcess[str]") -> str:
    assert done.returncode != 0
    (line,) = done.stderr.splitlines()
    return line


def test_a_subscriber_comes_and_goes(deployment: Deployment) -> None:
    deployment.must_run("user", "add", "alice@example.com", "--password", "x")
    deployment.must_run("user", "add", "sip:bob@example.com", "--password", "y")
    listed = deployment.must_run("user", "list").split()
    assert listed == ["sip:alice@example.com", "sip:bob@example.com"]
    deployment.must_run("user", "remove", "alice@example.com")
    assert deployment.must_run("user", "list").split() == ["sip:bob@example.com"]


def test_a_password_is_never_shown(deployment: Deployment, tmp_path: Path) -> None:
    added = deployment.run("user", "add", "alice@example.com", "--password", "s3cret-word")
    changed = deployment.run("user", "password", "alice@example.com", "--password", "s3cret-two")
    said = added.stdout + added.stderr + changed.stdout + changed.stderr
    assert "s3cret" not in said
    stored = b"".join(file.read_bytes() for file in tmp_path.glob("presentity.db*"))
    assert b"s3cret" not in stored


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("user", "add", "alice", "--password", "x"), "alice: is not an address"),
        (("user", "add", "a@elsewhere.net", "--password", "x"), "elsewhere.net is not one of"),
        (("user", "add", "a@example.com", "--password", ""), "the password is empty"),
        (("user", "password", "a@example.com", "--password", "x"), "is no subscriber"),
        (("user", "remove", "a@example.com"), "is no subscriber"),
        (("user", "import", "absent.tsv"), "absent.tsv: cannot be read"),
    ],
)
def test_a_mistake_is_one_line(
    deployment: Deployment, arguments: tuple[str, ...], said: str
) -> None:
    line = refused(deployment.run(*arguments))
    assert line.startswith("presentity: ")
    assert said in line


def test_a_subscriber_is_added_once(deployment: Deployment) -> None:
    deployment.must_run("user", "add", "alice@example.com", "--password", "x")
    line = refused(deployment.run("user", "add", "alice@example.com", "--password", "y"))
    assert "is a subscriber already" in line


def test_an_import_takes_all_lines_or_none(deployment: Deployment) -> None:
    file = deployment.directory / "users.tsv"
    file.write_text("alice\texample.com\tx\nbob example.com y\n")
    line = refused(deployment.run("user", "import", str(file)))
    assert "users.tsv: line 2: is not user<TAB>domain<TAB>password" in line
    assert deployment.must_run("user", "list") == ""
    file.write_text("alice\texample.com\tx\nbob\texample.com\ty\n")
    assert deployment.must_run("user", "import", str(file)) == "2 subscribers imported\n"


def test_the_schema_can_be_checked(deployment: Deployment) -> None:
    assert "presentity db upgrade" in refused(deployment.run("db", "check"))
    assert "up to date" in deployment.must_run("db", "upgrade")
    assert "up to date" in deployment.must_run("db", "check")


def test_config_prints_what_is_in_effect(deployment: Deployment) -> None:
    printed = deployment.must_run("config", "--set", "presence.max_expires=999")
    assert "max_expires = 999" in printed

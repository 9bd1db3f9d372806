"""`presentity serve` on PostgreSQL: the same road, and what is refused."""

from pathlib import Path

import pytest

from tests.processes import Deployment

pytestmark = pytest.mark.postgres


def test_an_empty_database_is_set_up_and_served(postgres_dsn: str, tmp_path: Path) -> None:
    deployment = Deployment(tmp_path / "server", postgres_dsn)
    deployment.must_run("user", "add", "alice@example.com", "--password", "wonderland")
    with deployment.serving() as running:
        published = deployment.must_run(
            "publish", "alice@example.com", "--password", "wonderland", "--note", "here"
        )
        assert "published, entity-tag " in published
        watched = deployment.must_run(
            "watch", "alice@example.com", "--password", "wonderland", "--count", "1"
        )
        assert "“here”" in watched
        assert running.terminate() == 0
        assert "level=error" not in running.log

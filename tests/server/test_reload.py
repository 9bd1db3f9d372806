"""SIGHUP: what was read again, and what could not be and stays as it was."""

import pytest
import structlog

from server.errors import ServerError
from server.reload import reload_parts
from sip.errors import TransportError


def fails_with(error: Exception) -> None:
    raise error


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(ServerError("sip.routing: x.py:3: SyntaxError"), id="routing"),
        pytest.param(TransportError("tls.certificate: x.pem: no such file"), id="certificates"),
    ],
)
def test_a_part_that_cannot_be_read_is_one_line_and_harms_no_other(error: Exception) -> None:
    read: list[str] = []
    with structlog.testing.capture_logs() as lines:
        reload_parts({"first": lambda: fails_with(error), "second": lambda: read.append("second")})
    assert read == ["second"]
    assert [(line["event"], line["part"]) for line in lines] == [
        ("not-reloaded", "first"),
        ("reloaded", "second"),
    ]
    assert lines[0]["error"] == str(error)


def test_a_mistake_of_ours_is_logged_whole() -> None:
    error = KeyError("x")
    with structlog.testing.capture_logs() as lines:
        reload_parts({"first": lambda: fails_with(error)})
    assert lines == [
        {"event": "not-reloaded", "part": "first", "exc_info": error, "log_level": "error"}
    ]


def test_nothing_to_read_is_told_too() -> None:
    with structlog.testing.capture_logs() as lines:
        reload_parts({})
    assert [line["event"] for line in lines] == ["nothing-to-reload"]

"""Log lines: one per event, with what is known of the exchange, and without secrets."""

import asyncio
import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from server.config import LogSettings
from server.config_values import LogFormat, LogLevel
from server.logs import bound, configure_logs, report_loop_exceptions


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def configured(level: LogLevel = LogLevel.INFO, form: LogFormat = LogFormat.LOGFMT) -> io.StringIO:
    stream = io.StringIO()
    configure_logs(LogSettings(level=level, format=form), stream)
    return stream


def test_a_line_carries_call_id_aor_and_package() -> None:
    stream = configured()
    bound(call_id="c1@host", aor="sip:a@example.com", event="presence").info(
        "notify-sent", code=200
    )
    line = stream.getvalue()
    for fact in (
        "event=notify-sent",
        "call_id=c1@host",
        "aor=sip:a@example.com",
        "package=presence",
        "code=200",
    ):
        assert fact in line


def test_json_has_one_object_a_line() -> None:
    stream = configured(form=LogFormat.JSON)
    bound(call_id="c2").warning("subscription-gone", id="t1")
    (record,) = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert (record["event"], record["call_id"], record["level"]) == (
        "subscription-gone",
        "c2",
        "warning",
    )


def test_records_of_libraries_go_through_the_same_formatter() -> None:
    stream = configured(form=LogFormat.JSON)
    logging.getLogger("aiohttp.server").error("bad request from %s", "192.0.2.1")
    assert json.loads(stream.getvalue())["event"] == "bad request from 192.0.2.1"


def test_below_the_level_nothing_is_written() -> None:
    stream = configured(level=LogLevel.WARNING)
    bound().info("quiet")
    assert stream.getvalue() == ""


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("password", "s3cret"),
        ("authorization", 'Digest username="a", response="s3cret"'),
        ("line", 'Authorization: Digest nonce="n", response="s3cret", cnonce="s3cret"'),
        ("url", "postgresql://u:s3cret@host/db"),
    ],
)
@pytest.mark.parametrize("form", LogFormat)
def test_credentials_are_never_written(key: str, value: str, form: LogFormat) -> None:
    stream = configured(form=form)
    bound().error("seen", **{key: value})
    assert "s3cret" not in stream.getvalue()
    assert "***" in stream.getvalue()


async def test_what_no_task_catches_is_one_error_line() -> None:
    stream = configured()
    loop = asyncio.get_running_loop()
    report_loop_exceptions(loop)
    loop.call_exception_handler({"message": "lost", "exception": ValueError("boom")})
    assert "event=uncaught" in stream.getvalue()
    assert "ValueError: boom" in stream.getvalue()

"""Logging: structlog, one line per event, logfmt or JSON, to standard error. Shell.

An event is a fixed kebab-case word, its facts are keys; `bound` puts Call-ID, AoR and event package
on a line where there is one to write, so that the good path binds nothing. Records of other
libraries go through the same formatter. Bodies only at debug, credentials never: `redact` is last.
"""

import asyncio
import logging
import re
import sys
from collections.abc import Callable
from typing import Any, Final, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from server.config import LogSettings
from server.config_values import LogFormat
from sip.transport.endpoint import ServerTransaction

SECRET_KEYS: Final = frozenset({"password", "authorization", "proxy_authorization", "ha1"})
"""Keys whose value is never written."""
REDACTED: Final = "***"

_SECRETS: Final = re.compile(
    r"""(?ix)(?: (?P<key>\b(?:response|cnonce|password|ha1)\s*=\s*) (?:"[^"]*"|[^\s,;"]+)
        | (?P<url>://[^\s:/@]+:) [^\s@/]+ (?=@) )"""
)
_LIBRARIES: Final = {"aiohttp.access": logging.WARNING, "alembic": logging.WARNING}
"""Loggers of libraries that are more talkative than an operator wants."""


def configure_logs(settings: LogSettings, stream: TextIO | None = None) -> None:
    """Send every record of ours and of the libraries to `stream` (standard error)."""
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    shared = _shared_processors()
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_renderers(settings.format),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name, least in _LIBRARIES.items():
        logging.getLogger(name).setLevel(max(level, least))


def bound(
    *, call_id: str | None = None, aor: str | None = None, event: str | None = None
) -> structlog.typing.FilteringBoundLogger:
    """A logger that writes what is known of one exchange on each of its lines."""
    known = {"call_id": call_id, "aor": aor, "package": event}
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger("server").bind(
        **{key: value for key, value in known.items() if value}
    )
    return logger


def report_loop_exceptions(loop: asyncio.AbstractEventLoop) -> None:
    """Write what no task caught as one error line; the loop goes on."""
    log = structlog.get_logger("server.loop")

    def report(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        log.error("uncaught", message=context.get("message"), exc_info=error)

    loop.set_exception_handler(report)


def traced(handle: Callable[[ServerTransaction], None]) -> Callable[[ServerTransaction], None]:
    """`handle`, with a debug line for each request; asked for once, at start, when debug is on."""
    log = structlog.get_logger("server.trace")

    def trace(tx: ServerTransaction) -> None:
        request, flow = tx.request, tx.flow
        log.debug(
            "request",
            method=request.method,
            uri=request.uri_text,
            call_id=request.get("call-id"),
            peer=f"{flow.transport}:{flow.remote[0]}:{flow.remote[1]}",
            body=request.body.decode("utf-8", "replace"),
        )
        handle(tx)

    return trace


def redact(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Drop secrets: by key, and digest responses and URL passwords inside text."""
    for key, value in event.items():
        if key in SECRET_KEYS:
            event[key] = REDACTED
        elif isinstance(value, str):
            event[key] = _SECRETS.sub(_hide, value)
    return event


def _hide(match: re.Match[str]) -> str:
    return f"{match['key'] or match['url']}{REDACTED}"


def _shared_processors() -> list[Processor]:
    return [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.UnicodeDecoder(),
    ]


def _renderers(wanted: LogFormat) -> list[Processor]:
    if wanted is LogFormat.JSON:
        return [
            structlog.processors.dict_tracebacks,
            redact,
            structlog.processors.JSONRenderer(sort_keys=False),
        ]
    return [
        structlog.processors.format_exc_info,
        redact,
        structlog.processors.LogfmtRenderer(
            key_order=["timestamp", "level", "event", "logger"], bool_as_flag=False
        ),
    ]

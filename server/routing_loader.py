"""Loads an operator's routing file. Shell.

The file is read, compiled and run here, and what is wrong with it is told in one line that
names the file and the line in it. No byte code is kept: a file changed twice within a second
would be taken for the one before.
"""

import asyncio
import difflib
import inspect
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from server.errors import ServerError

CALLBACKS: Final[Mapping[str, str]] = {
    "on_request": "request",
    "on_register": "register",
    "on_reply": "reply",
}
"""What a routing file may define, and what the one argument of each is."""
MODULE_NAME: Final = "presentity_routing_file"
"""As which the file stands in sys.modules, where dataclasses and pickle look for it."""

Callback = Callable[[Any], Awaitable[object] | object]


class RoutingFileError(ServerError):
    """The routing file cannot be used."""

    def __init__(self, path: Path, line: int | None, what: str) -> None:
        place = path if line is None else f"{path}:{line}"
        super().__init__(f"sip.routing: {place}: {what}")


@dataclass(frozen=True, slots=True)
class Callbacks:
    """What a routing file defines; None for what it leaves out."""

    on_request: Callback | None = None
    on_register: Callback | None = None
    on_reply: Callback | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Those that are there."""
        return tuple(name for name in CALLBACKS if getattr(self, name) is not None)


def load_routing(path: Path) -> Callbacks:
    """The callbacks of the routing file at `path`. Raises RoutingFileError."""
    module = _run(path)
    _check_names(path, module)
    callbacks = Callbacks(**{name: _callback(path, module, name) for name in CALLBACKS})
    if not callbacks.names:
        raise RoutingFileError(path, None, f"defines none of {', '.join(CALLBACKS)}")
    sys.modules[MODULE_NAME] = module
    return callbacks


def _run(path: Path) -> ModuleType:
    module = ModuleType(MODULE_NAME)
    module.__file__ = str(path)
    before = sys.modules.get(MODULE_NAME)
    sys.modules[MODULE_NAME] = module
    try:
        code = compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
        exec(code, module.__dict__)
    except OSError as error:
        if _line_in(path, error) is None:
            raise RoutingFileError(path, None, f"cannot be read: {error.strerror}") from error
        raise _cannot_be_loaded(path, error) from error
    except (Exception, SystemExit, asyncio.CancelledError) as error:
        raise _cannot_be_loaded(path, error) from error
    finally:
        sys.modules.pop(MODULE_NAME, None)
        if before is not None:
            sys.modules[MODULE_NAME] = before
    return module


def _cannot_be_loaded(path: Path, error: BaseException) -> RoutingFileError:
    line = error.lineno if isinstance(error, SyntaxError) else _line_in(path, error)
    told = error.msg if isinstance(error, SyntaxError) else " ".join(str(error).split())
    return RoutingFileError(path, line, f"{type(error).__name__}: {told}")


def _line_in(path: Path, error: BaseException) -> int | None:
    """The line of `path` that `error` passed last, or None when it never was there."""
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _check_names(path: Path, module: ModuleType) -> None:
    """A callback with a mistake in its name would never be called, and nobody would know."""
    for name, value in vars(module).items():
        if name.startswith("on_") and name not in CALLBACKS and inspect.isfunction(value):
            close = difflib.get_close_matches(name, CALLBACKS, n=1)
            hint = f" (did you mean {close[0]}?)" if close else ""
            raise RoutingFileError(path, _line_of(value), f"{name} is no callback{hint}")


def _callback(path: Path, module: ModuleType, name: str) -> Callback | None:
    value = getattr(module, name, None)
    if value is None:
        return None
    if not callable(value):
        raise RoutingFileError(path, None, f"{name} is no function")
    try:
        inspect.signature(value).bind(object())
    except (TypeError, ValueError) as error:
        wanted = f"{name}({CALLBACKS[name]})"
        raise RoutingFileError(path, _line_of(value), f"is not {wanted}: {error}") from error
    if inspect.isgeneratorfunction(value) or inspect.isasyncgenfunction(value):
        raise RoutingFileError(path, _line_of(value), f"{name} must not yield")
    return value  # type: ignore[no-any-return]  # checked above, as far as it can be


def _line_of(value: object) -> int | None:
    code = getattr(inspect.unwrap(value), "__code__", None) if callable(value) else None
    return None if code is None else code.co_firstlineno

"""Read the settings: a TOML file, then the environment, then `--set`, the later winning. Shell.

Whatever is wrong in any of them is reported at once, each mistake with its key.
"""

import difflib
import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ValidationError
from pydantic_settings import SettingsConfigDict

from server.config import ENVIRONMENT_DELIMITER, ENVIRONMENT_PREFIX, Settings
from server.errors import SettingsError

DEFAULT_FILE: Final = Path("presentity.toml")
"""Read from the working directory when no file is named and it is there."""
_KEY_ITSELF: Final = "[key]"
"""What pydantic adds to the place of a mistake that is in a key of a table."""
SUITE_PREFIXES: Final = ("PRESENTITY_REQUIRE_", "PRESENTITY_TEST_")
"""Environment variables of the test suite, which are no settings."""


def load_settings(file: Path | None = None, assignments: Sequence[str] = ()) -> Settings:
    """The effective settings. Raises SettingsError with all that is wrong.

    `assignments` are `section.key=value`, as `--set` takes them.
    """
    path = _settings_file(file)
    problems = list(_unknown_variables(os.environ))
    overrides = _overrides(assignments, problems)

    class FromFile(Settings):
        model_config = SettingsConfigDict(toml_file=path)

    try:
        settings = FromFile(**overrides)
    except ValidationError as error:
        problems.extend(_problem(dict(detail)) for detail in error.errors())
    else:
        if not problems:
            return settings
    raise SettingsError(problems)


def _settings_file(file: Path | None) -> Path | None:
    """The file to read, known to be TOML; pydantic-settings would pass over a missing one."""
    if file is None:
        return _checked(DEFAULT_FILE) if DEFAULT_FILE.is_file() else None
    return _checked(file)


def _checked(file: Path) -> Path:
    try:
        tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError([f"{file}: cannot be read: {error.strerror}"]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError([f"{file}: is not TOML: {error}"]) from error
    return file


def _overrides(assignments: Iterable[str], problems: list[str]) -> dict[str, Any]:
    """Nested values of `section.key=value`; what is no assignment goes to `problems`."""
    values: dict[str, Any] = {}
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        path = key.strip().split(".")
        if not equals or not all(path):
            problems.append(f"--set {assignment}: is not KEY=VALUE")
        elif not _put(values, path, value.strip()):
            problems.append(f"{key.strip()}: unknown key{_suggestion(key.strip())}")
    return values


def _put(values: dict[str, Any], path: Sequence[str], value: str) -> bool:
    if ".".join(path) not in known_keys():
        return False
    for section in path[:-1]:
        values = values.setdefault(section, {})
    values[path[-1]] = value
    return True


def _unknown_variables(environ: Mapping[str, str]) -> Iterator[str]:
    """Variables with our prefix that name no setting; pydantic-settings would ignore some."""
    for name in sorted(environ):
        upper = name.upper()
        if not upper.startswith(ENVIRONMENT_PREFIX) or upper.startswith(SUITE_PREFIXES):
            continue
        key = upper.removeprefix(ENVIRONMENT_PREFIX).replace(ENVIRONMENT_DELIMITER, ".").lower()
        if key not in known_keys():
            yield f"{name}: unknown key{_suggestion(key)}"


def _problem(detail: Mapping[str, Any]) -> str:
    path = [part for part in detail["loc"] if isinstance(part, str) and part != _KEY_ITSELF]
    key = ".".join(path)
    if detail["type"] == "extra_forbidden":
        return f"{key}: unknown key{_suggestion(key)}"
    message = str(detail["msg"]).removeprefix("Value error, ")
    message = message[:1].lower() + message[1:] if message[:6] == "Input " else message
    if not key:
        return message
    if detail["type"] == "value_error":
        return f"{key}: {message}"
    return f"{key}: {message}, not {detail['input']!r}"


def known_keys() -> dict[str, type[BaseModel] | None]:
    """Every key that can be set, `section.key`, in order; the section's class, None at the top."""
    keys: dict[str, type[BaseModel] | None] = {}
    for name, field in Settings.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            keys.update({f"{name}.{key}": section for key in section.model_fields})
        else:
            keys[name] = None
    return keys


def _suggestion(key: str) -> str:
    close = difflib.get_close_matches(key, known_keys(), n=1)
    return f" (did you mean {close[0]}?)" if close else ""

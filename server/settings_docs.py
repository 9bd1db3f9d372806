"""The sample file, the reference page and the table of README.md, made from `server.config`.

`python -m server.settings_docs` writes them; a test fails when they are out of date.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from server.config import Settings

SAMPLE_FILE: Final = Path("presentity.toml.sample")
REFERENCE_FILE: Final = Path("docs/settings.md")

README_FILE: Final = Path("README.md")

_TABLE_BEGINS: Final = "<!-- settings: made by `make docs` -->"
_TABLE_ENDS: Final = "<!-- end of settings -->"
_SAMPLE_HEAD: Final = """\
# Settings of Presentity, each with its default. Copy to presentity.toml and keep what you change.
# The environment wins over this file (PRESENTITY_SIP__ADVERTISE=...), --set over both.
# Made by `python -m server.settings_docs`.
"""
_REFERENCE_HEAD: Final = """\
# Settings

One TOML file (`--config`, or `presentity.toml` in the working directory), every key with a default.
The environment wins over the file: `PRESENTITY_` and the key in capitals, two underscores between
section and key, lists as JSON or comma separated: `PRESENTITY_DOMAINS=example.com,example.org`.
`--set sip.listen=...` wins over both. An unknown key or a bad value stops every command with a line
that names it. `presentity config` prints what is in effect.

Made by `python -m server.settings_docs` from `server/config.py`.
"""


def sample_toml() -> str:
    """The commented sample file: every key at its default."""
    lines = [_SAMPLE_HEAD]
    lines += [_assignment(name, field) for name, field in _top_level()]
    for name, section in sections().items():
        lines += ["", f"[{name}]  # {_first_line(section)}"]
        lines += [_assignment(key, field) for key, field in section.model_fields.items()]
    return "\n".join(lines) + "\n"


def reference_page() -> str:
    """The reference page: a table for the top level and one for each section."""
    blocks = [_REFERENCE_HEAD, _table(dict(_top_level()))]
    for name, section in sections().items():
        blocks.append(f"## [{name}]\n\n{_first_line(section)}\n")
        blocks.append(_table(section.model_fields))
    return "\n".join(blocks)


def with_table(readme: str) -> str:
    """`readme` with the table of all settings between its two marks."""
    before, mark, rest = readme.partition(_TABLE_BEGINS)
    _, end, after = rest.partition(_TABLE_ENDS)
    keys = {f"{name}.{key}": field for name, section in sections().items()
            for key, field in section.model_fields.items()}  # fmt: skip
    return f"{before}{mark}\n{_table({**dict(_top_level()), **keys})}{end}{after}"


def settings_toml(values: Mapping[str, Any]) -> str:
    """`values`, as `Settings.model_dump(mode="json")` gives them, as TOML."""
    flat = [f"{key} = {_toml(value)}" for key, value in values.items() if not _is_table(value)]
    for name, section in values.items():
        if _is_table(section):
            flat += ["", f"[{name}]"]
            flat += [f"{key} = {_toml(value)}" for key, value in section.items()]
    return "\n".join(flat) + "\n"


def sections() -> dict[str, type[BaseModel]]:
    """The sections of `Settings` by name, in order."""
    return {
        name: field.annotation
        for name, field in Settings.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
    }


def _top_level() -> Iterator[tuple[str, FieldInfo]]:
    named = sections()
    return ((key, field) for key, field in Settings.model_fields.items() if key not in named)


def _assignment(key: str, field: FieldInfo) -> str:
    return f"{key} = {_toml(field.default)}  # {field.description}"


def _table(fields: Mapping[str, FieldInfo]) -> str:
    rows = [
        f"| `{key}` | `{_toml(field.default)}` | {str(field.description).replace('|', 'or')} |"
        for key, field in fields.items()
    ]
    return "\n".join(["| key | default | meaning |", "|---|---|---|", *rows]) + "\n"


def _first_line(section: type[BaseModel]) -> str:
    return (section.__doc__ or "").strip().partition("\n")[0]


def _is_table(value: object) -> bool:
    return isinstance(value, Mapping)


def _toml(value: Any) -> str:
    """A TOML value; JSON writes strings, numbers, booleans and lists the same way. What is None
    is left out of a table: TOML has no word for it."""
    if isinstance(value, dict):
        pairs = (
            f"{json.dumps(key)} = {_toml(each)}" for key, each in value.items() if each is not None
        )
        return "{" + ", ".join(pairs) + "}"
    return json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)


def main() -> None:
    """Write the files under the working directory."""
    README_FILE.write_text(with_table(README_FILE.read_text("utf-8")), encoding="utf-8")
    SAMPLE_FILE.write_text(sample_toml(), encoding="utf-8")
    REFERENCE_FILE.write_text(reference_page(), encoding="utf-8")


if __name__ == "__main__":
    main()

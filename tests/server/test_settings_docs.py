"""The sample file and the reference page follow the settings."""

import tomllib
from pathlib import Path

from server.cli_config import as_toml
from server.config import Settings
from server.settings import load_settings
from server.settings_docs import (
    README_FILE,
    REFERENCE_FILE,
    SAMPLE_FILE,
    reference_page,
    sample_toml,
    sections,
    with_table,
)

ROOT = Path(__file__).resolve().parents[2]


def test_the_sample_file_is_current() -> None:
    """`make docs` writes it."""
    assert (ROOT / SAMPLE_FILE).read_text(encoding="utf-8") == sample_toml()


def test_the_reference_page_is_current() -> None:
    """`make docs` writes it."""
    assert (ROOT / REFERENCE_FILE).read_text(encoding="utf-8") == reference_page()


def test_the_table_of_the_readme_is_current() -> None:
    """`make docs` writes it."""
    text = (ROOT / README_FILE).read_text(encoding="utf-8")
    assert text == with_table(text)
    assert "| `sip.max_contacts` | `50` | per AoR |" in text


def test_the_sample_file_holds_the_defaults(tmp_path: Path) -> None:
    assert load_settings(ROOT / SAMPLE_FILE).model_dump() == Settings().model_dump()


def test_every_setting_says_what_it_means() -> None:
    described = [field for section in sections().values() for field in section.model_fields.items()]
    assert [key for key, field in described if not field.description] == []


def test_effective_settings_read_back_and_hide_the_password(tmp_path: Path) -> None:
    url = "postgresql://presence:s3cret@db.example/presence"
    printed = as_toml(load_settings(None, [f"store.url={url}"]))
    assert "s3cret" not in printed
    assert tomllib.loads(printed)["store"]["url"] == (
        "postgresql://presence:********@db.example/presence"
    )

"""PKG-01, PKG-06: what the settings say of phones and profiles."""

from pathlib import Path

import pytest

from presence.packages.dialog.phones import Quirks
from server.built_in import effective_by, phones
from server.config import Settings
from server.errors import ServerError
from server.settings import load_settings


def loaded(tmp_path: Path, text: str) -> Settings:
    file = tmp_path / "presentity.toml"
    file.write_text(f'domains = ["example.com"]\n{text}')
    return load_settings(file)


def test_quirks_are_options_of_the_package(tmp_path: Path) -> None:
    text = '[presence.packages.dialog]\noptions = { "Lamp 3" = "full+single", "" = "standard" }'
    assert phones(loaded(tmp_path, text)) == {
        "Lamp 3": Quirks(full=True, single=True),
        "": Quirks(),
    }


def test_a_quirk_that_is_none_is_named(tmp_path: Path) -> None:
    text = '[presence.packages.dialog]\noptions = { "Lamp 3" = "bright" }'
    with pytest.raises(ServerError, match=r"presence\.packages\.dialog\.options\.Lamp 3: 'bright'"):
        phones(loaded(tmp_path, text))


@pytest.mark.parametrize(
    ("options", "seconds"), [("{}", None), ("{ effective_by = 0 }", 0), ("{effective_by = 60}", 60)]
)
def test_how_soon_devices_shall_use_a_profile(
    tmp_path: Path, options: str, seconds: int | None
) -> None:
    """RFC 6080 §6.2.3."""
    text = f"[presence.packages.ua-profile]\noptions = {options}"
    assert effective_by(loaded(tmp_path, text)) == seconds


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("{ effective_by = -1 }", "effective_by: -1 is no number"),
        ("{ effective_by = true }", "effective_by: True is no number"),
        ("{ colour = 1 }", "colour: unknown key"),
    ],
)
def test_an_option_that_is_none_is_named(tmp_path: Path, options: str, said: str) -> None:
    text = f"[presence.packages.ua-profile]\noptions = {options}"
    with pytest.raises(ServerError, match=said):
        effective_by(loaded(tmp_path, text))

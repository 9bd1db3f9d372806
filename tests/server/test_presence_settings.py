"""Settings of event packages: `[presence.packages.NAME]`, and what of them is refused."""

import tomllib
from pathlib import Path

import pytest

from presence.config import PackageConfig
from presence.packages.presence import presence_package
from server.cli_config import as_toml
from server.config import Settings
from server.config_values import DefaultPolicy
from server.errors import ServerError, SettingsError
from server.packages import apply, event_packages
from server.parts import presence_config
from server.settings import load_settings

LAMP = """
[presence.packages."com.example.lamp"]
types = ["application/json"]
publish = true
interval = 1
[presence.packages.dialog]
default_policy = "allow"
max_expires = 600
"""


def loaded(tmp_path: Path, text: str) -> Settings:
    file = tmp_path / "settings.toml"
    file.write_text(text)
    return load_settings(file)


def test_each_package_has_a_table_of_its_own(tmp_path: Path) -> None:
    packages = loaded(tmp_path, LAMP).presence.packages
    assert packages["com.example.lamp"].declares
    assert packages["com.example.lamp"].interval == 1
    assert not packages["dialog"].declares
    assert packages["dialog"].default_policy is DefaultPolicy.ALLOW


def test_tables_of_packages_are_printed_as_they_are_read(tmp_path: Path) -> None:
    settings = loaded(tmp_path, LAMP)
    printed = tomllib.loads(as_toml(settings))["presence"]["packages"]
    assert printed["dialog"] == {
        "default_policy": "allow",
        "max_expires": 600,
        "types": [],
        "publish": False,
        "publish_types": [],
        "enabled": True,
        "options": {},
    }
    assert loaded(tmp_path, as_toml(settings)).model_dump() == settings.model_dump()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[presence.packages.dialog]\npublish = true\n", "presence.packages.dialog: publish needs"),
        (
            '[presence.packages.x]\ntypes = ["a/b"]\npublish_types = ["a/b"]\n',
            "presence.packages.x: publish_types needs publish = true",
        ),
        ("[presence.packages.dialog]\nintervall = 1\n", "presence.packages.dialog.intervall"),
        ('[presence.packages."a b"]\ninterval = 1\n', "presence.packages.a b: 'a b' is no event"),
        ("[presence.packages.dialog]\ninterval = -1\n", "presence.packages.dialog.interval: "),
        ('[presence.packages.x]\ntypes = ["json"]\n', "presence.packages.x.types: 'json' is not"),
        (
            '[presence.domain_policy]\n"other.example" = "allow"\n',
            "presence.domain_policy: other.example is none of domains",
        ),
        ("[presence]\nexpires_jitter = 51\n", "presence.expires_jitter: "),
        ('[presence]\nreplace = "phone"\n', "presence.replace: "),
        ("[presence]\nnotify_rate = -1\n", "presence.notify_rate: "),
    ],
)
def test_bad_settings_are_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        loaded(tmp_path, text)
    assert caught.value.problems[0].startswith(said)


def test_settings_of_a_package_change_its_record() -> None:
    """None leaves what the package says itself."""
    package = presence_package()
    changed = apply(package, PackageConfig(default_policy="allow", max_expires=60, interval=0.0))
    assert (changed.default_policy, changed.max_expires, changed.min_interval) == ("allow", 60, 0)
    assert (changed.min_expires, changed.default_expires) == (None, package.default_expires)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[presence.packages.dialogue]\ninterval = 1\n", "presence.packages.dialogue: unknown"),
        (
            "[presence.packages.presence]\nmin_expires = 7200\n",
            "presence.packages.presence: min_expires 7200 is more than max_expires 3600",
        ),
    ],
)
def test_a_table_that_fits_no_package_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ServerError, match=said):
        event_packages(
            loaded(tmp_path, text), [presence_package()], lambda resource: None, entries=()
        )


def test_the_event_server_is_told_all_of_it(tmp_path: Path) -> None:
    """Every field of PresenceConfig that has a setting of its name has its value."""
    text = '[presence]\nreplace = "contact"\nexpires_jitter = 7\nwaiting = 2\nneutral = "empty"\n'
    settings = loaded(tmp_path, text)
    config, presence = presence_config(settings), settings.presence.model_dump()
    assert config.tel_domain == settings.domains[0], "empty means the first one"
    shared = [key for key in presence if hasattr(config, key) and key != "tel_domain"]
    assert {key: getattr(config, key) for key in shared} == {key: presence[key] for key in shared}
    assert len(shared) > 15

"""Packages of the operator's own: declared, or brought by another distribution (PKG-08)."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, cast

import pytest

from presence.package import EventPackage, PackageState, allow_events
from presence.packages.presence import presence_package
from presence.plugin import API, GROUP, STABLE
from presence.winfo.package import with_watcher_information
from server.config import Settings
from server.errors import ServerError
from server.packages import event_packages
from server.settings import load_settings
from sip.uri import AoR
from store.values import Resource

MODULE = "own_packages_of_test"
GOOD = f"""
from presence.plugin import EventPackage, Host, event_package

@event_package(api={API})
def lamp(host):
    return EventPackage(
        name=host.name,
        content_types=("text/plain",),
        compose=lambda aor, state: host.options.get("text", "off").encode(),
        min_interval=host.interval,
    )

@event_package(api={API + 1})
def later(host):
    raise AssertionError("is not called")

def bare(host):
    return None

@event_package(api={API})
def broken(host):
    return 1 / 0

@event_package(api={API})
def nothing(host):
    return None

@event_package(api={API})
def telling(host):
    host.changed("sip:alice@example.com")
    return lamp.make(host)

@event_package(api={API})
def misnamed(host):
    return EventPackage("lantern", ("text/plain",), lambda aor, state: b"")

@event_package(api={API})
def typeless(host):
    return EventPackage(host.name, (), lambda aor, state: b"")

@event_package(api={API})
def shouting(host):
    return EventPackage(host.name, ("Text/Plain",), lambda aor, state: b"")
"""
OWN = [
    presence_package(),
    EventPackage("xcap-diff", ("application/xcap-diff+xml",), lambda aor, state: b""),
]


def with_watchers(packages: Mapping[str, EventPackage]) -> dict[str, EventPackage]:
    """The template of this server, of which nothing is read."""
    return with_watcher_information(packages, store=cast(Any, None), clock=lambda: 0.0)


Install = Callable[[str, str], Sequence[EntryPoint]]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Lay a small distribution on the path: an entry point's name, and what it leads to."""

    def do(name: str, attribute: str) -> Sequence[EntryPoint]:
        (tmp_path / f"{MODULE}.py").write_text(GOOD)
        info = tmp_path / "lamp_house-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lamp-house\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text(f"[{GROUP}]\n{name} = {MODULE}:{attribute}\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        return tuple(entry_points(group=GROUP))

    yield do
    sys.modules.pop(MODULE, None)


def settings(tmp_path: Path, text: str = "") -> Settings:
    file = tmp_path / "settings.toml"
    file.write_text(text)
    return load_settings(file)


def served(
    given: Settings,
    entries: Sequence[EntryPoint] | None = (),
    changed: Callable[[Resource], None] = lambda resource: None,
) -> dict[str, EventPackage]:
    return event_packages(given, OWN, changed, with_watchers, entries)


def test_a_declared_package_is_served(tmp_path: Path) -> None:
    text = """
    [presence]
    notify_interval = 3
    [presence.packages."com.example.lamp"]
    types = ["application/json", "text/plain"]
    publish = true
    default_policy = "allow"
    [presence.packages."com.example.bell"]
    types = ["text/plain"]
    interval = 1
    """
    packages = served(settings(tmp_path, text))
    lamp, bell = packages["com.example.lamp"], packages["com.example.bell"]
    assert lamp.publish_types == lamp.content_types == ("application/json", "text/plain")
    assert (lamp.min_interval, lamp.default_policy) == (3, "allow")
    assert (bell.min_interval, bell.publishable) == (1, False)


def test_names_with_dots_are_packages_and_templates_are_not(tmp_path: Path) -> None:
    """RFC 6665 §4.4.4: Allow-Events lists no template-package."""
    text = '[presence.packages."com.example.lamp"]\ntypes = ["text/plain"]\n'
    packages = served(settings(tmp_path, text))
    listed = allow_events(packages)
    assert "com.example.lamp" in listed
    assert [name for name in listed if name.endswith(".winfo")] == []


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("[presence.packages.presence]", "presence.packages.presence: there is another event pac"),
        ('[presence.packages."presence.list"]', "presence.packages.presence.list: is the name of"),
        ('[presence.packages."lamp.winfo"]', "presence.packages.lamp.winfo: is the name of a temp"),
    ],
)
def test_a_declared_package_takes_no_name_of_another(tmp_path: Path, table: str, said: str) -> None:
    given = settings(tmp_path, f'{table}\ntypes = ["text/plain"]\n')
    with pytest.raises(ServerError, match=said):
        served(given)


def test_templates_come_with_every_package_and_have_settings_of_their_own(tmp_path: Path) -> None:
    """RFC 3857 §4.1; those of a package that is turned off go with it."""
    text = """
    [presence.packages."com.example.lamp"]
    types = ["text/plain"]
    [presence.packages."com.example.lamp.winfo"]
    interval = 2
    [presence.packages."presence.winfo"]
    enabled = false
    [presence.packages.xcap-diff]
    enabled = false
    """
    packages = served(settings(tmp_path, text))
    assert packages["com.example.lamp.winfo"].min_interval == 2
    assert not packages.keys() & {"presence.winfo", "xcap-diff", "xcap-diff.winfo"}


def test_any_package_can_be_turned_off(tmp_path: Path) -> None:
    packages = served(settings(tmp_path, "[presence.packages.xcap-diff]\nenabled = false\n"))
    assert "presence" in packages
    assert "xcap-diff" not in packages


def test_options_are_for_packages_of_other_distributions(tmp_path: Path) -> None:
    given = settings(tmp_path, "[presence.packages.presence]\noptions = {text = 1}\n")
    with pytest.raises(ServerError, match=r"presence\.packages\.presence: options"):
        served(given)


def test_a_distribution_brings_a_package(tmp_path: Path, install: Install) -> None:
    """Loaded by the name of its entry point, with what the settings say of it."""
    install("com.example.lamp", "lamp")
    text = """
    [presence.packages."com.example.lamp"]
    default_policy = "allow"
    options = {text = "on"}
    """
    lamp = served(settings(tmp_path, text), entries=None)["com.example.lamp"]
    assert lamp.compose(AoR("sip:alice@example.com"), PackageState()) == b"on"
    assert (lamp.default_policy, lamp.min_interval) == ("allow", 5)


@pytest.mark.parametrize(
    ("attribute", "said"),
    [
        ("later", f"is made for interface {API + 1}, this server has {API}"),
        ("bare", "was not made by presence.plugin.event_package"),
        ("broken", "ZeroDivisionError: division by zero"),
        ("nothing", "made a NoneType, not an EventPackage"),
        ("misnamed", "calls itself 'lantern'"),
        ("typeless", "has no content_types"),
        ("shouting", "'Text/Plain' is to be in lower case"),
        ("gone", "AttributeError"),
    ],
)
def test_a_broken_package_is_named_with_its_distribution(
    tmp_path: Path, install: Install, attribute: str, said: str
) -> None:
    entries = install("com.example.lamp", attribute)
    with pytest.raises(ServerError) as caught:
        served(settings(tmp_path), entries)
    whose = f"event package com.example.lamp of lamp-house 1.2 ({MODULE}:{attribute}): "
    assert str(caught.value).startswith(whose + said)


def test_a_module_that_is_not_there_is_named(tmp_path: Path) -> None:
    entries = [EntryPoint("com.example.lamp", "no_such_module_of_test:lamp", GROUP)]
    with pytest.raises(
        ServerError, match=r"event package com\.example\.lamp .*ModuleNotFoundError"
    ):
        served(settings(tmp_path), entries)


def test_a_broken_package_can_be_turned_off(tmp_path: Path, install: Install) -> None:
    """It is not even loaded."""
    entries = install("com.example.lamp", "broken")
    text = '[presence.packages."com.example.lamp"]\nenabled = false\n'
    assert "com.example.lamp" not in served(settings(tmp_path, text), entries)


def test_a_distribution_takes_no_name_of_another(tmp_path: Path, install: Install) -> None:
    entries = install("presence", "lamp")
    with pytest.raises(ServerError, match=r"lamp-house 1\.2 .*another event package of this name"):
        served(settings(tmp_path), entries)
    twice = [EntryPoint("com.example.lamp", f"{MODULE}:lamp", GROUP)] * 2
    with pytest.raises(ServerError, match="another event package of this name"):
        served(settings(tmp_path), twice)


def test_a_package_tells_of_changes_of_what_it_provides(tmp_path: Path, install: Install) -> None:
    heard: list[Resource] = []
    served(settings(tmp_path), install("com.example.lamp", "telling"), heard.append)
    assert heard == [Resource("sip:alice@example.com", "com.example.lamp")]


def test_what_plug_ins_may_rely_on_is_there() -> None:
    """The fields of the record that `presence.plugin` promises."""
    assert set(EventPackage.__dataclass_fields__) >= STABLE

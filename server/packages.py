"""The event packages that are served, each with what the settings say of it.

Built in (`server.built_in`), declared in the settings (`presence.declared`), and brought by other
distributions (`server.plugins`); a template such as `.winfo` is made of every one of them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import EntryPoint
from typing import Final, TypeVar

from presence.config import PackageConfig, PresenceConfig
from presence.declared import Declaration, declared_package
from presence.package import EventPackage, is_template
from presence.plugin import Host
from server.config import Settings
from server.config_presence import UNSAID, PackageSettings
from server.errors import ServerError
from server.parts import presence_config
from server.plugins import installed, plugged_in
from store.values import Resource

StateChanged = Callable[[Resource], None]
"""Told of provided state that has changed; `EventService.state_changed` is one."""
WithTemplates = Callable[[Mapping[str, EventPackage]], dict[str, EventPackage]]
"""From packages to the same and their templates, such as `.winfo`."""
T = TypeVar("T")
WITH_OPTIONS: Final = frozenset({"dialog", "ua-profile"})
"""Packages of this server that have options."""


def event_packages(
    settings: Settings,
    own: Sequence[EventPackage],
    changed: StateChanged,
    with_templates: WithTemplates = dict,
    entries: Sequence[EntryPoint] | None = None,
) -> dict[str, EventPackage]:
    """Event packages that are served, by their name in the store.

    `own`: those of this server; `entries`: of other distributions, all that are installed when
    None. ServerError names the setting, or the distribution, of one that cannot be.
    """
    entries = installed() if entries is None else entries
    packages = {one.stored_as: one for one in own}
    for whose, package in (*declared(settings), *_plugged_in(settings, entries, changed)):
        _check_name(whose, package.name, packages)
        packages[package.stored_as] = package
    _check_tables(settings, with_templates(packages), entries)
    served = configured(packages, settings)
    templates = {k: one for k, one in with_templates(served).items() if k not in served}
    return {**served, **configured(templates, settings)}


def declared(settings: Settings) -> list[tuple[str, EventPackage]]:
    """Those that the settings declare, each after the key of its table."""
    interval = settings.presence.notify_interval
    return [
        (
            f"presence.packages.{name}",
            declared_package(Declaration(name, table.types, table.published, interval)),
        )
        for name, table in settings.presence.packages.items()
        if table.declares
    ]


def _plugged_in(
    settings: Settings, entries: Sequence[EntryPoint], changed: StateChanged
) -> list[tuple[str, EventPackage]]:
    """Those of other distributions, each after the words for it."""
    tables = settings.presence.packages

    def host_of(name: str) -> Host:
        return Host(
            name=name,
            domains=frozenset(settings.domains),
            interval=settings.presence.notify_interval,
            changed=lambda aor: changed(Resource(aor, name)),
            options=tables[name].options if name in tables else {},
        )

    return plugged_in(entries, host_of, [name for name in tables if not tables[name].enabled])


def configured(packages: Mapping[str, EventPackage], settings: Settings) -> dict[str, EventPackage]:
    """`packages` with what `presence.packages` says of them, but for those that it turns off."""
    tables, config = settings.presence.packages, presence_config(settings)
    return {
        key: _checked(apply(package, package_config(tables.get(package.name, UNSAID))), config)
        for key, package in packages.items()
        if tables.get(package.name, UNSAID).enabled
    }


def package_config(table: PackageSettings) -> PackageConfig:
    """What `table` says of its package."""
    policy = table.default_policy
    return PackageConfig(
        default_policy=None if policy is None else policy.value,
        min_expires=table.min_expires,
        max_expires=table.max_expires,
        default_expires=table.default_expires,
        interval=table.interval,
    )


def apply(package: EventPackage, config: PackageConfig) -> EventPackage:
    """`package` with all that `config` says."""
    return replace(
        package,
        default_policy=config.default_policy or package.default_policy,
        min_expires=_said(config.min_expires, package.min_expires),
        max_expires=_said(config.max_expires, package.max_expires),
        default_expires=_said(config.default_expires, package.default_expires),
        min_interval=_said(config.interval, package.min_interval),
    )


def _said(said: T | None, own: T) -> T:
    return own if said is None else said


def _checked(package: EventPackage, config: PresenceConfig) -> EventPackage:
    """`package`, once its bounds are in order with those of the server."""
    least = _said(package.min_expires, config.min_expires)
    most = _said(package.max_expires, config.max_expires)
    if least > most:
        raise ServerError(
            f"presence.packages.{package.name}: min_expires {least} is more than max_expires {most}"
        )
    return package


def _check_name(whose: str, name: str, packages: Mapping[str, EventPackage]) -> None:
    """A package of the operator's own takes the name of no other, nor of a template of one."""
    if name in packages:
        raise ServerError(f"{whose}: there is another event package of this name")
    if is_template(name, packages):
        raise ServerError(f"{whose}: is the name of a template (RFC 6665 §5.2)")


def _check_tables(
    settings: Settings, packages: Mapping[str, EventPackage], entries: Sequence[EntryPoint]
) -> None:
    """Each table is of a package that there is."""
    known = {*packages, *(entry.name for entry in entries)}
    plugged = known.intersection(entry.name for entry in entries)
    for name, table in settings.presence.packages.items():
        if name not in known:
            raise ServerError(
                f"presence.packages.{name}: unknown event package (one of your own needs types)"
            )
        if table.options and name not in plugged | WITH_OPTIONS:
            raise ServerError(f"presence.packages.{name}: options: this package has none")

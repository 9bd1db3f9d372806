"""The event packages that are served, each with what the settings say of it.

Built in (`built_in`), declared in the settings (`presence.declared`), and brought by other
distributions (`server.plugins`); a template such as `.winfo` is made of every one of them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

from presence.config import PackageConfig, PresenceConfig
from presence.package import EventPackage
from presence.packages.presence import presence_package
from server.config import Settings
from server.config_presence import PackageSettings
from server.errors import ServerError
from server.parts import presence_config, xcap_config, xcap_root_url
from xcap.diff.package import xcap_diff_package
from xcap.diff.reader_service import Listings, Reading

T = TypeVar("T")


def event_packages(
    settings: Settings, store: Listings, documents: Reading
) -> dict[str, EventPackage]:
    """Event packages that are served, by their name in the store.

    ServerError names the setting, or the distribution, of one that cannot be.
    """
    packages: dict[str, EventPackage] = {}
    for package in built_in(settings, store, documents):
        packages[package.stored_as] = package
    return configured(packages, settings)


def built_in(settings: Settings, store: Listings, documents: Reading) -> list[EventPackage]:
    """Those of this server; a new one is a line here."""
    interval, config = settings.presence.notify_interval, presence_config(settings)
    return [
        presence_package(min_interval=interval, neutral=config.neutral),
        xcap_diff_package(
            service=documents,
            store=store,
            config=xcap_config(settings),
            root_url=xcap_root_url(settings),
            min_interval=interval,
        ),
    ]


def configured(packages: Mapping[str, EventPackage], settings: Settings) -> dict[str, EventPackage]:
    """`packages` with what `presence.packages` says of them; ServerError for one that is none."""
    tables = settings.presence.packages
    _check_names(tables, packages.values())
    config = presence_config(settings)
    return {
        key: _checked(apply(package, package_config(tables[package.name])), config)
        if package.name in tables
        else package
        for key, package in packages.items()
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


def _check_names(tables: Iterable[str], packages: Iterable[EventPackage]) -> None:
    known = {package.name for package in packages}
    for name in tables:
        if name not in known:
            raise ServerError(
                f"presence.packages.{name}: unknown event package (one of your own needs types)"
            )

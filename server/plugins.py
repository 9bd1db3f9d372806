"""Event packages that other distributions bring: found, loaded and looked over. Shell.

Whatever is wrong with one stops the server before it listens, with a line that names the
distribution; `enabled = false` in its table goes past it.
"""

from collections.abc import Callable, Collection, Iterable
from importlib.metadata import EntryPoint, entry_points

from presence.package import EventPackage
from presence.plugin import API, GROUP, Factory, Host
from server.config_values import check_media_type, check_package_name
from server.errors import ServerError

HostOf = Callable[[str], Host]
"""From the name of a package to what it is told."""


def installed() -> tuple[EntryPoint, ...]:
    """The event packages of all distributions that are installed, by name."""
    return tuple(sorted(entry_points(group=GROUP), key=lambda entry: entry.name))


def plugged_in(
    entries: Iterable[EntryPoint], host_of: HostOf, disabled: Collection[str] = ()
) -> list[tuple[str, EventPackage]]:
    """The packages that `entries` lead to, each after what `described` says of it.

    Those `disabled` are not even loaded. ServerError names the distribution of one that is no
    good.
    """
    return [
        (described(entry), _made(entry, host_of(entry.name)))
        for entry in entries
        if entry.name not in disabled
    ]


def described(entry: EntryPoint) -> str:
    """The entry point as an operator knows it."""
    dist = entry.dist
    whose = f" of {dist.name} {dist.version}" if dist is not None else ""
    return f"event package {entry.name}{whose} ({entry.value})"


def _made(entry: EntryPoint, host: Host) -> EventPackage:
    try:
        return _checked(_factory(entry).make(host), entry.name)
    except Exception as error:
        reason = (
            str(error) if isinstance(error, ServerError) else f"{type(error).__name__}: {error}"
        )
        raise ServerError(f"{described(entry)}: {reason}") from error


def _factory(entry: EntryPoint) -> Factory:
    factory = entry.load()
    if not isinstance(factory, Factory):
        raise ServerError("was not made by presence.plugin.event_package")
    if factory.api != API:
        raise ServerError(f"is made for interface {factory.api}, this server has {API}")
    return factory


def _checked(package: object, name: str) -> EventPackage:
    """`package`, if it is a record that can be served under `name`."""
    if not isinstance(package, EventPackage):
        raise ServerError(f"made a {type(package).__name__}, not an EventPackage")
    if package.stored_as != name:
        raise ServerError(f"calls itself {package.stored_as!r}")
    check_package_name(name)
    if not package.content_types:
        raise ServerError("has no content_types")
    for content_type in (*package.content_types, *package.publish_types):
        if check_media_type(content_type) != content_type:
            raise ServerError(f"{content_type!r} is to be in lower case")
    return package

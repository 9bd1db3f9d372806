"""The application usages there are; a new one is a line here (XCP-11)."""

from collections.abc import Iterable
from typing import Final

from xcap.config import XcapConfig
from xcap.declared import BadUsage, declared_usage
from xcap.usage import Usage
from xcap.usages import (
    oma_pres_rules,
    pidf_manipulation,
    pres_rules,
    resource_lists,
    rls_services,
    watchers,
    xcap_caps,
    xcap_directory,
)

USAGES: Final[tuple[Usage, ...]] = (
    xcap_caps.USAGE,
    resource_lists.USAGE,
    rls_services.USAGE,
    pres_rules.USAGE,
    oma_pres_rules.USAGE,
    pidf_manipulation.USAGE,
    xcap_directory.USAGE,
    watchers.USAGE,
)
"""Those that every server has."""


def usages(config: XcapConfig) -> tuple[Usage, ...]:
    """Those that `config` turns on, and the operator's own. Raises BadUsage."""
    known = [*USAGES, *_optional(config)]
    reserved = {usage.auid for usage in known}
    for declaration in config.declared:
        if declaration.auid in reserved:
            raise BadUsage(declaration.auid, "", "this AUID is one of the server's own")
        known.append(declared_usage(declaration))
    return tuple(known)


def _optional(config: XcapConfig) -> Iterable[Usage]:
    """Usages that are turned on by settings."""
    return ()

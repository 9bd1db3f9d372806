"""The application usages there are; a new one is a line here (XCP-11)."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from xcap.config import XcapConfig
from xcap.declared import BadUsage, declared_usage
from xcap.usage import Usage
from xcap.usages import (
    dialog_rules,
    groups,
    oma_pres_rules,
    pidf_manipulation,
    pres_content,
    pres_rules,
    resource_lists,
    rls_services,
    search,
    simservs,
    test_app,
    user_profile,
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
    user_profile.USAGE,
    groups.USAGE,
    simservs.USAGE,
    dialog_rules.USAGE,
    xcap_directory.USAGE,
    watchers.USAGE,
)
"""Those that every server has, with nothing to set."""
OPTIONAL: Final = frozenset({test_app.USAGE.auid, search.AUID})
"""AUIDs that settings turn off, and that stay ours."""


def usages(config: XcapConfig) -> tuple[Usage, ...]:
    """Those that are served: what `config` turns on, and the operator's own. Raises BadUsage."""
    known = [*USAGES, *_configured(config)]
    reserved = {usage.auid for usage in known} | OPTIONAL
    for declaration in config.declared:
        if declaration.auid in reserved:
            raise BadUsage(declaration.auid, "", "this AUID is one of the server's own")
        known.append(declared_usage(declaration))
    return tuple(known)


def _configured(config: XcapConfig) -> Iterator[Usage]:
    """Usages that the settings turn on or change."""
    yield replace(pres_content.USAGE, public=config.public_icons)
    if config.test_app:
        yield test_app.USAGE
    if config.search:
        yield search.usage()

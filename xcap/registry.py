"""The application usages there are; a new one is a line here (XCP-11)."""

from typing import Final

from xcap.usage import Usage
from xcap.usages import oma_pres_rules, pidf_manipulation, pres_rules, resource_lists, rls_services

USAGES: Final[tuple[Usage, ...]] = (
    resource_lists.USAGE,
    rls_services.USAGE,
    pres_rules.USAGE,
    oma_pres_rules.USAGE,
    pidf_manipulation.USAGE,
)
"""xcap-caps is not among them: its one document is made by the server, see `xcap.caps`."""

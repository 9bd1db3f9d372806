"""Presence rules under the AUID that OMA and RCS clients use (OMA Presence XDM).

The documents are those of `pres-rules`: the one called "pres-rules" here is "index"
there, one row with one entity-tag, so that an IETF and an OMA client of the same user
edit the same rules. Other names are the same in both.
"""

from typing import Final

from xcap.usage import Usage
from xcap.usages.pres_rules import POLICY_NAMESPACE
from xcap.usages.pres_rules import USAGE as PRES_RULES

USAGE: Final = Usage(
    auid="org.openmobilealliance.pres-rules",
    media_type=PRES_RULES.media_type,
    default_namespace=POLICY_NAMESPACE,
    schema=PRES_RULES.schema,
    root=PRES_RULES.root,
    shares=PRES_RULES.auid,
    renamed=("pres-rules", "index"),
)

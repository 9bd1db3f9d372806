"""Presence rules under the AUID that OMA and RCS clients use (OMA Presence XDM). Pure.

The documents are those of `pres-rules`: the one called "pres-rules" here is "index"
there, one row with one entity-tag, so that an IETF and an OMA client of the same user
edit the same rules. Other names are the same in both. What is written here must keep the
rules of the dialect as well.
"""

from typing import Final

from lxml import etree

from xcap.errors import ConstraintFailure
from xcap.usage import Place, Usage
from xcap.usages.pres_rules import NAMESPACE as IETF_NAMESPACE
from xcap.usages.pres_rules import POLICY_NAMESPACE
from xcap.usages.pres_rules import USAGE as PRES_RULES

OMA_POLICY_NAMESPACE: Final = "urn:oma:xml:xdm:common-policy"

RULE: Final = f"{{{POLICY_NAMESPACE}}}rule"
CONDITIONS: Final = f"{{{POLICY_NAMESPACE}}}conditions"
TRANSFORMATIONS: Final = f"{{{POLICY_NAMESPACE}}}transformations"
WHO: Final = (
    f"{{{POLICY_NAMESPACE}}}identity",
    f"{{{OMA_POLICY_NAMESPACE}}}external-list",
    f"{{{OMA_POLICY_NAMESPACE}}}other-identity",
    f"{{{OMA_POLICY_NAMESPACE}}}anonymous-request",
)
"""Conditions on who watches; a rule has one of them at most, that precedence is clear."""
SUB_HANDLING: Final = f"{{{POLICY_NAMESPACE}}}actions/{{{IETF_NAMESPACE}}}sub-handling"
ALLOW: Final = "allow"
EXTERNAL_ENTRY: Final = f"{{{OMA_POLICY_NAMESPACE}}}entry"


def check(root: etree._Element, place: Place) -> None:
    """Refuse a rule that names watchers in two ways, or shows something to those not let in."""
    for rule in root.iterchildren(RULE):
        _check_conditions(rule)
        _check_transformations(rule)


def _check_conditions(rule: etree._Element) -> None:
    for conditions in rule.iterchildren(CONDITIONS):
        if len(list(conditions.iterchildren(*WHO))) > 1:
            raise ConstraintFailure(
                f"rule {rule.get('id')}: only one of identity, external-list, other-identity "
                "and anonymous-request may be in a rule"
            )
        for entry in conditions.iter(EXTERNAL_ENTRY):
            if not entry.get("anc"):
                raise ConstraintFailure(f"rule {rule.get('id')}: an external entry needs anc")


def _check_transformations(rule: etree._Element) -> None:
    """Transformations say what those see who are let in, so a rule that shows must allow."""
    shown = rule.find(TRANSFORMATIONS)
    if shown is None or len(shown) == 0:
        return
    if (rule.findtext(SUB_HANDLING) or "").strip() != ALLOW:
        raise ConstraintFailure(
            f"rule {rule.get('id')}: there may be transformations only where sub-handling is allow"
        )


USAGE: Final = Usage(
    auid="org.openmobilealliance.pres-rules",
    media_type=PRES_RULES.media_type,
    default_namespace=POLICY_NAMESPACE,
    schema=PRES_RULES.schema,
    root=PRES_RULES.root,
    check=check,
    shares=PRES_RULES.auid,
    renamed=("pres-rules", "index"),
)

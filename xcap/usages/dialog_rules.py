"""Who may watch a user's calls, as AG Projects' clients and servers keep it.

A policy as `pres-rules` is (RFC 4745), with an action of its own in place of that of
RFC 5025; no standard describes it.
"""

from typing import Final

from xcap.usage import Usage
from xcap.usages.pres_rules import POLICY_NAMESPACE

NAMESPACE: Final = "http://openxcap.org/ns/dialog-rules"

USAGE: Final = Usage(
    auid="org.openxcap.dialog-rules",
    media_type="application/auth-policy+xml",
    default_namespace=NAMESPACE,
    schema="dialog-rules",
    root=f"{{{POLICY_NAMESPACE}}}ruleset",
)

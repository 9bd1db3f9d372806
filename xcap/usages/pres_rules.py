"""Who may see a presentity's state (RFC 5025 §9)."""

from typing import Final

from xcap.usage import Usage

NAMESPACE: Final = "urn:ietf:params:xml:ns:pres-rules"
POLICY_NAMESPACE: Final = "urn:ietf:params:xml:ns:common-policy"

USAGE: Final = Usage(
    auid="pres-rules",
    media_type="application/auth-policy+xml",
    default_namespace=NAMESPACE,
    schema="pres-rules",
    root=f"{{{POLICY_NAMESPACE}}}ruleset",
)

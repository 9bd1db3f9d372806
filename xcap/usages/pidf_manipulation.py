"""The presence document that a user keeps without a publisher: hard state (RFC 4827)."""

from typing import Final

from xcap.usage import Usage

NAMESPACE: Final = "urn:ietf:params:xml:ns:pidf"

USAGE: Final = Usage(
    auid="pidf-manipulation",
    media_type="application/pidf+xml",
    default_namespace=NAMESPACE,
    schema="pidf",
    root=f"{{{NAMESPACE}}}presence",
    documents=frozenset({"index"}),  # RFC 4827 §9: one document, called so
)

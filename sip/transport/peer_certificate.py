"""Whom the other end of a TLS connection is, out of its verified certificate. Shell."""

import asyncio
from typing import Any

from sip.certificates import PeerCertificate, peer_certificate


def certificate_of(transport: asyncio.BaseTransport) -> PeerCertificate | None:
    """The peer's identities; None without TLS, without a certificate or with one not verified."""
    found: dict[str, Any] | None = transport.get_extra_info("peercert")
    if not found:
        return None
    common_names = [
        value for part in found.get("subject", ()) for kind, value in part if kind == "commonName"
    ]
    return peer_certificate(found.get("subjectAltName", ()), common_names)

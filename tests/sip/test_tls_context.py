"""What TLS connections are allowed to be, whatever the library's defaults are."""

import ssl
from pathlib import Path

from sip.transport.config import TlsConfig
from sip.transport.tls_context import client_context, server_context
from tests.sip.pki import Authority


def test_versions_and_options_are_ours_to_choose(tmp_path: Path) -> None:
    """RFC 3261 §26.3.1: 1.2 and later, no renegotiation."""
    authority = Authority(tmp_path)
    config = TlsConfig(
        own=authority.issue("example.com"),
        hosts={"a.example": authority.issue("a.example")},
        server_ca=authority.root,
    )
    for context in (server_context(config), client_context(config)):
        assert context.minimum_version is ssl.TLSVersion.TLSv1_2
        for option in (ssl.OP_NO_RENEGOTIATION, ssl.OP_NO_COMPRESSION):
            assert context.options & option

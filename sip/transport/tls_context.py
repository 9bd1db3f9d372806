"""TLS contexts out of PEM files, and made anew when the files were (RFC 3261 §26.3.1). Shell.

TLS 1.2 and later. A connection keeps the context that it began with, so new files harm none.
"""

import ssl
from collections.abc import Mapping
from functools import partial
from typing import Final

from sip.errors import TransportError
from sip.transport.config import CertificateFiles, TlsConfig

TICKETS: Final = 1
"""Session tickets sent to a client of TLS 1.3; two are the library's default."""

NO_PASSWORD: Final = ""
"""For a key that is encrypted: it is refused, where the library would ask at the terminal."""


class TlsContexts:
    """The contexts now in force."""

    def __init__(self, config: TlsConfig) -> None:
        """Nothing is read yet."""
        self._config = config
        self._server: ssl.SSLContext | None = None
        self._client: ssl.SSLContext | None = None

    def server(self) -> ssl.SSLContext:
        """For connections that we accept; TransportError names the setting that is at fault."""
        if self._server is None:
            self._server = server_context(self._config)
        return self._server

    def client(self) -> ssl.SSLContext:
        """For connections that we open; who the server is, is the caller's to check."""
        if self._client is None:
            self._client = client_context(self._config)
        return self._client

    @property
    def in_use(self) -> bool:
        """Whether there is anything to read again."""
        return self._server is not None or self._client is not None

    def reload(self) -> None:
        """Read again what is in use; TransportError when a file is bad, and nothing changes."""
        server = server_context(self._config) if self._server else None
        client = client_context(self._config) if self._client else None
        self._server, self._client = server, client


def server_context(config: TlsConfig) -> ssl.SSLContext:
    """A context that shows the certificate of the host that is asked for (RFC 6066 §3)."""
    if config.own is None:
        raise TransportError("tls.certificate is not set, and TLS listeners need one")
    default = _accepting(config, config.own, "tls")
    others = {
        name.lower(): _accepting(config, files, f"tls.hosts.{name}")
        for name, files in config.hosts.items()
    }
    if others:
        default.sni_callback = partial(_choose, others)
    return default


def client_context(config: TlsConfig) -> ssl.SSLContext:
    """A context that verifies the server's chain, and shows our own certificate when asked."""
    context = _bounded(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # by RFC 5922 instead, which knows no wildcards
    if config.server_ca:
        _load_roots(context, config.server_ca, "tls.server_ca")
    else:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    if config.own is not None:
        _load_chain(context, config.own, "tls")
    return context


def _bounded(side: int) -> ssl.SSLContext:
    """A context of `side` that never falls below what is sound today."""
    context = ssl.SSLContext(side)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    return context


def _accepting(config: TlsConfig, files: CertificateFiles, setting: str) -> ssl.SSLContext:
    context = _bounded(ssl.PROTOCOL_TLS_SERVER)
    context.num_tickets = TICKETS
    _load_chain(context, files, setting)
    if config.client_ca:
        _load_roots(context, config.client_ca, "tls.client_ca")
        required = config.require_client_certificate
        context.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL
    elif config.require_client_certificate:
        raise TransportError("tls.require_client_certificate needs tls.client_ca")
    return context


def _choose(
    contexts: Mapping[str, ssl.SSLContext],
    connection: ssl.SSLSocket | ssl.SSLObject,
    name: str | None,
    _default: ssl.SSLContext,
) -> None:
    """Take the certificate of the name that the client asks for, if there is one for it."""
    chosen = contexts.get((name or "").lower())
    if chosen is not None:
        connection.context = chosen


def _load_chain(context: ssl.SSLContext, files: CertificateFiles, setting: str) -> None:
    try:
        context.load_cert_chain(files.certificate, files.key or None, password=NO_PASSWORD)
    except OSError as error:
        named = f"{files.certificate} and {files.key}" if files.key else files.certificate
        reason = _reason(error)
        raise TransportError(f"{setting}.certificate, {setting}.key: {named}: {reason}") from error


def _load_roots(context: ssl.SSLContext, file: str, setting: str) -> None:
    try:
        context.load_verify_locations(file)
    except OSError as error:
        raise TransportError(f"{setting}: {file}: {_reason(error)}") from error


def _reason(error: OSError) -> str:
    """What is wrong with a PEM file, in words."""
    if isinstance(error, ssl.SSLError):
        return (error.reason or "not a PEM file").replace("_", " ").lower()
    return error.strerror or str(error)

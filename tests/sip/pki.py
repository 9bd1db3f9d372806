"""Certificates made for one test run: an authority, and what it signs."""

import datetime
import ipaddress
import ssl
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sip.transport.config import CertificateFiles

LIFE = datetime.timedelta(days=2)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def alternative_name(text: str) -> x509.GeneralName:
    """ "sip:example.com" is a URI, "192.0.2.1" an address, anything else a DNS name."""
    if ":" in text and not text.startswith("["):
        return x509.UniformResourceIdentifier(text)
    try:
        return x509.IPAddress(ipaddress.ip_address(text.strip("[]")))
    except ValueError:
        return x509.DNSName(text)


class Authority:
    """Signs certificates and keeps them as PEM files in `folder`."""

    def __init__(self, folder: Path, name: str = "Test authority") -> None:
        self._folder = folder
        self._subject = _name(name)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._number = 0
        certificate = self._sign(self._subject, self._key, x509.BasicConstraints(True, None))
        self.root = self._write("root", certificate)
        """The file for `client_ca` and `server_ca`."""

    def issue(self, *names: str, common_name: str = "", expired: bool = False) -> CertificateFiles:
        """A certificate for `names`, see `alternative_name`."""
        key = ec.generate_private_key(ec.SECP256R1())
        extensions: list[x509.ExtensionType] = []
        if names:
            extensions.append(x509.SubjectAlternativeName([alternative_name(n) for n in names]))
        subject = _name(common_name or "somebody")
        certificate = self._sign(subject, key, *extensions, expired=expired)
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return CertificateFiles(self._write("certificate", certificate), self._write("key", pem))

    def client(self, files: CertificateFiles | None = None) -> ssl.SSLContext:
        """A phone's context: believes what this authority signs, shows `files`."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.load_verify_locations(self.root)
        if files is not None:
            context.load_cert_chain(files.certificate, files.key)
        return context

    def server(self, files: CertificateFiles) -> ssl.SSLContext:
        """A peer's context, which shows `files`."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files.certificate, files.key)
        return context

    def _sign(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        *extensions: x509.ExtensionType,
        expired: bool = False,
    ) -> bytes:
        now = datetime.datetime.now(datetime.UTC)
        ends_at = now - LIFE / 2 if expired else now + LIFE
        self._number += 1
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._subject)
            .public_key(key.public_key())
            .serial_number(self._number)
            .not_valid_before(now - LIFE)
            .not_valid_after(ends_at)
        )
        for extension in extensions:
            critical = isinstance(extension, x509.BasicConstraints)
            builder = builder.add_extension(extension, critical)
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def _write(self, what: str, data: bytes) -> str:
        file = self._folder / f"{self._number}-{what}.pem"
        file.write_bytes(data)
        return str(file)


def common_names(certificate: dict[str, Sequence[Sequence[tuple[str, str]]]]) -> list[str]:
    """The common names of what `SSLObject.getpeercert` returns."""
    return [
        value for part in certificate["subject"] for kind, value in part if kind == "commonName"
    ]

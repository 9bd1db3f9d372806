"""The server's own answer to OPTIONS (RFC 3261 §11.2). Pure, and made once."""

from collections.abc import Iterable
from typing import Final

from proxy.answers import Extensions
from proxy.registration import SUPPORTED

ALLOW: Final = ("REGISTER", "PUBLISH", "SUBSCRIBE", "OPTIONS", "CANCEL", "ACK")
"""Methods that the server takes itself, ACK and CANCEL among them (RFC 3261 §20.5); it relays
any. No NOTIFY: the server has no subscriptions of its own."""


def register_tags(extensions: Extensions) -> tuple[str, ...]:
    """Option tags that a REGISTER may require, and that Supported names, in order."""
    off = {"outbound": not extensions.outbound, "gruu": not extensions.gruu}
    return tuple(sorted(tag for tag in SUPPORTED if not off.get(tag)))


def allow_header() -> tuple[str, str]:
    """The Allow of OPTIONS and of every 405 (RFC 3261 §21.4.6)."""
    return ("Allow", ", ".join(ALLOW))


def options_headers(
    *,
    packages: Iterable[str],
    content_types: Iterable[str],
    supported: Iterable[str],
    codings: Iterable[str] = (),
) -> tuple[tuple[str, str], ...]:
    """Header fields of the 200: what is served, in which media types, by which extensions.

    `codings`: of bodies that are taken, beside what is not encoded.
    """
    return (
        allow_header(),
        ("Allow-Events", ", ".join(packages)),
        ("Accept", ", ".join(content_types)),
        ("Accept-Encoding", ", ".join((*codings, "identity"))),
        ("Accept-Language", "en"),
        ("Supported", ", ".join(supported)),
    )

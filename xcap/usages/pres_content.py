"""Content that presence documents point to: status icons (OMA Presence Content XDM). Pure.

An icon is base64 inside XML, below the directory `oma_status-icon`. What it says of
itself is compared with what it is, since it is shown to others as an image.
"""

import binascii
from collections.abc import Mapping
from typing import Final

from lxml import etree

from xcap.errors import ConstraintFailure
from xcap.usage import Place, Usage

NAMESPACE: Final = "urn:oma:xml:prs:pres-content"
ICONS: Final = "oma_status-icon"

MAX_ICON: Final = 131_072
"""Octets of an image."""
SIGNATURES: Final[Mapping[str, bytes]] = {
    "image/jpeg": b"\xff\xd8\xff",
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/gif": b"GIF8",
}
"""What images of each type that may be an icon begin with."""
ENCODING: Final = "base64"


def check(root: etree._Element, place: Place) -> None:
    """Refuse what is no icon."""
    media_type = _text(root, "mime-type").lower()
    signature = SIGNATURES.get(media_type)
    if signature is None:
        raise ConstraintFailure(f"mime-type must be one of {', '.join(SIGNATURES)}")
    if _text(root, "encoding").lower() != ENCODING:
        raise ConstraintFailure(f"encoding must be {ENCODING}")
    image = _decoded(_text(root, "data"))
    if len(image) > MAX_ICON:
        raise ConstraintFailure(f"the image has {len(image)} octets, more than {MAX_ICON}")
    if not image.startswith(signature):
        raise ConstraintFailure(f"data is not of the type {media_type}")


def _text(root: etree._Element, name: str) -> str:
    return (root.findtext(f"{{{NAMESPACE}}}{name}") or "").strip()


def _decoded(text: str) -> bytes:
    """The octets of base64 `text`, which may be broken into lines."""
    try:
        return binascii.a2b_base64("".join(text.split()), strict_mode=True)
    except (binascii.Error, ValueError):
        raise ConstraintFailure(f"data is not {ENCODING}") from None


USAGE: Final = Usage(
    auid="org.openmobilealliance.pres-content",
    media_type="application/vnd.oma.pres-content+xml",
    default_namespace=NAMESPACE,
    schema="pres-content",
    root=f"{{{NAMESPACE}}}content",
    check=check,
    documents=frozenset(),
    directories=frozenset({ICONS}),
)

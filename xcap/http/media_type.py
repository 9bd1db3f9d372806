"""The type of a request body (RFC 4825 §8.2.2). Pure."""

import re
from typing import Final

from xcap.errors import NotUtf8, UnsupportedEncoding, UnsupportedMediaType

CHARSET: Final = re.compile(r""";[ \t]*charset[ \t]*=[ \t]*"?([^\s";]*)""", re.IGNORECASE)
UTF_8: Final = frozenset({"utf-8", "us-ascii"})

FORGIVEN: Final = frozenset(
    {
        "",
        "application/x-www-form-urlencoded",
        "application/octet-stream",
        "text/xml",
        "application/xml",
    }
)
"""What widespread clients send for a document of any kind, or have sent for them."""


def check_media_type(content_type: str, wanted: str, *, forgiven: frozenset[str]) -> None:
    """Refuse a Content-Type that is neither `wanted` nor among `forgiven`.

    Raises UnsupportedMediaType (415), and NotUtf8 (409) for a charset that would have the
    document read as anything but UTF-8 (RFC 7303 §3).
    """
    if content_type == wanted:
        return
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type != wanted and media_type not in forgiven:
        raise UnsupportedMediaType(media_type, wanted)
    charset = CHARSET.search(content_type)
    if charset is not None and charset[1].lower() not in UTF_8:
        raise NotUtf8(f"the charset of the body is {charset[1]}")


def check_content_encoding(content_encoding: str) -> None:
    """Refuse a body that would have to be decompressed. Raises UnsupportedEncoding (415)."""
    if content_encoding.strip().lower() not in ("", "identity"):
        raise UnsupportedEncoding(f"bodies in {content_encoding} are not read, send them plain")

"""What stands in a request line and in the digest about it (RFC 9112 §3.2, RFC 3986). Pure.

`xcap.compatibility` forgives node selectors whose brackets and quotes were not
percent-encoded, there and in the `uri` of the credentials, where such quotes end the
quoted string too early.
"""

import re
from typing import Final

from xcap.errors import BadRequest

UNESCAPED: Final = re.compile(r'["<>\[\\\]^`{|}#]')
"""Printable ASCII that no path or query may have as it is (RFC 3986 §3.3, §3.4)."""
FRAGMENT: Final = "#"

_SIGNED_URI: Final = re.compile(
    r'([,\s]uri[ \t]*=[ \t]*")'
    r"(.*)"
    r'(?="[ \t]*(?:$|,[ \t]*(?:username|realm|nonce|response|algorithm|qop|nc|cnonce|opaque)'
    r"[ \t]*=))",
    re.IGNORECASE | re.DOTALL,
)


def check_target(target: str) -> None:
    """Refuse what must be percent-encoded. Raises BadRequest (RFC 9112 §3.2)."""
    found = UNESCAPED.search(target)
    if found is not None:
        code = f"%{ord(found[0]):02X}"
        raise BadRequest(f"{found[0]} in the request target must be written as {code}")


def check_forgiven(target: str) -> None:
    """Refuse what not even compatibility forgives. Raises BadRequest."""
    if FRAGMENT in target:
        raise BadRequest("a fragment has no place in a request target")


def mended(authorization: str) -> str:
    """`authorization` with the quotes inside its `uri` parameter escaped.

    The parameter ends at the last quote that another parameter or the end follows: the
    selector may hold commas and equals signs, but hardly the name of a parameter.
    """
    found = _SIGNED_URI.search(authorization)
    if found is None or '"' not in found[2] or "\\" in found[2]:
        return authorization
    inner = found[2].replace('"', '\\"')
    return authorization[: found.start(2)] + inner + authorization[found.end(2) :]

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

_URI_BEGINS: Final = re.compile(r'(?:^|[,\s])uri[ \t]*=[ \t]*"', re.IGNORECASE)
_URI_ENDS: Final = re.compile(
    r'"[ \t]*(?:$|,[ \t]*(?:username|realm|nonce|response|algorithm|qop|nc|cnonce|opaque)[ \t]*=)',
    re.IGNORECASE,
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

    The parameter ends at the first quote that another parameter or the end follows: the
    selector may hold commas and equals signs, but hardly the name of a parameter.
    """
    begins = _URI_BEGINS.search(authorization)
    ends = None if begins is None else _URI_ENDS.search(authorization, begins.end())
    if begins is None or ends is None:
        return authorization
    uri = authorization[begins.end() : ends.start()]
    if '"' not in uri or "\\" in uri:
        return authorization
    escaped = uri.replace('"', '\\"')
    return authorization[: begins.end()] + escaped + authorization[ends.start() :]

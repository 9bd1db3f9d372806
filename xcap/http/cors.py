"""Which web pages may use XCAP, and what they are told (Fetch standard, CORS protocol). Pure.

Pages send credentials in the Authorization header, which they set themselves; cookies and
the browser's own passwords are never asked for, so no answer allows credentials, and "*"
may stand for every origin.
"""

from collections.abc import Iterable, Mapping
from typing import Final

ANY: Final = "*"
ALLOWED_HEADERS: Final = (
    "Authorization, Content-Type, If-Match, If-None-Match, X-3GPP-Intended-Identity"
)
EXPOSED_HEADERS: Final = "ETag, WWW-Authenticate, Allow, Location, Retry-After"
MAX_AGE: Final = "600"
"""Seconds for which a browser may remember a preflight."""

Headers = Mapping[str, str]
NONE: Final[Headers] = {}


class CrossOrigin:
    """The origins of the settings; false when there are none."""

    def __init__(self, origins: Iterable[str]) -> None:
        """`origins` in lower case, or "*"."""
        self._origins = frozenset(origins)
        self._any = ANY in self._origins

    def __bool__(self) -> bool:
        return bool(self._origins)

    def answered(self, origin: str | None) -> Headers:
        """What any answer to a page of `origin` says; None for whom is no page."""
        if self._any:
            return {
                "Access-Control-Allow-Origin": ANY,
                "Access-Control-Expose-Headers": EXPOSED_HEADERS,
            }
        if origin is None or origin.lower() not in self._origins:
            return {"Vary": "Origin"}
        return {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Expose-Headers": EXPOSED_HEADERS,
            "Vary": "Origin",
        }

    def preflight(self, origin: str | None, allow: str) -> Headers:
        """What an OPTIONS that asks before the real request says beside `answered`; `allow`
        as in the header field of that name."""
        if not self._any and (origin or "").lower() not in self._origins:
            return NONE
        return {
            "Access-Control-Allow-Methods": allow,
            "Access-Control-Allow-Headers": ALLOWED_HEADERS,
            "Access-Control-Max-Age": MAX_AGE,
        }

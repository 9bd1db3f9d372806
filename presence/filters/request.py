"""The filters that a SUBSCRIBE comes with (RFC 4660 §5.2). Pure."""

from typing import Final

from presence.errors import UnsupportedType
from presence.filters.keeping import updated
from presence.filters.reading import known_filters, read_filters
from sip.message import Request
from sip.uri import AoR

MEDIA_TYPE: Final = "application/simple-filter+xml"


def read_request(request: Request, before: str, *, package: str, resource: AoR) -> str:
    """What is kept of the filters after `request`, when `before` was kept until then.

    Without a body it stays (§5.2.2). Raises BadFilter (488), UnsupportedType (415).
    """
    if not request.body:
        return before
    if request.content_type != MEDIA_TYPE:
        raise UnsupportedType((MEDIA_TYPE,))
    asked = read_filters(request.body, package)
    return str(updated(known_filters(before), asked, resource))

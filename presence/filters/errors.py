"""What is wrong with a filter."""

from presence.errors import BadRequest


class BadFilter(BadRequest):
    """The filter is not valid, or some of it is not understood (RFC 4660 §5.4)."""

    status = 488

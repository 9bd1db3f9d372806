"""What can be wrong with a search beyond what can be wrong with any request."""

from xcap.errors import XcapError


class TooExpensive(XcapError):
    """The search would take more time or look at more documents than one search may."""

    status = 503

"""Partial documents for a package whose documents are PIDF. Pure."""

from dataclasses import replace

from presence.package import EventPackage
from presence.partial.document import MEDIA_TYPE
from presence.partial.notify import PartialDocuments
from presence.partial.publish import patch


def with_partial(package: EventPackage) -> EventPackage:
    """`package` with partial NOTIFYs (RFC 5263) and, if it is published, PUBLISHs (RFC 5264)."""
    return replace(
        package,
        content_types=(*package.content_types, MEDIA_TYPE),
        tell=PartialDocuments().tell,
        tell_types=frozenset({MEDIA_TYPE}),
        patch_types=(MEDIA_TYPE,) if package.publishable else (),
        patch=patch if package.publishable else None,
    )

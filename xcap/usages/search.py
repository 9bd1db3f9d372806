"""Searches in documents, by POST (OMA XDM Core). Pure."""

from typing import Final

from xcap.computed import Asked, Computed, Sources, all_computed
from xcap.search.exchange import MEDIA_TYPE, NAMESPACE, ROOT
from xcap.search.service import SearchService
from xcap.usage import Usage

AUID: Final = "org.openmobilealliance.search"


async def compute(asked: Asked, sources: Sources) -> Computed | None:
    """There are no documents."""
    return None


def usage() -> Usage:
    """The usage of one server, which searches so much at a time and no more."""
    return Usage(
        auid=AUID,
        media_type=MEDIA_TYPE,
        default_namespace=NAMESPACE,
        schema="search",
        root=ROOT,
        computes=all_computed,
        compute=compute,
        post=SearchService().post,
    )

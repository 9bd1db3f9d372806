"""What documents a user has, of every application usage (OMA XDM Core). Pure.

`directory.xml` in the user's home directory has a folder for each usage that keeps
documents of users, empty where there are none, so that a client may ask for one by its
AUID. Rows that two usages share are in both folders, under the name that each gives them.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from sip.uri import AoR
from store.values import DocumentInfo
from xcap.computed import Asked, Computed, Offered, Sources, all_computed, computed
from xcap.uri import PCHAR, Tree
from xcap.usage import Usage

NAMESPACE: Final = "urn:oma:xml:xdm:xcap-directory"
DOCUMENT: Final = "directory.xml"
ANY_DOCUMENT: Final = "index"
"""A name by which a usage shows whether it keeps documents of users."""


def directory(
    root: str, owner: AoR, usages: Iterable[Offered], documents: Iterable[DocumentInfo]
) -> bytes:
    """The directory of `owner`, whose `documents` are below the XCAP root `root`."""
    rows = {(document.key.auid, document.key.path): document for document in documents}
    folders = "".join(
        _folder(root, owner, usage, rows)
        for usage in usages
        if usage.post is None and not usage.computes(Tree.USERS, ANY_DOCUMENT)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<xcap-directory xmlns="{NAMESPACE}">\n{folders}</xcap-directory>\n'
    ).encode()


async def compute(asked: Asked, sources: Sources) -> Computed | None:
    """The directory of the user whose home directory is asked about."""
    if asked.tree is not Tree.USERS or asked.path != DOCUMENT:
        return None
    documents = await sources.store.documents_of_owner(asked.owner)
    return computed(directory(sources.root, asked.owner, sources.usages.values(), documents))


def _folder(
    root: str, owner: AoR, usage: Offered, rows: dict[tuple[str, str], DocumentInfo]
) -> str:
    """The folder of `usage`; `rows` are all the owner's, by AUID and path."""
    above = f"{root}/{quote(usage.auid, safe=PCHAR)}/users/{quote(owner, safe=PCHAR)}/"
    entries = "".join(
        _entry(above + quote(name, safe=PCHAR + "/"), rows[usage.row(name)])
        for name in sorted(filter(None, (usage.name_of(*row) for row in rows)))
    )
    if not entries:
        return f" <folder auid={quoteattr(usage.auid)}/>\n"
    return f" <folder auid={quoteattr(usage.auid)}>\n{entries} </folder>\n"


def _entry(uri: str, document: DocumentInfo) -> str:
    modified = datetime.fromtimestamp(int(document.updated_at), UTC)
    return (
        f"  <entry uri={quoteattr(uri)} etag={quoteattr(document.etag)}"
        f' last-modified="{modified:%Y-%m-%dT%H:%M:%SZ}" size="{document.size}"/>\n'
    )


USAGE: Final = Usage(
    auid="org.openmobilealliance.xcap-directory",
    media_type="application/vnd.oma.xcap-directory+xml",
    default_namespace=NAMESPACE,
    schema="xcap-directory",
    root=f"{{{NAMESPACE}}}xcap-directory",
    computes=all_computed,
    compute=compute,
)

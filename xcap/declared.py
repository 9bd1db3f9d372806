"""Application usages that an operator declares in the settings (XCP-11).

Each is a `Usage` as those of `xcap.usages` are, only that its schema is a file of the
operator's, read when the process starts.
"""

from pathlib import Path

from xcap.config import DeclaredUsage
from xcap.usage import Usage
from xmldoc.errors import BadSchema
from xmldoc.schema_files import declares, schema_of_file


class BadUsage(Exception):
    """A declaration that cannot be followed; the text is for the operator."""

    def __init__(self, auid: str, key: str, text: str) -> None:
        super().__init__(text)
        self.auid = auid
        self.key = key
        """Of the declaration; empty when it is wrong as a whole."""


def declared_usage(declaration: DeclaredUsage) -> Usage:
    """The usage that `declaration` describes. Raises BadUsage."""
    auid, namespace = declaration.auid, declaration.namespace
    try:
        schema = schema_of_file(Path(declaration.schema), namespace)
    except BadSchema as error:
        raise BadUsage(auid, "schema", f"{declaration.schema}: {error}") from None
    root = f"{{{namespace}}}{declaration.root}" if declaration.root else ""
    try:
        known = not root or declares(schema, root)
    except ValueError:
        raise BadUsage(auid, "root", f"{declaration.root!r} is no name of an element") from None
    if not known:
        raise BadUsage(auid, "root", f"{declaration.schema} declares no {declaration.root}")
    return Usage(
        auid=auid,
        media_type=declaration.media_type,
        default_namespace=namespace,
        schema=schema,
        root=root,
        documents=frozenset(declaration.documents) or None,
    )

"""Schemas that an operator keeps in files, compiled as hardened as documents are parsed.

A schema may include and import other files of its own directory, and those of
`xmldoc.schemas`; nothing else is read, and nothing is fetched. The disk is read when the
process starts, and never again.
"""

from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from lxml import etree

from xmldoc.errors import BadSchema
from xmldoc.schema import XSD, Schema, source

MAX_OCTETS: Final = 1_048_576
"""Of one file."""
MAX_FILES: Final = 64
"""That a schema may be made of."""
SCHEMA: Final = f"{{{XSD}}}schema"
NO_SUCH_ROOT: Final = "SCHEMAV_CVC_ELT_1"
"""What libxml2 calls a root element that no schema declares."""
REFUSED: Final = b"<refused/>"


def schema_of_file(path: Path, namespace: str) -> Schema:
    """The schema in file `path` that defines `namespace`. Raises BadSchema."""
    directory = _Directory(path.resolve())
    parser = etree.XMLParser(no_network=True, resolve_entities=False, load_dtd=False)
    parser.resolvers.add(directory)
    try:
        root = etree.fromstring(directory.read(directory.name), parser, base_url=directory.name)
        if root.tag != SCHEMA:
            raise BadSchema("is no XML Schema")
        defined = root.get("targetNamespace", "")
        if defined != namespace:
            raise BadSchema(f"defines the namespace {defined!r}, not {namespace!r}")
        validator = etree.XMLSchema(root)
    except (etree.LxmlError, ValueError) as error:
        raise BadSchema(directory.problem or " ".join(str(error).split())) from None
    return Schema(directory.name, (namespace,), validator)


def declares(schema: Schema, root: str) -> bool:
    """Whether a document of `schema` may begin with element `root`, "{namespace}name"."""
    return schema.refusal(etree.Element(root)) != NO_SUCH_ROOT


class _Directory(etree.Resolver):
    """Answers the references of a schema from its directory, else from our own schemas.

    A resolver that raises, or knows no answer, would let libxml2 look for itself: what may
    not be read is answered with what is no schema, and told in `problem`.
    """

    def __init__(self, path: Path) -> None:
        self._directory = path.parent
        self._files = 0
        self.name = path.name
        self.problem: str | None = None

    def resolve(self, system_url: str, public_id: str, *context: Any) -> Any:
        name = unquote(system_url)
        try:
            data = self.read(name)
        except BadSchema as error:
            self.problem = self.problem or f"{name}: {error}"
            data = REFUSED
        return self.resolve_string(data, *context, base_url=system_url)

    def read(self, name: str) -> bytes:
        """The octets of the file called `name`, relative to the directory. Raises BadSchema."""
        self._files += 1
        if self._files > MAX_FILES:
            raise BadSchema(f"is made of more than {MAX_FILES} files")
        data = self._data(name)
        if len(data) > MAX_OCTETS:
            raise BadSchema(f"is larger than {MAX_OCTETS} octets")
        if b"<!DOCTYPE" in data:
            raise BadSchema("has a document type declaration")
        return data

    def _data(self, name: str) -> bytes:
        try:
            path = (self._directory / name).resolve()
            if not path.is_relative_to(self._directory):
                raise BadSchema("is outside the directory of the schema")
            if path.is_file():
                with path.open("rb") as file:
                    return file.read(MAX_OCTETS + 1)
            return source(name) if "/" not in name and name.endswith(".xsd") else _missing()
        except FileNotFoundError:
            return _missing()
        except (OSError, ValueError) as error:
            raise BadSchema(f"cannot be read: {error}") from None


def _missing() -> bytes:
    raise BadSchema("there is no such file")

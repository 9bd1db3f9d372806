"""Schemas by name, compiled once when first asked for.

The XSD files beside this module are ours, one per namespace, written from the
definitions of the standards; they say nothing of namespaces other than their own
where the standards leave them open. A schema is compiled from a set of them, so that
extensions that we know are checked wherever their elements appear.
"""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from threading import Lock
from typing import Any, Final

from lxml import etree

PIDF_FILES: Final = (
    "pidf.xsd",
    "data-model.xsd",
    "rpid.xsd",
    "timed-status.xsd",
    "cipid.xsd",
    "caps.xsd",
)
POLICY_FILES: Final = (
    "common-policy.xsd",
    "pres-rules.xsd",
    "oma-common-policy.xsd",
    "oma-pres-rules.xsd",
)

SCHEMAS: Final[Mapping[str, tuple[str, ...]]] = {
    "dialog-rules": ("common-policy.xsd", "dialog-rules.xsd", "oma-common-policy.xsd"),
    "list-service": (
        "list-service.xsd",
        "resource-lists.xsd",
        "common-policy.xsd",
        "oma-common-policy.xsd",
    ),
    "pidf": PIDF_FILES,
    "pres-content": ("pres-content.xsd",),
    "pres-rules": POLICY_FILES,
    "resource-lists": ("resource-lists.xsd",),
    "simservs": ("simservs.xsd", "common-policy.xsd", "oma-common-policy.xsd"),
    "user-profile": ("user-profile.xsd",),
    "rls-services": ("rls-services.xsd", "resource-lists.xsd"),
    "search": ("search.xsd",),
    "watchers": ("watchers.xsd",),
    "xcap-caps": ("xcap-caps.xsd",),
    "xcap-diff": ("xcap-diff.xsd",),
    "xcap-directory": ("xcap-directory.xsd",),
    "xcap-error": ("xcap-error.xsd",),
}
"""The name of a schema, and the files it is made of; the first is that of the root element."""

XSD: Final = "http://www.w3.org/2001/XMLSchema"
MAX_REASON: Final = 300
"""Characters of a reason; the validator repeats the offending value in full."""


class Schema:
    """A compiled schema. Safe to use from several threads."""

    __slots__ = ("_lock", "_validator", "name", "namespaces")

    name: str
    namespaces: tuple[str, ...]
    """The namespaces that it knows; that of the root element is the first."""

    def __init__(self, name: str, namespaces: tuple[str, ...], validator: etree.XMLSchema) -> None:
        self.name = name
        self.namespaces = namespaces
        self._validator = validator
        self._lock = Lock()

    def check(self, root: etree._Element) -> str | None:
        """Why the document of `root` is not valid, in one line, or None when it is."""
        first = self._first_error(root)
        if first is None:
            return None
        return f"line {first.line}: {' '.join(first.message.split())}"[:MAX_REASON]

    def refusal(self, root: etree._Element) -> str | None:
        """What libxml2 calls the first thing that is not valid, or None when all is."""
        first = self._first_error(root)
        return None if first is None else str(first.type_name)

    def _first_error(self, root: etree._Element) -> Any:
        with self._lock:
            if self._validator.validate(root):
                return None
            errors: Any = self._validator.error_log
            return errors[0]


@cache
def schema(name: str) -> Schema:
    """The schema called `name` in SCHEMAS. Raises KeyError."""
    file_names = SCHEMAS[name]
    namespaces = tuple(target_namespace(file_name) for file_name in file_names)
    return Schema(name, namespaces, etree.XMLSchema(_imports(namespaces, file_names)))


def source(file_name: str) -> bytes:
    """The XSD file of this package called `file_name`. Raises FileNotFoundError."""
    return files("xmldoc.schemas").joinpath(file_name).read_bytes()


@cache
def target_namespace(file_name: str) -> str:
    """The namespace that XSD file `file_name` defines."""
    return str(etree.fromstring(source(file_name)).attrib["targetNamespace"])


class _PackageData(etree.Resolver):
    """Answers every reference between schemas from package data; there is nothing else."""

    def resolve(self, system_url: str, public_id: str, *context: Any) -> Any:
        data = source(system_url.rsplit("/", 1)[-1])
        return self.resolve_string(data, *context, base_url=system_url)


def _imports(namespaces: tuple[str, ...], file_names: tuple[str, ...]) -> etree._Element:
    """A schema document that imports `file_names`; extra imports do no harm."""
    parser = etree.XMLParser(no_network=True, resolve_entities=False)
    parser.resolvers.add(_PackageData())
    lines = "".join(
        f'<xs:import namespace="{namespace}" schemaLocation="{file_name}"/>'
        for namespace, file_name in zip(namespaces, file_names, strict=True)
    )
    return etree.fromstring(f'<xs:schema xmlns:xs="{XSD}">{lines}</xs:schema>', parser)

"""Schemas by name, compiled once when first asked for.

The XSD files beside this module are ours, one per namespace, written from the
definitions of the standards; they say nothing of namespaces other than their own
where the standards leave them open. A schema is compiled from a set of them, so that
extensions that we know are checked wherever their elements appear.

lxml keeps every error of a tree together with its path, for which libxml2 counts the
siblings before it: a document of 250 kB in which all is wrong takes seconds. What is
large is therefore validated as a stream that ends at its first error.
"""

from collections.abc import Mapping
from contextlib import suppress
from copy import deepcopy
from functools import cache
from importlib.resources import files
from threading import Lock
from typing import Any, Final, NamedTuple

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
    "conference-info": ("conference-info.xsd",),
    "dialog-info": ("dialog-info.xsd",),
    "dialog-rules": ("common-policy.xsd", "dialog-rules.xsd", "oma-common-policy.xsd"),
    "list-service": (
        "list-service.xsd",
        "resource-lists.xsd",
        "common-policy.xsd",
        "oma-common-policy.xsd",
    ),
    "pidf": PIDF_FILES,
    "pidf-diff": ("pidf-diff.xsd", *PIDF_FILES),
    "pres-content": ("pres-content.xsd",),
    "pres-rules": POLICY_FILES,
    "resource-lists": ("resource-lists.xsd",),
    "simservs": ("simservs.xsd", "common-policy.xsd", "oma-common-policy.xsd"),
    "user-profile": ("user-profile.xsd",),
    "rls-services": ("rls-services.xsd", "resource-lists.xsd"),
    "search": ("search.xsd",),
    "simple-filter": ("simple-filter.xsd",),
    "watcherinfo": ("watcherinfo.xsd",),
    "watchers": ("watchers.xsd",),
    "xcap-caps": ("xcap-caps.xsd",),
    "xcap-diff": ("xcap-diff.xsd",),
    "xcap-directory": ("xcap-directory.xsd",),
    "xcap-error": ("xcap-error.xsd",),
}
"""The name of a schema, and the files it is made of; the first is that of the root element."""

XSI_TYPE: Final = "{http://www.w3.org/2001/XMLSchema-instance}type"
XSD: Final = "http://www.w3.org/2001/XMLSchema"
MAX_REASON: Final = 300
"""Characters of a reason; the validator repeats the offending value in full."""
MAX_FLAWS: Final = 100
"""That are looked at; others are told when these are mended."""
MAX_AT_ONCE: Final = 3_500
"""Elements and attributes of a tree whose errors are all found within some 70 ms. A list of
1,000 entries has 3,000, and a stream takes half as long again as a tree."""
CHUNK: Final = 4096
"""Octets of a stream between two looks for errors."""
IDENTIFIED: Final = (
    "{urn:ietf:params:xml:ns:common-policy}rule",
    "{urn:ietf:params:xml:ns:pidf}tuple",
    "{urn:ietf:params:xml:ns:pidf:data-model}*",
    "{urn:ietf:params:xml:ns:pidf:rpid}*",
)
"""Elements of our schemas whose attribute `id` is an xs:ID. A stream is not asked whether
these differ in the whole document (XML Schema part 2 §3.3.8)."""


class Flaw(NamedTuple):
    """One thing that is not valid."""

    path: str
    """Of the node at fault, as `getpath` of lxml has it."""
    message: str


VALIDATOR: Final = etree.ErrorDomains.SCHEMASV
_has_types: Final = etree.XPath(
    "boolean(//@xsi:type)", namespaces={"xsi": etree.QName(XSI_TYPE).namespace or ""}
)
_is_large: Final = etree.XPath(
    f"count(descendant-or-self::*) + count(descendant-or-self::*/@*) > {MAX_AT_ONCE}"
)


class Schema:
    """A compiled schema. Safe to use from several threads."""

    __slots__ = ("_identified", "_lock", "_validator", "name", "namespaces")

    name: str
    namespaces: tuple[str, ...]
    """The namespaces that it knows; that of the root element is the first."""

    def __init__(
        self,
        name: str,
        namespaces: tuple[str, ...],
        validator: etree.XMLSchema,
        identified: tuple[str, ...] | None = None,
    ) -> None:
        """`identified` are the elements whose `id` is an xs:ID; None: not known, so that large
        documents without other errors are validated as a tree as well."""
        self.name = name
        self._identified = identified
        self.namespaces = namespaces
        self._validator = validator
        self._lock = Lock()

    def check(self, root: etree._Element) -> str | None:
        """Why the document of `root` is not valid, in one line, or None when it is.

        Elements of other namespaces may be of types that nobody here knows: xsi:type is not
        looked at there, as their content is not.
        """
        reason = self._check(root)
        if reason is None or not _has_types(root):
            return reason
        return self._check(self._untyped(root))

    def _untyped(self, root: etree._Element) -> etree._Element:
        """A copy of `root` where no element of another namespace has an xsi:type."""
        copy = deepcopy(root)
        for element in copy.iter("{*}*", "{}*"):
            if etree.QName(element).namespace not in self.namespaces:
                element.attrib.pop(XSI_TYPE, "")
        return copy

    def _check(self, root: etree._Element) -> str | None:
        if not _is_large(root):
            return _reason(self._first_error(root))
        first = self._first_error_of_stream(root)
        if first is not None:
            return _reason(first)
        if self._identified is None:
            return _reason(self._first_error(root))
        return _repeated_id(root, self._identified)

    def refusal(self, root: etree._Element) -> str | None:
        """What libxml2 calls the first thing that is not valid, or None when all is."""
        first = self._first_error(root)
        return None if first is None else str(first.type_name)

    def flaws(self, root: etree._Element) -> tuple[Flaw, ...]:
        """What is not valid and where it is, MAX_FLAWS at most."""
        with self._lock:
            if self._validator.validate(root):
                return ()
            errors: Any = self._validator.error_log
            found = list(errors)[:MAX_FLAWS]
        return tuple(Flaw(str(one.path or ""), str(one.message)) for one in found)

    def _first_error(self, root: etree._Element) -> Any:
        with self._lock:
            if self._validator.validate(root):
                return None
            errors: Any = self._validator.error_log
            return errors[0]

    def _first_error_of_stream(self, root: etree._Element) -> Any:
        """The first of all errors but identifiers that are there twice."""
        data = etree.tostring(root, encoding="utf-8", xml_declaration=False, with_tail=False)
        with self._lock:
            parser = etree.XMLParser(schema=self._validator, resolve_entities=False)
            looked = 0
            for start in range(0, len(data), CHUNK):
                parser.feed(data[start : start + CHUNK])
                log = parser.feed_error_log
                first = _first_of_validator(log, looked)
                if first is not None:
                    return first
                looked = len(log)
            with suppress(etree.XMLSyntaxError):
                parser.close()
            return _first_of_validator(parser.feed_error_log, looked)


def _first_of_validator(log: Any, start: int) -> Any:
    """The first error from place `start` on that is no complaint about a name of a namespace."""
    entries = (log[place] for place in range(start, len(log)))
    return next((one for one in entries if one.domain == VALIDATOR), None)


def _reason(error: Any) -> str | None:
    """What `error` says; those of a stream do not know their line."""
    if error is None:
        return None
    text = " ".join(error.message.split())
    return (f"line {error.line}: {text}" if error.line else text)[:MAX_REASON]


def _repeated_id(root: etree._Element, tags: tuple[str, ...]) -> str | None:
    """A complaint about the first of elements `tags` that has the `id` of an earlier one."""
    seen: set[str] = set()
    for element in root.iter(*tags):
        value = (element.get("id") or "").strip()
        if value in seen:
            return f"line {element.sourceline}: the id {value!r} is there twice"[:MAX_REASON]
        if value:
            seen.add(value)
    return None


@cache
def schema(name: str) -> Schema:
    """The schema called `name` in SCHEMAS. Raises KeyError."""
    file_names = SCHEMAS[name]
    namespaces = tuple(target_namespace(file_name) for file_name in file_names)
    return Schema(name, namespaces, etree.XMLSchema(_imports(namespaces, file_names)), IDENTIFIED)


@cache
def schema_of(namespace: str) -> Schema | None:
    """The first schema of SCHEMAS whose root element is in `namespace`."""
    names = (name for name, kept in SCHEMAS.items() if target_namespace(kept[0]) == namespace)
    name = next(names, None)
    return None if name is None else schema(name)


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

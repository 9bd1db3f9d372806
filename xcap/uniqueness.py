"""Values that must differ among siblings, in documents of several usages. Pure."""

from collections.abc import Mapping
from typing import Final

from lxml import etree

from xcap.errors import Exists, UniquenessFailure
from xcap.nodes.field import field_of

MAX_FAILURES: Final = 10
"""How many fields a report names; to name one costs a look at all its siblings."""


def check_unique(
    top: etree._Element,
    keys: Mapping[str, str],
    *,
    default_namespace: str,
    prefixes: Mapping[str, str],
) -> None:
    """Refuse siblings of one name below `top` that have one value. Raises UniquenessFailure.

    `keys` maps the names of elements to the attribute that tells them apart. Values that
    differ in the whole document differ among siblings, and that is told without looking at
    the siblings one by one.
    """
    if all(_differ(values_of(top, tag, attribute)) for tag, attribute in keys.items()):
        return
    fields = [
        Exists(field_of(element, keys[element.tag], default_namespace, prefixes))
        for element in _repeated(top, keys)
    ]
    if fields:
        raise UniquenessFailure("names and URIs must differ within a list", tuple(fields))


def values_of(top: etree._Element, tag: str, attribute: str) -> list[str]:
    """The values of `attribute` of all elements `tag`, "{namespace}name", below `top`."""
    found = (element.get(attribute) for element in top.iterdescendants(tag))
    return [value for value in found if value is not None]


def _differ(values: list[str]) -> bool:
    return len(set(values)) == len(values)


def _repeated(top: etree._Element, keys: Mapping[str, str]) -> list[etree._Element]:
    """The first elements whose value an earlier sibling of the same name has."""
    found: list[etree._Element] = []
    seen: set[tuple[etree._Element | None, str, str]] = set()
    for element in top.iter(*keys):
        value = element.get(keys[element.tag])
        if value is None:
            continue
        here = (element.getparent(), element.tag, value)
        if here in seen:
            found.append(element)
            if len(found) == MAX_FAILURES:
                break
        seen.add(here)
    return found

"""Publications and resource states from rows. Pure."""

from collections.abc import Sequence
from typing import Any, Final

from store.values import Publication, Resource, ResourceState

EMPTY: Final = ResourceState(0, ())


def states_of(keys: Sequence[Resource], rows: Sequence[Any]) -> dict[Resource, ResourceState]:
    """Put rows of aor, package, version and a publication together by resource."""
    versions: dict[Resource, int] = {}
    found: dict[Resource, list[Publication]] = {}
    for row in rows:
        key = Resource(row[0], row[1])
        versions[key] = row[2]
        if row[3] is not None:
            found.setdefault(key, []).append(publication_of(row, 3))
    states: dict[Resource, ResourceState] = dict.fromkeys(keys, EMPTY)
    for key, version in versions.items():
        publications = sorted(found.get(key, ()), key=published_at)
        states[key] = ResourceState(version, tuple(publications))
    return states


def published_at(publication: Publication) -> float:
    return publication.published_at


def publication_of(row: Any, start: int) -> Publication:
    """Build a publication from six columns of `row`, in the order of the value's fields."""
    return Publication(*row[start : start + 6])

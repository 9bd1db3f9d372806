"""How several publications become one presence document (RFC 3856 §6.11.1, PRS-04). Pure.

The default policy, which a package record can replace:

- One publication is sent as its publisher wrote it, octet by octet.
- Publications are taken newest first; ties by id. Children keep their publisher's order.
- Every tuple is kept. Octet-identical children are told once.
- Two tuples with one id: the publication with the lowest id keeps it, in every version of the
  document; the others' become `<id>.<publication id>`. So do ids of other children that clash.
- Persons become one when no two elements of theirs conflict; when some do, the person with
  the newest timestamp (its own, else the publication's) stands alone. Elements conflict when
  they have the same name and language but different content; a timestamp never does.
- Devices with one deviceID: the newest is kept.
- Whatever else stands under `<presence>`, such as notes, is kept.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Final, Literal, NamedTuple

from lxml import etree

from presence.package import PackageState
from presence.pidf import (
    DATA_MODEL,
    PIDF,
    Fragment,
    Kind,
    closed,
    cut,
    document,
    element_of,
    fragment,
)
from sip.uri import AoR
from store.values import Publication

XML_LANG: Final = "{http://www.w3.org/XML/1998/namespace}lang"
TIMESTAMPS: Final = frozenset({f"{{{PIDF}}}timestamp", f"{{{DATA_MODEL}}}timestamp"})


class Part(NamedTuple):
    """A fragment and where it came from."""

    fragment: Fragment
    publication_id: str
    published_at: float

    @property
    def newness(self) -> float:
        """Unix seconds; what decides between two that exclude each other."""
        own = self.fragment.timestamp
        return self.published_at if own is None else own


def composer(neutral: Literal["closed", "empty"]) -> Callable[[AoR, PackageState], bytes]:
    """The `compose` of the package record, with what to say when nothing is published."""

    def compose(aor: AoR, state: PackageState) -> bytes:
        if not state.publications:
            return closed(aor) if neutral == "closed" else b""
        if len(state.publications) == 1:
            return state.publications[0].body
        return merge(aor, state.publications)

    return compose


def merge(aor: AoR, publications: Sequence[Publication]) -> bytes:
    """One document of several."""
    newest_first = sorted(publications, key=lambda one: (-one.published_at, one.id))
    parts = [
        Part(piece, one.id, one.published_at) for one in newest_first for piece in cut(one.body)
    ]
    kept = unique_ids(one_person(latest_devices(distinct(parts))))
    return document(aor, tuple(part.fragment.xml for part in kept))


def distinct(parts: Iterable[Part]) -> list[Part]:
    """Each octet sequence once, where it first stands."""
    seen: dict[bytes, Part] = {}
    for part in parts:
        seen.setdefault(part.fragment.xml, part)
    return list(seen.values())


def latest_devices(parts: Sequence[Part]) -> list[Part]:
    """Of the devices with one deviceID, only the newest."""
    latest: dict[str, Part] = {}
    for part in parts:
        device = part.fragment.device_id
        if device and (device not in latest or part.newness > latest[device].newness):
            latest[device] = part
    return [
        part
        for part in parts
        if not part.fragment.device_id or latest[part.fragment.device_id] is part
    ]


def one_person(parts: Sequence[Part]) -> list[Part]:
    """All persons as one, in the place of the first."""
    persons = [part for part in parts if part.fragment.kind is Kind.PERSON]
    if len(persons) < 2:
        return list(parts)
    persons.sort(key=lambda part: -part.newness)
    merged = merged_person([element_of(person.fragment.xml) for person in persons])
    person = persons[0]
    if merged is not None:
        person = person._replace(fragment=fragment(merged))
    first = next(part for part in parts if part.fragment.kind is Kind.PERSON)
    return [
        person if part is first else part
        for part in parts
        if part is first or part.fragment.kind is not Kind.PERSON
    ]


def merged_person(persons: Sequence[etree._Element]) -> etree._Element | None:
    """The first of `persons` with what only the others say, or None when some conflict.

    Notes and timestamps come last, in the order the schema of RFC 4479 wants.
    """
    said: dict[tuple[str, str], tuple[bytes, etree._Element]] = {}
    for person in persons:
        for child in person:
            key = (str(child.tag), child.get(XML_LANG, ""))
            content = etree.tostring(child, method="c14n", with_tail=False)
            known = said.setdefault(key, (content, child))
            if known[0] != content and key[0] not in TIMESTAMPS:
                return None
    whole = persons[0]
    children = [child for _, child in said.values()]
    for child in sorted(children, key=place):
        child.tail = None
        whole.append(child)
    return whole


def place(child: etree._Element) -> int:
    """Extensions, then notes, then the timestamp (RFC 4479 §5)."""
    if child.tag in TIMESTAMPS:
        return 2
    return 1 if child.tag == f"{{{DATA_MODEL}}}note" else 0


def unique_ids(parts: Sequence[Part]) -> list[Part]:
    """Every id once; who keeps a contested one does not depend on who published last."""
    owner: dict[str, str] = {}
    for part in sorted(parts, key=lambda one: one.publication_id):
        owner.setdefault(part.fragment.id, part.publication_id)
    return [
        part
        if not part.fragment.id or owner[part.fragment.id] == part.publication_id
        else part._replace(fragment=renamed(part.fragment, part.publication_id, owner))
        for part in parts
    ]


def renamed(clashing: Fragment, publication_id: str, taken: dict[str, str]) -> Fragment:
    """`clashing` under an id that nobody has; the same every time."""
    name = f"{clashing.id}.{publication_id}"
    while taken.setdefault(name, publication_id) != publication_id:
        name += "."
    element = element_of(clashing.xml)
    element.set("id", name)
    return replace(
        clashing, id=name, xml=etree.tostring(element, encoding="utf-8", with_tail=False)
    )

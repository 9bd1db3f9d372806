"""How all that is known of a presentity becomes one presence document (RFC 3856 §6.11.1). Pure.

A policy is a callable from the AoR and its `Inputs` to the document. `composer` makes the
package's `compose` of one; a package record of the operator's own may have another. `union` is the
default:

- One publication and nothing else is sent as its publisher wrote it, octet by octet. Several are
  put together of the octets of their children; only ids and persons are ever rewritten, and
  comments, text and foreign attributes outside of the children are left out.
- Order: publications whose best contact has the higher priority (RFC 3863 §4.1.5) first, then
  the newer, then the lower id; then hard state; then what registrations say. Children keep
  their publisher's order.
- Every tuple is kept. Children with the same octets and namespaces are told once.
- Ids are unique in the document, those inside of persons and devices too. Of two that clash
  the publication with the lower id keeps its own, in every version of the document; the
  other's becomes `<id>.<publication id>`. Publications keep theirs before hard state does.
- Persons of one class (RFC 4480 §3.3) become one, under the id of the lowest publication, when no
  two elements of theirs conflict; when some do, the person with the newest timestamp (its own,
  else the publication's) stands alone. Persons of different classes are all told.
- Devices with one deviceID: the newest is kept.
- Whatever else stands under `<presence>`, such as notes, is kept.
- Hard state (RFC 4827) is what holds when nobody says otherwise: a person of it that conflicts with
  a published one, or a device that is published too, is left out, however new it is.
- A device that registers and publishes is told as it publishes: registrations of its instance
  (deviceID) or contact are left out, and all of them when a published tuple has no contact or the
  AoR itself, for then the user speaks for every device, also to be unseen.
- When a call is on, every person is on the phone; one is made when there is none.
- When somebody was last active is told when nothing else but hard state is known.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import attrgetter
from typing import Final, Literal, NamedTuple

from presence.document.persons import calling, merged, on_the_phone
from presence.document.pidf import Fragment, Kind, closed, cut, document, renamed
from presence.package import PackageState
from presence.sources.state import NOTHING, Sources
from sip.errors import ParseError
from sip.uri import AoR, SipUri, aor_of
from store.values import Publication

HARD: Final = "hard-state"
REGISTERED: Final = "registered"
"""Stand for the id of a publication where there is none."""


class Inputs(NamedTuple):
    """All that a document is made of."""

    publications: tuple[Publication, ...]
    sources: Sources = NOTHING


Policy = Callable[[AoR, Inputs], bytes]
"""Given at least one input, the same document for the same inputs in any order."""


class Part(NamedTuple):
    """A fragment and where it came from."""

    fragment: Fragment
    owner: tuple[int, str]
    """Who keeps a contested id: the lowest. Publications are 0, hard state 1, the rest 2."""
    at: float
    """When it was published, Unix seconds."""

    @property
    def newness(self) -> tuple[int, float]:
        """What decides between two that exclude each other: soft state, then the newer."""
        own = self.fragment.timestamp
        return -self.owner[0], self.at if own is None else own


def composer(
    neutral: Literal["closed", "empty"] = "closed", policy: Policy | None = None
) -> Callable[[AoR, PackageState], bytes]:
    """The `compose` of the package record, with what to say when nothing is known (PRS-05)."""
    compose_known = policy or union

    def compose(aor: AoR, state: PackageState) -> bytes:
        sources = state.provided if isinstance(state.provided, Sources) else NOTHING
        if state.publications or sources != NOTHING:
            return compose_known(aor, Inputs(state.publications, sources))
        return closed(aor) if neutral == "closed" else b""

    return compose


def union(aor: AoR, inputs: Inputs) -> bytes:
    """All that everybody says; see the module."""
    publications, sources = inputs
    if len(publications) == 1 and _is_enough(aor, publications[0], sources):
        return publications[0].body
    parts = [*published(publications), *beside(aor, inputs)]
    if sources.calling and not any(part.fragment.kind is Kind.PERSON for part in parts):
        parts.append(Part(calling(), (2, REGISTERED), 0.0))
    kept = one_person_a_class(latest_devices(unique_ids(distinct(parts))))
    if sources.calling:
        kept = in_a_call(kept)
    return document(aor, [part.fragment for part in kept])


def latest(aor: AoR, inputs: Inputs) -> bytes:
    """What the newest publication says alone; without any what the sources say."""
    publications, sources = inputs
    if not publications:
        return union(aor, inputs)
    newest = min(publications, key=lambda one: (-one.published_at, one.id))
    return union(aor, Inputs((newest,), Sources(calling=sources.calling)))


POLICIES: Final[dict[str, Policy]] = {"union": union, "latest": latest}
"""By the name that the settings have for them."""


def by_domain(policies: dict[str, Policy], otherwise: Policy = union) -> Policy:
    """A policy for each domain."""

    def policy(aor: AoR, inputs: Inputs) -> bytes:
        chosen = policies.get(aor.rpartition("@")[2], otherwise)
        return chosen(aor, inputs)

    return policy


def _is_enough(aor: AoR, publication: Publication, sources: Sources) -> bool:
    """Whether nothing is to be added to the one publication."""
    if sources == NOTHING:
        return True
    if sources.hard or sources.calling:
        return False
    return not unspoken(aor, published((publication,)), sources)


def published(publications: Iterable[Publication]) -> list[Part]:
    """The children of all publications, in order."""
    pieces = [(one, cut(one.body)) for one in publications]
    pieces.sort(key=lambda pair: (-best_priority(pair[1]), -pair[0].published_at, pair[0].id))
    return [
        Part(piece, (0, one.id), one.published_at)
        for one, fragments in pieces
        for piece in fragments
    ]


def best_priority(fragments: Iterable[Fragment]) -> float:
    """The highest of the contacts of a publication."""
    return max((one.priority for one in fragments), default=0.0)


def beside(aor: AoR, inputs: Inputs) -> Iterator[Part]:
    """What the sources say that no publication speaks for."""
    publications, sources = inputs
    if sources.hard:
        yield from (Part(piece, (1, HARD), 0.0) for piece in cut(sources.hard))
    spoken = published(publications)
    told = unspoken(aor, spoken, sources)
    yield from (Part(one, (2, REGISTERED), 0.0) for one in told)
    if not told and not publications and sources.last_active is not None:
        yield Part(sources.last_active, (2, REGISTERED), 0.0)


def unspoken(aor: AoR, parts: Sequence[Part], sources: Sources) -> list[Fragment]:
    """The tuples of registered devices that have not published themselves."""
    if not sources.registered:
        return []
    tuples = [part.fragment for part in parts if part.fragment.kind is Kind.TUPLE]
    if any(not one.contact or same_aor(one.contact, aor) for one in tuples):
        return []
    contacts = {place_of(one.contact) for one in tuples}
    devices = {part.fragment.device_id for part in parts}
    return [
        one.tuple
        for one in sources.registered
        if place_of(one.contact) not in contacts
        and (not one.instance or one.instance not in devices)
    ]


def same_aor(contact: str, aor: AoR) -> bool:
    """Whether a contact is the presentity and none of its devices in particular."""
    if ";gr" in contact:
        return False
    try:
        return aor_of(contact) == aor
    except ParseError:
        return False


def place_of(contact: str) -> str:
    """Where `contact` leads, without parameters: clients publish other ones than they register."""
    try:
        uri = SipUri.parse(contact)
    except ParseError:
        return contact
    return f"{uri.aor}:{uri.port or ''}"


def distinct(parts: Iterable[Part]) -> list[Part]:
    """Each child once, where it first stands, as that of the lowest owner who says it."""
    places: dict[tuple[bytes, tuple[tuple[str, str], ...]], int] = {}
    kept: list[Part] = []
    for part in parts:
        key = (part.fragment.xml, tuple(sorted(part.fragment.scope.items())))
        place = places.setdefault(key, len(kept))
        if place == len(kept):
            kept.append(part)
        elif part.owner < kept[place].owner:
            kept[place] = kept[place]._replace(owner=part.owner)
    return kept


def latest_devices(parts: Sequence[Part]) -> list[Part]:
    """Of the devices with one deviceID, only the newest."""
    latest: dict[str, Part] = {}
    for part in parts:
        device = device_of(part)
        if device and (device not in latest or part.newness > latest[device].newness):
            latest[device] = part
    return [part for part in parts if not device_of(part) or latest[device_of(part)] is part]


def device_of(part: Part) -> str:
    """The deviceID of a device, "" of what is none."""
    return part.fragment.device_id if part.fragment.kind is Kind.DEVICE else ""


def one_person_a_class(parts: Sequence[Part]) -> list[Part]:
    """The persons of each class as one, in the place of the first."""
    classes: dict[str, list[Part]] = {}
    for part in parts:
        if part.fragment.kind is Kind.PERSON:
            classes.setdefault(part.fragment.rpid_class, []).append(part)
    kept: list[Part] = []
    for part in parts:
        if part.fragment.kind is not Kind.PERSON:
            kept.append(part)
        elif part is classes[part.fragment.rpid_class][0]:
            kept.append(one_person(classes[part.fragment.rpid_class]))
    return kept


def one_person(persons: Sequence[Part]) -> Part:
    """All of `persons`, or the newest when some conflict; hard state joins in or is left out."""
    if len(persons) == 1:
        return persons[0]
    ranks: dict[int, list[Part]] = {}
    for one in sorted(persons, key=attrgetter("newness"), reverse=True):
        ranks.setdefault(one.owner[0], []).append(one)
    first, *others = (all_or_newest(rank) for rank in ranks.values())
    for other in others:
        first = joined([first, other]) or first
    return first


def all_or_newest(persons: Sequence[Part]) -> Part:
    """`persons`, the newest first, as one; the first of them when some conflict."""
    return joined(persons) or persons[0]


def joined(persons: Sequence[Part]) -> Part | None:
    """All of `persons` under the id of the lowest owner; None when some conflict."""
    person = merged([one.fragment for one in persons])
    if person is None:
        return None
    named = min(persons, key=attrgetter("owner"))
    if person.id != named.fragment.id:
        person = renamed(person, {0: named.fragment.id})
    return Part(person, named.owner, persons[0].at)


def in_a_call(parts: Sequence[Part]) -> list[Part]:
    """Every person on the phone."""
    return [
        part._replace(fragment=on_the_phone(part.fragment))
        if part.fragment.kind is Kind.PERSON
        else part
        for part in parts
    ]


def unique_ids(parts: Sequence[Part]) -> list[Part]:
    """Every id once; who keeps a contested one does not depend on who published last.

    What is left out later counts too, so that no id changes when it is.
    """
    taken: set[str] = set()
    contested: list[tuple[int, int, str]] = []
    for part in sorted(range(len(parts)), key=lambda part: (parts[part].owner, part)):
        for place, name in parts[part].fragment.ids:
            if name in taken:
                contested.append((part, place, name))
            taken.add(name)
    names: dict[int, dict[int, str]] = {}
    for part, place, name in contested:
        names.setdefault(part, {})[place] = unused(f"{name}.{parts[part].owner[1]}", taken)
    return [
        one._replace(fragment=renamed(one.fragment, names[part])) if part in names else one
        for part, one in enumerate(parts)
    ]


def unused(name: str, taken: set[str]) -> str:
    """`name`, or the next after it that nobody has; it is taken now."""
    while name in taken:
        name += "."
    taken.add(name)
    return name

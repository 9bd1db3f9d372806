"""What is known of the dialogs of one line, over all who publish them (RFC 4235 §3.7.1). Pure.

The state of a dialog only moves forward, whoever says what and in whatever order it arrives: a
report of an earlier state changes nothing, and the end of a dialog is final. So a line
remembers its dialogs for longer than publications live: that of a `terminated` lives for
seconds, and a stale one of the same call may outlive it.

Two reports are of one dialog when their Call-IDs and tags do not contradict each other and
either their ids are the same or all of Call-ID and tags are. A dialog without Call-ID is known
by its id alone, which may come back for a new call once the old one is over (RFC 4235 §4.1.1).
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from presence.packages.dialog.document import CallState, Dialog, cut, renamed
from store.values import Publication

MAX_REMEMBERED: Final = 64
"""Dialogs of a line that are remembered though nobody reports them any more."""
MAX_REMEMBERED_OCTETS: Final = 16 * 1024
"""Of these dialogs, all together; the newest are remembered."""
MAX_REPORTS: Final = 200
"""Dialogs of a line that are looked at, over all who publish: the newest."""
MAX_LINES: Final = 4096
"""Lines remembered; the one that nobody asked for longest goes first."""


class Report(NamedTuple):
    """A dialog as one publication has it."""

    dialog: Dialog
    publication_id: str
    published_at: float


@dataclass(frozen=True, slots=True)
class Known:
    """The furthest that is known of one dialog."""

    dialog: Dialog
    reported_as: str
    """Its id in publications, which another dialog may have had before."""
    published_at: float


Line = tuple[Known, ...]


def reports(publications: Iterable[Publication]) -> list[Report]:
    """What `publications` say, oldest first; of too much the newest."""
    newest_first = sorted(publications, key=lambda one: (-one.published_at, one.id))
    said: list[Report] = []
    for one in newest_first:
        if len(said) >= MAX_REPORTS:
            break
        dialogs = reversed(cut(one.body))
        said += [Report(dialog, one.id, one.published_at) for dialog in dialogs]
    return said[MAX_REPORTS - 1 :: -1]


def advance(line: Line, news: Sequence[Report]) -> tuple[Line, tuple[Dialog, ...]]:
    """The line after `news`, which is all that is published now, and the dialogs to be shown."""
    known = list(line)
    shown: list[int] = []
    for report in news:
        place = find(known, report.dialog)
        if place is None:
            place = len(known)
            known.append(_first(known, report))
        else:
            known[place] = furthest(known[place], report)
        if place not in shown:
            shown.append(place)
    reported = set(shown)
    forgotten = [
        one for place, one in enumerate(known) if place not in reported and one.dialog.call_id
    ]
    kept = tuple(known[place] for place in shown)
    return (*newest(forgotten), *kept), tuple(one.dialog for one in kept)


def newest(forgotten: Sequence[Known]) -> Sequence[Known]:
    """The last of `forgotten`, as far as the bounds allow."""
    octets = 0
    for count, one in enumerate(reversed(forgotten)):
        octets += len(one.dialog.xml) + len(one.dialog.described)
        if count == MAX_REMEMBERED or octets > MAX_REMEMBERED_OCTETS:
            return forgotten[len(forgotten) - count :]
    return forgotten


def find(known: Sequence[Known], dialog: Dialog) -> int | None:
    """The place of what is known of `dialog`."""
    for place, one in enumerate(known):
        if same(one, dialog):
            return place
    return None


def same(one: Known, dialog: Dialog) -> bool:
    """Whether both are the same dialog."""
    ours = one.dialog
    if ours.call_id != dialog.call_id:
        return False
    if not ours.call_id:
        return one.reported_as == dialog.id
    pairs = ((ours.local_tag, dialog.local_tag), (ours.remote_tag, dialog.remote_tag))
    if any(a and b and a != b for a, b in pairs):
        return False
    return one.reported_as == dialog.id or all(a and b for a, b in pairs)


def furthest(known: Known, report: Report) -> Known:
    """What is known once `report` is heard as well."""
    dialog = report.dialog
    again = (
        not dialog.call_id
        and known.dialog.state is CallState.TERMINATED
        and report.published_at > known.published_at
    )
    if dialog.state < known.dialog.state and not again:
        return known
    if dialog.id != known.dialog.id:
        dialog = renamed(dialog, known.dialog.id)
    return Known(dialog, known.reported_as, report.published_at)


def _first(known: Sequence[Known], report: Report) -> Known:
    """A dialog that is new; its id must be no other's (RFC 4235 §4.1.1)."""
    taken = {one.dialog.id for one in known}
    name = report.dialog.id
    if name in taken:
        name = f"{name}.{report.publication_id}"
    while name in taken:
        name += "."
    dialog = report.dialog if name == report.dialog.id else renamed(report.dialog, name)
    return Known(dialog, report.dialog.id, report.published_at)


class Lines:
    """What this process knows of lines, by AoR. Bounded: see MAX_LINES."""

    __slots__ = ("_lines", "_most")

    def __init__(self, most: int = MAX_LINES) -> None:
        self._lines: OrderedDict[str, Line] = OrderedDict()
        self._most = most

    def hear(self, aor: str, publications: Iterable[Publication]) -> tuple[Dialog, ...]:
        """The dialogs of `aor` to be shown now that these are its publications."""
        line, shown = advance(self._lines.get(aor, ()), reports(publications))
        if line:
            self._lines[aor] = line
            self._lines.move_to_end(aor)
        else:
            self._lines.pop(aor, None)
        if len(self._lines) > self._most:
            self._lines.popitem(last=False)
        return shown

"""What a watcher that takes partial documents is told (RFC 5263 §4.4). Pure."""

from typing import Final

from presence.document.pidf import document
from presence.notifier.conditional import ANY
from presence.package import Telling, Told
from presence.partial.count import UNNUMBERED, Copy, Known, known
from presence.partial.document import MEDIA_TYPE, NOTHING
from presence.partial.kept_differences import KeptDifferences
from presence.view import rendered

SILENT: Final = b""


class PartialDocuments:
    """`tell` of a package whose documents are PIDF; one for all its watchers."""

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept = KeptDifferences()

    def tell(self, telling: Telling) -> Told:
        """The whole document after a SUBSCRIBE or a failure, else what has changed."""
        shown = telling.shown or document(telling.aor, ())
        copy, spent = now = known(telling.version, telling.answered, telling.offered)
        if not telling.full and copy is not None and copy.document:
            if copy.document == shown:
                return Told(SILENT, MEDIA_TYPE, copy, shown)
            fits = spent == copy.version
            change = self._kept.difference(copy.document, shown) if fits else None
            if change is NOTHING:
                return Told(SILENT, MEDIA_TYPE, copy._replace(document=shown), shown)
        else:
            change = None
        body = (change or self._kept.full(shown)).numbered(spent + 1)
        return Told(body, MEDIA_TYPE, _left(telling, now, shown), shown)


def _left(telling: Telling, before: Known, shown: bytes) -> Copy:
    """What the watcher has after this NOTIFY.

    One with a condition that holds gets no body (RFC 5839 §6.2), and no version. It has what it
    had, if that is known for sure; else a full document must come next.
    """
    copy, spent = before
    had = copy._replace(before=None) if copy is not None and copy.version == spent else None
    same = had if had is not None and had.document == shown else None
    unknown = Copy(b"", spent, UNNUMBERED)
    if telling.condition == ANY:
        return had or unknown
    if telling.condition and rendered(MEDIA_TYPE, b"", shown).etag == telling.condition:
        return same or unknown
    return Copy(shown, spent + 1, telling.version, same)

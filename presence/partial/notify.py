"""What a watcher that takes partial documents is told (RFC 5263 §4.4). Pure."""

from typing import Final

from presence.package import Telling, Told
from presence.partial.count import UNNUMBERED, Copy, Known
from presence.partial.document import MEDIA_TYPE, NOTHING, Numbered
from presence.partial.kept_differences import KeptDifferences
from presence.pidf import document
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
        known = _known(telling)
        copy = known.copy
        if not telling.full and copy is not None and copy.document:
            if copy.document == shown:
                return Told(SILENT, MEDIA_TYPE, copy, shown)
            change = self._change(copy, shown, known)
            if change is NOTHING:
                return Told(SILENT, MEDIA_TYPE, copy._replace(document=shown), shown)
        else:
            change = None
        version = known.spent + 1
        body = (change or self._kept.full(shown)).numbered(version)
        return Told(body, MEDIA_TYPE, _left(telling, known, shown, version), shown)

    def _change(self, copy: Copy, shown: bytes, known: Known) -> Numbered | None:
        """What makes `shown` of `copy`; None when the watcher would not take it."""
        if known.spent != copy.version:
            return None
        return self._kept.difference(copy.document, shown)


def _known(telling: Telling) -> Known:
    answered, offered = (
        memory if isinstance(memory, Copy) else None
        for memory in (telling.answered, telling.offered)
    )
    return Known(telling.version, answered, offered)


def _left(telling: Telling, known: Known, shown: bytes, version: int) -> Copy:
    """What the watcher has after this NOTIFY.

    One that says with a condition that it has `shown` gets no body (RFC 5839 §6.2), and no
    version: unless it has a version of just that, a full document must come next.
    """
    copy = known.copy
    had = copy if copy is not None and copy.document == shown else None
    if telling.condition and rendered(MEDIA_TYPE, b"", shown).etag == telling.condition:
        return had or Copy(b"", known.spent, UNNUMBERED)
    return Copy(shown, version, telling.version, had)

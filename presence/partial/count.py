"""Which version of a presence document a watcher has, and which comes next (RFC 5263 §4.4).

Pure. The counter belongs to the subscription: 1 at its first document, one more each, whatever
the root element. A NOTIFY without answer may have arrived, so its version is never used for
another document: a watcher would throw that away (§4.5). Since a `pidf-full` follows, nobody
misses the number that was left out.

CSeq numbers tell whether a document was sent at all: what was made under the number that is
still the last one was not.
"""

from typing import Final, NamedTuple

from presence.live import CSEQ_BLOCK

FIRST: Final = 1
"""The first version (§4.4)."""
UNNUMBERED: Final = -1
"""A CSeq that no NOTIFY has."""


class Copy(NamedTuple):
    """What a NOTIFY leaves with the watcher, once it is answered."""

    document: bytes
    """The presence document; empty when the watcher has none that it could apply changes to."""
    version: int
    cseq: int
    """Of the NOTIFY before it."""
    before: "Copy | None" = None
    """What the watcher has if the NOTIFY was not needed, since that shows the same."""


class Known(NamedTuple):
    """What the notifier knows of one subscription."""

    cseq: int
    """Of the last NOTIFY sent."""
    answered: Copy | None
    """What the last answered NOTIFY left; None after an adoption, and before the first."""
    offered: Copy | None
    """What the last one that was made would leave."""

    @property
    def copy(self) -> Copy | None:
        """What the watcher has, as far as it was sent."""
        answered = self.answered
        if answered is None or answered.cseq != self.cseq:
            return answered and answered._replace(before=None)
        return answered.before

    @property
    def spent(self) -> int:
        """The highest version that may have arrived; 0 for none.

        After an adoption nobody knows what was spent, and the CSeq goes on far above it.
        """
        copies = [copy for copy in (self.answered, self.offered) if copy is not None]
        if not copies:
            return self.cseq if self.cseq >= CSEQ_BLOCK else FIRST - 1
        return max(copy.version - (copy.cseq == self.cseq) for copy in copies)

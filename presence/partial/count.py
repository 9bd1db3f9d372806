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

    copy: Copy | None
    """What the watcher has, as far as it was sent; None for nothing."""
    spent: int
    """The highest version that may have arrived; 0 for none."""


def known(cseq: int, answered: object, offered: object) -> Known:
    """What is known when the last NOTIFY sent was number `cseq`.

    `answered` is the `Copy` that the last answered NOTIFY left, `offered` that which the last one
    made would leave; neither after an adoption: nobody knows then which versions were spent, and
    the CSeq goes on far above them.
    """
    copy: Copy | None = None
    spent = cseq if cseq >= CSEQ_BLOCK else FIRST - 1
    if isinstance(answered, Copy):
        sent = answered.cseq != cseq
        copy = answered if sent else answered.before
        spent = answered.version if sent else answered.version - 1
    if isinstance(offered, Copy):
        may_be_there = offered.version if offered.cseq != cseq else offered.version - 1
        spent = max(spent, may_be_there) if isinstance(answered, Copy) else may_be_there
    return Known(copy, spent)

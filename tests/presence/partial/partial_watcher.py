"""A watcher that keeps a presence document by what it is told (RFC 5263 §4.5), for tests."""

from lxml import etree

from presence.partial.document import presence_of
from presence.partial.publish import DIFF, FULL
from xmldoc.parse import parse
from xmldoc.patch import apply_diff
from xmldoc.schema import schema


def canonical(document: bytes) -> bytes:
    """What decides whether two documents are the same."""
    return etree.tostring(etree.fromstring(document).getroottree(), method="c14n")


class PartialWatcher:
    """Counts versions and applies changes; it complains of whatever breaks a rule."""

    def __init__(self) -> None:
        self.copies: list[bytes] = []
        """The same state twice: with the root element as it came, and as plain PIDF."""
        self.version = 0
        self.fulls = 0
        self.diffs = 0

    @property
    def document(self) -> bytes:
        """What it knows of the presentity."""
        kept, plain = self.copies
        assert canonical(presence_of(kept)) == canonical(plain)
        return plain

    def receive(self, body: bytes) -> None:
        """One NOTIFY that arrived."""
        root = parse(body)
        assert schema("pidf-diff").check(root) is None
        version = int(root.get("version") or "")
        if root.tag == FULL:
            assert version > self.version
            self.copies = [body, presence_of(body)]
            self.fulls += 1
        else:
            assert root.tag == DIFF
            assert version == self.version + 1
            assert root.get("entity") == parse(self.copies[1]).get("entity")
            self.copies = [apply_diff(copy, body) for copy in self.copies]
            self.diffs += 1
        self.version = version

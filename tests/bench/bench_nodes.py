"""What an edit of one contact costs in lists of 10 to 10,000: run as a script.

    python -m tests.bench.bench_nodes [rounds]

Beside parsing the document, which is not part of the others: reading the last entry,
putting one more, putting the last one again, and deleting it, each with its checks. A
list ten times as long may cost no more than SLACK times ten times as much.
"""

import sys
from collections.abc import Callable
from time import process_time
from typing import Final

from lxml import etree

from tests.bench.bench_xml import contacts
from xcap.nodes.evaluate import Resolved, resolve
from xcap.nodes.node import check_deleted, check_put, delete_node, put_node, read_node
from xmldoc.parse import DEFAULT_LIMITS, Limits, parse

ROUNDS: Final = 30
SIZES: Final = (10, 100, 1000, 10_000)
BOUND: Final = 1500.0
"""Microseconds of an edit in a list of 1,000."""
SLACK: Final = 1.5
LIMITS: Final = Limits(octets=4 * DEFAULT_LIMITS.octets, elements=3 * DEFAULT_LIMITS.elements)
NAMESPACE: Final = "urn:ietf:params:xml:ns:resource-lists"
LIST: Final = 'resource-lists/list[@name="friends"]'


class Edits:
    """The operations on one document, each as a function without arguments."""

    def __init__(self, entries: int) -> None:
        self.document = contacts(0, entries)
        self.root = parse(self.document, limits=LIMITS)
        user = f"p{entries - 1:06d}"
        self._last = self._entry_at(user)
        self._new = self._entry_at("new")
        self._last_entry, self._new_entry = entry(user), entry("new")
        self._replaced = self._after(self._last, self._last_entry)
        self._inserted = self._after(self._new, self._new_entry)

    def parse(self) -> None:
        parse(self.document, limits=LIMITS)

    def read(self) -> None:
        read_node(self.document, self.root, self._last)

    def insert(self) -> None:
        edited = put_node(self.document, self.root, self._new, self._new_entry)
        check_put(edited, self._inserted, self._new)

    def replace(self) -> None:
        edited = put_node(self.document, self.root, self._last, self._last_entry)
        check_put(edited, self._replaced, self._last)

    def delete(self) -> None:
        delete_node(self.document, self.root, self._last)
        check_deleted(self.root, self._new)

    def _entry_at(self, user: str) -> Resolved:
        return resolve(f'{LIST}/entry[@uri="sip:{user}@example.com"]', "", NAMESPACE)

    def _after(self, resolved: Resolved, body: bytes) -> etree._Element:
        return parse(put_node(self.document, self.root, resolved, body).body, limits=LIMITS)


def entry(user: str) -> bytes:
    return f'<entry uri="sip:{user}@example.com"><display-name>N</display-name></entry>'.encode()


def cost(work: Callable[[], None]) -> float:
    """The least CPU time of some rounds, microseconds."""
    best = float("inf")
    for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS):
        began = process_time()
        work()
        best = min(best, process_time() - began)
    return best * 1e6


def main() -> int:
    """Print the table; 1 when an edit costs more than its bound or grows too fast."""
    print("entries    octets     parse      read    insert   replace    delete  us")
    slowest: dict[int, float] = {}
    for entries in SIZES:
        edits = Edits(entries)
        works = (edits.parse, edits.read, edits.insert, edits.replace, edits.delete)
        costs = [cost(work) for work in works]
        slowest[entries] = max(costs[1:])
        columns = "".join(f"{each:10.1f}" for each in costs)
        print(f"{entries:7} {len(edits.document):9}{columns}")
    return int(slowest[1000] > BOUND or slowest[10_000] > 10 * SLACK * slowest[1000])


if __name__ == "__main__":
    sys.exit(main())

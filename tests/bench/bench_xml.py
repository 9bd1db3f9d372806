"""What XML costs per document, in microseconds of CPU: run as a script.

    python tests/bench/bench_xml.py [rounds]

Documents differ, as the wire brings them. The presence document is that of the load
generator, and its bound is BOUND: it lies on the road of every PUBLISH. In service, with
other work between two documents, expect twice as much: caches are cold.
"""

import sys
from collections.abc import Callable, Sequence
from time import process_time
from typing import Final

from sip.uri import AoR
from xcap.uri import Tree
from xcap.usage import Place
from xcap.usages import resource_lists
from xmldoc.parse import parse
from xmldoc.schema import schema

DOCUMENTS: Final = 2000
ROUNDS: Final = 5
BOUND: Final = 30.0
"""Microseconds to parse and validate the presence document."""
PLACE: Final = Place(Tree.USERS, AoR("sip:p000001@example.com"), "example.com")
ACTIVITIES: Final = ("away", "busy", "meeting", "on-the-phone")


def pidf(number: int, version: int) -> bytes:
    """The presence document of the load generator, about 800 octets."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<presence xmlns="urn:ietf:params:xml:ns:pidf"'
        ' xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"'
        ' xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid"'
        f' entity="sip:p{number:06d}@example.com">\n'
        f' <tuple id="t{number:06d}">\n'
        f"  <status><basic>{'open' if version % 2 else 'closed'}</basic></status>\n"
        '  <rpid:user-input idle-threshold="600">active</rpid:user-input>\n'
        f'  <contact priority="0.8">sip:p{number:06d}@192.0.2.10:5060</contact>\n'
        f"  <note>bench-{number:06d}-{version:06d}</note>\n"
        f"  <timestamp>2026-01-01T12:00:{version % 60:02d}Z</timestamp>\n </tuple>\n"
        f' <dm:person id="p{number:06d}">\n'
        f"  <rpid:activities><rpid:{ACTIVITIES[version % 4]}/></rpid:activities>\n"
        '  <dm:note xml:lang="en">In a meeting until three</dm:note>\n'
        " </dm:person>\n</presence>\n"
    ).encode()


def contacts(number: int, entries: int) -> bytes:
    """A resource-lists document; ten entries are about 1,000 octets."""
    rows = "".join(
        f'  <entry uri="sip:p{number + n:06d}@example.com">'
        f"<display-name>Person {n}</display-name></entry>\n"
        for n in range(entries)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists">\n <list name="friends">\n'
        f"  <display-name>Contacts {number}</display-name>\n{rows} </list>\n</resource-lists>\n"
    ).encode()


def measure(name: str, work: Callable[[bytes], object], documents: Sequence[bytes]) -> float:
    """The least mean of some rounds, printed and returned."""
    best = float("inf")
    for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS):
        began = process_time()
        for document in documents:
            work(document)
        best = min(best, (process_time() - began) / len(documents) * 1e6)
    size = sum(map(len, documents)) // len(documents)
    print(f"{name:34} {size:6d} octets {best:8.1f} us")
    return best


def main() -> int:
    """Print the table; 1 when the presence document costs more than its bound."""
    presence = [pidf(n, n) for n in range(DOCUMENTS)]
    ten = [contacts(n, 10) for n in range(DOCUMENTS)]
    thousand = [contacts(n, 1000) for n in range(20)]
    check = schema("pidf").check
    measure("presence: parse", parse, presence)
    cost = measure("presence: parse, validate", lambda data: check(parse(data)), presence)
    validate = resource_lists.USAGE.validate
    measure("10 contacts: parse, validate, unique", lambda data: validate(data, PLACE), ten)
    measure("1000 contacts: the same", lambda data: validate(data, PLACE), thousand)
    return int(cost > BOUND)


if __name__ == "__main__":
    sys.exit(main())

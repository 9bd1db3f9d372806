"""What authorization costs, in microseconds of CPU: run as a script.

    python tests/bench/bench_rules.py [rounds]

Rules are parsed once per version of their document, evaluated once per SUBSCRIBE, and applied once
per view of a PUBLISH. Bounds are those of issue 5 and hold on an idle machine.
"""

import sys
import tracemalloc
from collections.abc import Callable
from time import process_time
from typing import Final

from lxml import etree

from presence.rules.evaluate import Context, evaluate
from presence.rules.permissions import ALL_MEMBERS, NOTHING, Permissions, UserInput
from presence.rules.ruleset import parse_ruleset
from presence.rules.transform import transform
from sip.uri import AoR
from tests.bench.bench_xml import pidf
from xmldoc.parse import parse

REPEATS: Final = 2000
LARGE_REPEATS: Final = 20
ROUNDS: Final = 5
CONTACTS: Final = 1000
EVALUATE_BOUND: Final = 30.0
"""Microseconds for three rules."""
LARGE_BOUND: Final = 2000.0
"""Microseconds for a thousand contacts in one rule."""
TRANSFORM_BOUND: Final = 30.0
"""Microseconds for a document that loses nothing."""

OPEN: Final = (
    '<cp:ruleset xmlns:cp="urn:ietf:params:xml:ns:common-policy"'
    ' xmlns:pr="urn:ietf:params:xml:ns:pres-rules">'
)
GRANT: Final = (
    "<cp:actions><pr:sub-handling>allow</pr:sub-handling></cp:actions><cp:transformations>"
    "<pr:provide-services><pr:all-services/></pr:provide-services>"
    "<pr:provide-persons><pr:all-persons/></pr:provide-persons><pr:provide-all-attributes/>"
    "</cp:transformations>"
)
WATCHER: Final = AoR("sip:p000999@example.com")


def rule(name: str, identity: str) -> str:
    """All services, persons and attributes for `identity`."""
    conditions = f"<cp:conditions><cp:identity>{identity}</cp:identity></cp:conditions>"
    return f'<cp:rule id="{name}">{conditions}{GRANT}</cp:rule>'


def document(*rules: str) -> bytes:
    return f"{OPEN}{''.join(rules)}</cp:ruleset>".encode()


def measure(name: str, work: Callable[[], object], repeats: int = REPEATS) -> float:
    """The least mean of some rounds, printed and returned."""
    best = float("inf")
    for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS):
        began = process_time()
        for _ in range(repeats):
            work()
        best = min(best, (process_time() - began) / repeats * 1e6)
    print(f"{name:44} {best:9.1f} us")
    return best


def kept(root: etree._Element) -> int:
    """Octets of memory that the rules below `root` take once they are read."""
    tracemalloc.start()
    ruleset = parse_ruleset(root)
    octets, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert ruleset.rules
    return octets


def measure_rules(name: str, written: bytes, repeats: int) -> float:
    """Prints what it costs to read, to keep and to evaluate; returns the last of them."""
    root = parse(written)
    ruleset = parse_ruleset(root)
    print(f"{name}: octets kept for each of {len(written):6d} {kept(root) / len(written):12.1f}")
    context = Context(WATCHER, "example.com", False, None, 0.0, lambda anchor: None)
    measure(f"{name}: read", lambda: parse_ruleset(root), repeats)
    return measure(f"{name}: evaluate", lambda: evaluate(ruleset, context))


def main() -> int:
    """Print the table; 1 when something costs more than its bound."""
    ones = [f'<cp:one id="sip:p{number:06d}@example.com"/>' for number in range(CONTACTS)]
    three = document(
        rule("a", ones[-1]), rule("b", '<cp:many domain="example.org"/>'), rule("c", ones[0])
    )
    small = measure_rules("three rules", three, REPEATS)
    large = measure_rules("1000 contacts", document(rule("a", "".join(ones))), LARGE_REPEATS)
    each = document(*(rule(f"r{number}", one) for number, one in enumerate(ones[-500:])))
    measure_rules("500 rules", each, LARGE_REPEATS)
    presence = pidf(1, 2)
    grant = Permissions(ALL_MEMBERS, ALL_MEMBERS, all_attributes=True).normal()
    some = Permissions(ALL_MEMBERS, ALL_MEMBERS, user_input=UserInput.BARE)
    size = f"{len(presence)} octets"
    whole = measure(f"{size}, nothing to take", lambda: transform(presence, grant))
    measure(f"{size}, attributes to take", lambda: transform(presence, some))
    measure(f"{size}, all to take", lambda: transform(presence, NOTHING))
    return int(small > EVALUATE_BOUND or large > LARGE_BOUND or whole > TRANSFORM_BOUND)


if __name__ == "__main__":
    sys.exit(main())

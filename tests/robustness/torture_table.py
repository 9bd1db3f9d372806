"""What the server may answer to each message of RFC 4475, as data.

A message is *wanted* to be answered by one of some status codes; a careful server may instead do
what is *tolerated*: say nothing, be liberal in what it reads, or ask for credentials before it
looks closer. `HANDLED` stands for every final answer but 400 (not understood) and 505.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tests.processes import ROOT

TORTURE_FILES: Final = ROOT / "tests" / "sip" / "torture"
HANDLED: Final = frozenset(range(200, 700)) - {400, 505}
ANY: Final = frozenset(range(200, 700))
SILENCE: Final = 0
"""In `tolerated` and `wanted`: no answer at all."""


@dataclass(frozen=True, slots=True)
class Expected:
    """The final answers that are all right; SILENCE among them means none is needed."""

    wanted: frozenset[int]
    tolerated: frozenset[int] = frozenset()

    @property
    def allowed(self) -> frozenset[int]:
        return self.wanted | self.tolerated


def one_of(*statuses: int) -> frozenset[int]:
    return frozenset(statuses)


FOUND: Final = Expected(HANDLED)
DROPPED: Final = Expected(one_of(SILENCE))
BROKEN: Final = Expected(one_of(400), one_of(SILENCE))
FORGIVABLE: Final = Expected(one_of(400), HANDLED | {SILENCE})
REGISTERED: Final = Expected(one_of(200, 401, 403, 404))
REFUSED: Final = one_of(401, 403, 404, 405, 407, 408, 416, 420, 476, 477, 478, 480, 481, 484)
FAILED: Final = one_of(487, 489, 500, 501, 502, 503, 603, 604)

TORTURE: Final[Mapping[str, Expected]] = {
    # §3.1.1 valid: to be handled on their merits
    "dblreq": FOUND,
    "esc01": FOUND,
    "esc02": Expected(REFUSED | FAILED),  # RE%47IST%45R is another method
    "escnull": FOUND,
    "intmeth": FOUND,
    "longreq": FOUND,
    "lwsdisp": FOUND,
    "mpart01": FOUND,
    "semiuri": FOUND,
    "transports": FOUND,
    "wsinv": FOUND,
    # stray responses
    "bcast": DROPPED,
    "bigcode": DROPPED,
    "noreason": DROPPED,
    "scalarlg": DROPPED,
    "unreason": DROPPED,
    # §3.1.2 invalid
    "badaspec": FORGIVABLE,
    "baddate": FORGIVABLE,
    "baddn": FORGIVABLE,
    "badinv01": BROKEN,
    "badvers": Expected(one_of(505), one_of(400, SILENCE)),
    "clerr": BROKEN,
    "escruri": FORGIVABLE,
    "ltgtruri": FORGIVABLE,
    "lwsruri": FORGIVABLE,
    "lwsstart": FORGIVABLE,
    "mismatch01": BROKEN,
    "mismatch02": Expected(one_of(400, 405, 501), one_of(SILENCE)),
    "ncl": BROKEN,
    "quotbal": BROKEN,
    "regbadct": Expected(one_of(400), one_of(401, 403, 404, SILENCE)),
    "scalar02": Expected(one_of(400), one_of(401, 423, SILENCE)),
    "trws": FORGIVABLE,
    # §3.2, §3.3 and §3.4: grammatical, but wrong or unusual above the grammar
    "badbranch": Expected(HANDLED, one_of(400, SILENCE)),
    "bext01": Expected(one_of(420), HANDLED),
    "cparam01": REGISTERED,
    "cparam02": REGISTERED,
    "insuf": BROKEN,
    "inv2543": Expected(ANY, one_of(SILENCE)),
    "invut": Expected(HANDLED, one_of(SILENCE)),
    "mcl01": BROKEN,
    "multi01": BROKEN,
    "novelsc": Expected(one_of(416), one_of(400, 404, SILENCE)),
    "regaut01": Expected(one_of(401, 403, 404), one_of(400)),
    "regescrt": Expected(one_of(200, 401, 403, 404), one_of(400)),
    "sdp01": FOUND,
    "unkscm": Expected(one_of(416), one_of(400, 404, SILENCE)),
    "unksm2": Expected(one_of(400, 401, 403, 404, 416), one_of(SILENCE)),
    "zeromf": Expected(one_of(200, 483), one_of(401, 403, 404, 407)),
}

BREAKS_FRAMING: Final = frozenset({"clerr", "ncl", "mcl01", "scalar02", "dblreq"})
"""On a stream no answer, 400 or a closed connection are all right for these (§18.3)."""

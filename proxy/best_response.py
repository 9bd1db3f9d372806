"""The response that goes upstream when no branch accepted (RFC 3261 §16.7 steps 6 and 7). Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from sip.message import Draft, Response

TERMINATED: Final = 487
REQUEST_TIMEOUT: Final = 408
GLOBAL_FAILURE: Final = 600
CHALLENGES: Final = frozenset({401, 407})
CHALLENGE_HEADERS: Final = (
    ("WWW-Authenticate", "www-authenticate"),
    ("Proxy-Authenticate", "proxy-authenticate"),
)

USUAL_RANK: Final = 3
RANKS: Final[Mapping[int, int]] = {
    401: 0, 407: 0,  # the sender can do something about these
    415: 1, 420: 1, 484: 1,
    430: 4,
    503: 4,  # others of its class say more
    487: 5,
    408: 6,
}  # fmt: skip
"""Within its class the lowest is taken (§16.7 step 6); all others have `USUAL_RANK`."""


class Outcome(NamedTuple):
    """How one branch ended."""

    status: int
    response: Response | None
    """None when nobody answered, and it stands for a time-out or a failure to send."""


def best_of(outcomes: Sequence[Outcome], *, cancelled: bool = False) -> Outcome:
    """The one that goes upstream; 408 when there is none.

    6xx before all, else the lowest class. Who `cancelled` is told that rather than what else
    happened meanwhile.
    """
    if not outcomes:
        return Outcome(TERMINATED if cancelled else REQUEST_TIMEOUT, None)
    for outcome in outcomes:
        if outcome.status >= GLOBAL_FAILURE:
            return outcome
    if cancelled:
        for outcome in sorted(outcomes, key=_is_made):
            if outcome.status == TERMINATED:
                return outcome
    return min(outcomes, key=_rank)


def upstream(best: Outcome, outcomes: Sequence[Outcome]) -> Draft:
    """`best`, which has a response, with what the others must add to it.

    Every challenge to a 401 or 407 (§16.7 step 7), and every contact to a 3xx (§16.7 step 4).
    """
    assert best.response is not None
    draft = Draft(best.response)
    if best.status in CHALLENGES:
        for response in _others(best, outcomes):
            if response.status in CHALLENGES:
                for name, key in CHALLENGE_HEADERS:
                    for value in response.all(key):
                        draft.append(name, value)
    elif best.status < 400:
        contacts = list(best.response.values("contact"))
        for response in _others(best, outcomes):
            if response.status < 400:
                contacts += [value for value in response.values("contact") if value not in contacts]
        if len(contacts) > len(best.response.values("contact")):
            draft.replace("Contact", ", ".join(contacts))
    return draft


def _others(best: Outcome, outcomes: Sequence[Outcome]) -> Iterator[Response]:
    for outcome in outcomes:
        if outcome is not best and outcome.response is not None:
            yield outcome.response


def _is_made(outcome: Outcome) -> bool:
    return outcome.response is None


def _rank(outcome: Outcome) -> tuple[int, int, bool]:
    return (outcome.status // 100, RANKS.get(outcome.status, USUAL_RANK), _is_made(outcome))

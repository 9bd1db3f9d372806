"""The response that goes upstream when no branch accepted (RFC 3261 §16.7 steps 6 and 7). Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from sip.message import Draft, Response, parse_message

TERMINATED: Final = 487
REQUEST_TIMEOUT: Final = 408
CLIENT_ERROR: Final = 400
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


def upstream(best: Outcome, outcomes: Sequence[Outcome]) -> Response | None:
    """`best` with what the others must add to it; None when it has no response.

    Every challenge to a 401 or 407 (§16.7 step 7), and every contact to a 3xx (§16.7 step 4).
    """
    response = best.response
    if response is None or len(outcomes) == 1:
        return response
    if best.status in CHALLENGES:
        return _with(response, _challenges(best, outcomes))
    if best.status < CLIENT_ERROR:
        return _with(response, _contacts(best, outcomes))
    return response


def _challenges(best: Outcome, outcomes: Sequence[Outcome]) -> Iterator[tuple[str, str]]:
    for response in _others(best, outcomes):
        if response.status in CHALLENGES:
            for name, key in CHALLENGE_HEADERS:
                yield from ((name, value) for value in response.all(key))


def _contacts(best: Outcome, outcomes: Sequence[Outcome]) -> Iterator[tuple[str, str]]:
    assert best.response is not None
    seen = set(best.response.values("contact"))
    for response in _others(best, outcomes):
        if response.status < CLIENT_ERROR:
            new = [value for value in response.values("contact") if value not in seen]
            seen.update(new)
            yield from (("Contact", value) for value in new)


def _with(response: Response, added: Iterable[tuple[str, str]]) -> Response:
    draft = Draft(response)
    for name, value in added:
        draft.append(name, value)
    message = parse_message(bytes(draft))
    assert isinstance(message, Response)
    return message


def _others(best: Outcome, outcomes: Sequence[Outcome]) -> Iterator[Response]:
    for outcome in outcomes:
        if outcome is not best and outcome.response is not None:
            yield outcome.response


def _is_made(outcome: Outcome) -> bool:
    return outcome.response is None


def _rank(outcome: Outcome) -> tuple[int, int, bool]:
    return (outcome.status // 100, RANKS.get(outcome.status, USUAL_RANK), _is_made(outcome))

"""What the caller asks of us in choosing among a user's contacts (RFC 3841).

Pure. Request-Disposition is read into values that the relay obeys; Accept-Contact and
Reject-Contact, or else the method and event package, leave contacts out and order them
within their q.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import groupby
from typing import Final, NamedTuple

from proxy.features import Features, contact_features, features, matches, score
from proxy.registrar import DEFAULT_Q
from sip.errors import ParseError
from sip.message import Request
from sip.parameters import Parameters
from store.values import Binding

IMMUNE: Final = 1.0
"""How well a contact suits that says nothing of itself (RFC 3841 §7.2.4)."""
MAX_PREDICATES: Final = 20
"""Values of Accept-Contact or Reject-Contact that are looked at (RFC 3841 §11)."""
MAX_PREDICATE: Final = 512
"""Characters of one; what is longer says nothing."""
_CACHED: Final = 1024


class Disposition(NamedTuple):
    """How the caller would have the request forwarded (RFC 3841 §9.1)."""

    fork: bool = True
    """False: to the best target only."""
    parallel: bool | None = None
    """False: one after the other; None when the caller does not care."""
    cancel: bool = True
    """False: the other branches are left alone when one answers 2xx."""
    recurse: bool | None = None
    """False: a 3xx goes back to the caller."""
    redirect: bool = False
    """The caller would rather be redirected. Deviation: we proxy all the same, since a
    redirection tells strangers where our users are."""


class Accept(NamedTuple):
    """One Accept-Contact predicate."""

    features: Features
    require: bool
    explicit: bool


class Preferences(NamedTuple):
    """Which contacts the caller wants."""

    accept: tuple[Accept, ...]
    reject: tuple[Features, ...]
    implicit: bool
    """Made from method and event package, not said by the caller (§7.2.2)."""


DEFAULT_DISPOSITION: Final = Disposition()
NO_PREFERENCES: Final = Preferences((), (), implicit=True)


def read_disposition(request: Request) -> Disposition:
    """The Request-Disposition of `request`; unknown directives are passed over."""
    if request.get("request-disposition") is None:
        return DEFAULT_DISPOSITION
    said = {word.strip().lower() for word in request.values("request-disposition")}
    return Disposition(
        fork="no-fork" not in said,
        parallel=_either(said, "parallel", "sequential"),
        cancel="no-cancel" not in said,
        recurse=_either(said, "recurse", "no-recurse"),
        redirect="redirect" in said,
    )


def read_preferences(request: Request) -> Preferences:
    """What `request` prefers; a header value that cannot be read is passed over."""
    if request.get("accept-contact") is None and request.get("reject-contact") is None:
        event = request.event if request.method == "SUBSCRIBE" else None
        return _implicit(request.method, "" if event is None else event.package)
    accept = [_accept(each) for each in _predicates(request.values("accept-contact"))]
    reject = [features(each) for each in _predicates(request.values("reject-contact"))]
    return Preferences(tuple(accept), tuple(each for each in reject if each), implicit=False)


def by_caller(
    bindings: Sequence[Binding], preferences: Callable[[], Preferences]
) -> tuple[tuple[Binding, ...], ...]:
    """Groups of `bindings` by descending q, within each first what suits the caller best.

    `bindings` come in order of q; `preferences` is asked only when one has features.
    """
    if not any(binding.parameters for binding in bindings):
        return _groups((binding, IMMUNE) for binding in bindings)
    wanted = preferences()
    suited = [(binding, _suits(binding, wanted)) for binding in bindings]
    left = [(binding, fit) for binding, fit in suited if fit is not None]
    if not left and wanted.implicit:
        left = [(binding, IMMUNE) for binding in bindings]
    return _groups(left)


def _groups(suited: Iterable[tuple[Binding, float]]) -> tuple[tuple[Binding, ...], ...]:
    return tuple(
        tuple(binding for binding, _ in sorted(group, key=lambda each: -each[1]))
        for _, group in groupby(suited, key=lambda each: _q(each[0]))
    )


def _q(binding: Binding) -> float:
    return DEFAULT_Q if binding.q is None else binding.q


def _suits(binding: Binding, wanted: Preferences) -> float | None:
    """The caller's preference Qa for `binding`, or None to leave it out (RFC 3841 §7.2.4)."""
    offered = contact_features(binding.parameters)
    if not offered:
        return IMMUNE
    if any(offered.keys() >= each.keys() and matches(each, offered) for each in wanted.reject):
        return None
    scores: list[float] = []
    for accept in wanted.accept:
        matched = matches(accept.features, offered)
        fit = score(accept.features, offered)
        if accept.require and (not matched or (accept.explicit and fit < 1)):
            return None
        if matched:
            scores.append(0.0 if accept.explicit and fit < 1 else fit)
    return sum(scores) / len(scores) if scores else 0.0


@lru_cache(_CACHED)
def _implicit(method: str, package: str) -> Preferences:
    """The preferences in a request itself (RFC 3841 §7.2.2)."""
    named: dict[str, str | None] = {"methods": method}
    if package:
        named["events"] = package
    return Preferences((Accept(features(named), require=True, explicit=False),), (), implicit=True)


def _accept(parameters: Parameters) -> Accept:
    return Accept(features(parameters), "require" in parameters, "explicit" in parameters)


def _predicates(values: Sequence[str]) -> Iterable[Parameters]:
    for value in values[:MAX_PREDICATES]:
        star, _, parameters = value.partition(";")
        try:
            if star.strip() == "*" and len(value) <= MAX_PREDICATE:
                yield Parameters.parse(f";{parameters}" if parameters else "")
        except ParseError:
            continue


def _either(said: set[str], yes: str, no: str) -> bool | None:
    return True if yes in said else False if no in said else None

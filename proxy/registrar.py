"""The registrar's decision on one REGISTER (RFC 3261 §10.3 steps 6 to 8).

Pure: bindings, the facts of the request, an instant (`now`, Unix seconds) and bounds in, what
to write out. All of a REGISTER takes effect or none of it: a refusal is an exception and
nothing is written.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from proxy.errors import OutOfOrder, TooManyContacts
from proxy.outbound import on_flow, outlives_flow, without_hop
from proxy.registration import Limits, Registration, Wanted
from sip.errors import ParseError
from sip.uri import SipUri, parse_uri
from store.values import Binding, BindingSet

DEFAULT_Q: Final = 1.0
"""What a contact without q counts as (RFC 3261 §16.6 leaves it to us)."""
_PARSED_CONTACTS: Final = 4096


class Decision(NamedTuple):
    """What a REGISTER does to its address-of-record."""

    put: tuple[Binding, ...]
    remove: tuple[str, ...]
    """Keys, as they are stored."""
    lapsed: tuple[Binding, ...]
    """Those of `remove` that had expired before this request and were not swept yet."""
    bindings: tuple[Binding, ...]
    """What is there afterwards, by q, highest first."""

    @property
    def writes(self) -> bool:
        return bool(self.put or self.remove)


def live(bindings: tuple[Binding, ...], now: float) -> tuple[Binding, ...]:
    """Those that have not expired."""
    for binding in bindings:
        if binding.expires_at <= now:
            return tuple([binding for binding in bindings if binding.expires_at > now])
    return bindings


def by_preference(bindings: tuple[Binding, ...]) -> tuple[Binding, ...]:
    """Highest q first, then the most recent (RFC 3261 §16.6)."""
    return bindings if len(bindings) < 2 else tuple(sorted(bindings, key=_rank))


def _rank(binding: Binding) -> tuple[float, float]:
    return (-(DEFAULT_Q if binding.q is None else binding.q), -binding.updated_at)


def decide(current: BindingSet, registration: Registration, now: float, limits: Limits) -> Decision:
    """Raises OutOfOrder or TooManyContacts."""
    present = live(current.bindings, now)
    lapsed = _lapsed(current.bindings, now) if len(present) < len(current.bindings) else ()
    if registration.is_fetch:
        return Decision((), (), (), by_preference(present))
    if registration.everything:
        put, gone = _remove_all(present, registration), present
    else:
        put, gone = _update(present, registration, now)
    decision = replaced(present, put, gone, lapsed)
    if len(decision.bindings) > max(limits.max_contacts, len(present)):
        raise TooManyContacts
    return decision


def replaced(
    present: tuple[Binding, ...],
    put: tuple[Binding, ...],
    gone: tuple[Binding, ...],
    lapsed: tuple[Binding, ...] = (),
) -> Decision:
    """The decision that of `present` those in `gone` go, and `put` comes."""
    if not gone:
        after = present + put
    elif (
        gone == present and not lapsed and [each.key for each in gone] == [each.key for each in put]
    ):
        return Decision(put, (), (), by_preference(put))
    else:
        away = {binding.key for binding in gone}
        after = (*(binding for binding in present if binding.key not in away), *put)
    return Decision(put, _removed(put, gone + lapsed), lapsed, by_preference(after))


def without_flow(
    current: BindingSet, flow: str, worker: str, now: float, lost_at: float
) -> Decision:
    """What is left when `flow` of the process `worker` is gone since `lost_at` (RFC 5626 §7).

    What was registered later stays: by UDP, the client came back from the same port.
    """
    present = live(current.bindings, now)
    gone = tuple([each for each in on_flow(present, flow, worker) if each.updated_at <= lost_at])
    put = tuple(without_hop(binding) for binding in gone if outlives_flow(binding))
    return replaced(present, put, gone, _lapsed(current.bindings, now) if gone else ())


def cleared(current: BindingSet, now: float) -> Decision:
    """Nothing is left of what is live."""
    present = live(current.bindings, now)
    return replaced(present, (), present, _lapsed(current.bindings, now) if present else ())


def _lapsed(bindings: tuple[Binding, ...], now: float) -> tuple[Binding, ...]:
    return tuple(binding for binding in bindings if binding.expires_at <= now)


def _removed(put: tuple[Binding, ...], gone: tuple[Binding, ...]) -> tuple[str, ...]:
    """Keys of `gone` that `put` does not write over."""
    if not gone:
        return ()
    written = {binding.key for binding in put}
    return tuple([binding.key for binding in gone if binding.key not in written])


def _remove_all(present: tuple[Binding, ...], registration: Registration) -> tuple[Binding, ...]:
    """`Contact: *` with Expires 0 (§10.3 step 6): nothing is put."""
    for binding in present:
        _check_order(binding, registration)
    return ()


def _update(
    present: tuple[Binding, ...], registration: Registration, now: float
) -> tuple[tuple[Binding, ...], tuple[Binding, ...]]:
    """The bindings to put, and those of `present` that are replaced or removed (§10.3 step 7)."""
    put: dict[str, Binding] = {}
    gone: list[Binding] = []
    for wanted in registration.wanted:
        matches = [old for old in present if _is_same(old, wanted)]
        for old in matches:
            _check_order(old, registration)
        gone += matches
        for key in [key for key, new in put.items() if _is_same(new, wanted)]:
            del put[key]
        if wanted.expires:
            begun_at = _begun_at(present, matches, wanted, registration.call_id, now)
            new = _binding(wanted, registration, now, begun_at)
            put[new.key] = new
    return tuple(put.values()), tuple(gone)


def _is_same(old: Binding, wanted: Wanted) -> bool:
    """Whether `wanted` is about the binding `old`: by flow (RFC 5626 §6), else by contact."""
    if wanted.reg_id is not None:
        return wanted.reg_id == old.reg_id and wanted.instance == old.instance
    if old.reg_id is not None and wanted.expires:
        return False
    return same_contact(old.contact, wanted.contact)


def _check_order(binding: Binding, registration: Registration) -> None:
    if binding.call_id == registration.call_id and registration.cseq <= binding.cseq:
        raise OutOfOrder


def _begun_at(
    present: tuple[Binding, ...],
    matches: Sequence[Binding],
    wanted: Wanted,
    call_id: str,
    now: float,
) -> float:
    """When the registration began that `wanted` goes on with.

    Another Call-ID begins anew what an instance registered (RFC 5627 §5.1).
    """
    if not wanted.instance:
        return matches[0].begun_at if matches else now
    same = [old for old in present if old.instance == wanted.instance]
    rivals = same if wanted.reg_id is None else matches
    if rivals and max(rivals, key=_updated_at).call_id != call_id:
        return now
    return max((old.begun_at for old in same), default=now)


def _updated_at(binding: Binding) -> float:
    return binding.updated_at


def _binding(wanted: Wanted, registration: Registration, now: float, begun_at: float) -> Binding:
    return Binding(
        wanted.contact,
        now + wanted.expires,
        wanted.q,
        registration.call_id,
        registration.cseq,
        "",
        registration.own_path + registration.path,
        wanted.instance,
        wanted.reg_id,
        registration.user_agent,
        now,
        registration.flow,
        registration.worker,
        wanted.parameters,
        begun_at,
    )


def same_contact(one: str, other: str) -> bool:
    """Whether two contacts are the same by the URI comparison rules (RFC 3261 §19.1.4)."""
    if one == other:
        return True
    parsed, against = _sip_uri(one), _sip_uri(other)
    return parsed is not None and against is not None and parsed.equivalent(against)


@lru_cache(maxsize=_PARSED_CONTACTS)
def _sip_uri(text: str) -> SipUri | None:
    """None for other schemes and for what an older release stored and we cannot read."""
    try:
        uri = parse_uri(text)
    except ParseError:
        return None
    return uri if isinstance(uri, SipUri) else None

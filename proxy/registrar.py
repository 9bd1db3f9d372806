"""The registrar's decision on one REGISTER (RFC 3261 §10.3 steps 6 to 8).

Pure: bindings, the facts of the request, an instant (`now`, Unix seconds) and bounds in, what
to write out. All of a REGISTER takes effect or none of it: a refusal is an exception and
nothing is written.
"""

from functools import lru_cache
from typing import Final, NamedTuple

from proxy.errors import OutOfOrder, TooManyContacts
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
    """Contacts, spelled as they are stored."""
    lapsed: tuple[Binding, ...]
    """Those of `remove` that had expired before this request and were not swept yet."""
    bindings: tuple[Binding, ...]
    """What is there afterwards, by q, highest first."""

    @property
    def writes(self) -> bool:
        return bool(self.put or self.remove)


def live(bindings: tuple[Binding, ...], now: float) -> tuple[Binding, ...]:
    """Those that have not expired."""
    return tuple(binding for binding in bindings if binding.expires_at > now)


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
    away = {binding.contact for binding in gone}
    after = (*(binding for binding in present if binding.contact not in away), *put)
    if len(after) > max(limits.max_contacts, len(present)):
        raise TooManyContacts
    return Decision(put, _removed(put, (*gone, *lapsed)), lapsed, by_preference(after))


def _lapsed(bindings: tuple[Binding, ...], now: float) -> tuple[Binding, ...]:
    return tuple(binding for binding in bindings if binding.expires_at <= now)


def _removed(put: tuple[Binding, ...], gone: tuple[Binding, ...]) -> tuple[str, ...]:
    """Contacts of `gone` that `put` does not write over."""
    if not gone:
        return ()
    written = {binding.contact for binding in put}
    return tuple(binding.contact for binding in gone if binding.contact not in written)


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
        matches = [old for old in present if same_contact(old.contact, wanted.contact)]
        for old in matches:
            _check_order(old, registration)
        gone += matches
        for contact in [contact for contact in put if same_contact(contact, wanted.contact)]:
            del put[contact]
        if wanted.expires:
            put[wanted.contact] = _binding(wanted, registration, now)
    return tuple(put.values()), tuple(gone)


def _check_order(binding: Binding, registration: Registration) -> None:
    if binding.call_id == registration.call_id and registration.cseq <= binding.cseq:
        raise OutOfOrder


def _binding(wanted: Wanted, registration: Registration, now: float) -> Binding:
    return Binding(
        contact=wanted.contact,
        expires_at=now + wanted.expires,
        q=wanted.q,
        call_id=registration.call_id,
        cseq=registration.cseq,
        received=registration.received,
        path=registration.path,
        instance=wanted.instance,
        reg_id=wanted.reg_id,
        user_agent=registration.user_agent,
        updated_at=now,
        flow=registration.flow,
        worker=registration.worker,
        parameters=wanted.parameters,
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

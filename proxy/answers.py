"""Header fields of the registrar's and the server's own answers. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from email.utils import formatdate
from functools import lru_cache

from proxy.gruu import Gruus, public
from proxy.registration import Registration
from sip.uri import AoR
from store.values import Binding


@dataclass(frozen=True, slots=True)
class Extensions:
    """What the registrar does beyond RFC 3261, as the settings say."""

    outbound: bool = True
    """Flows are registered (RFC 5626); False ignores every reg-id."""
    flow_timer: int = 120
    """Seconds between two keep-alives that clients on a flow of ours are told (RFC 5626 §5.4);
    0 leaves it to them."""
    gruu: bool = True
    """GRUUs are made and routed to (RFC 5627)."""
    service_route: tuple[str, ...] = ()
    """Route values for requests of registered clients (RFC 3608), the first hop first."""
    nat_keepalive: int = 0
    """Seconds between OPTIONS to UDP clients behind a NAT; 0 sends none."""


def registered(
    bindings: Iterable[Binding],
    registration: Registration,
    now: float,
    extensions: Extensions,
    gruus: Gruus | None = None,
) -> list[tuple[str, str]]:
    """The 200 to a REGISTER: every binding with what is left of it, and the date.

    RFC 3261 §10.3 step 8; the path goes back to who asked for it (RFC 3327 §5.3). `gruus` makes
    those of a client that knows them (RFC 5627 §5.2).
    """
    if gruus is None:
        headers = [("Contact", contact_value(binding, now)) for binding in bindings]
    else:
        headers = _with_gruus(registration.aor, tuple(bindings), now, gruus)
    headers += [("Path", value) for value in registration.path]
    headers += [("Service-Route", value) for value in extensions.service_route]
    if registration.outbound:
        headers.append(("Require", "outbound"))
        if registration.direct and extensions.flow_timer:
            headers.append(("Flow-Timer", str(extensions.flow_timer)))
    headers.append(("Date", sip_date(int(now))))
    return headers


def contact_value(binding: Binding, now: float) -> str:
    """One binding as a Contact value; `expires` is at least 1 second, for 0 would mean gone."""
    left = max(1, round(binding.expires_at - now))
    parameters = f";{binding.parameters}" if binding.parameters else ""
    return f"<{binding.contact}>{parameters};expires={left}"


def _with_gruus(
    aor: AoR, bindings: tuple[Binding, ...], now: float, gruus: Gruus
) -> list[tuple[str, str]]:
    """Contacts, those of an instance with its GRUUs: the temporary of its last REGISTER."""
    last: dict[str, Binding] = {}
    for binding in sorted(bindings, key=_made_at):
        last[binding.instance] = binding
    headers = []
    for binding in bindings:
        value = contact_value(binding, now)
        if binding.instance:
            temporary = gruus.temporary(aor, last[binding.instance])
            value += f';pub-gruu="{public(aor, binding.instance)}";temp-gruu="{temporary}"'
        headers.append(("Contact", value))
    return headers


def _made_at(binding: Binding) -> tuple[float, float]:
    """Orders registrations of one instance: a new beginning is later than what it ended."""
    return (binding.begun_at, binding.updated_at)


@lru_cache(maxsize=2)
def sip_date(now: int) -> str:
    """`now`, Unix seconds, as RFC 3261 §20.17 writes it."""
    return formatdate(now, usegmt=True)

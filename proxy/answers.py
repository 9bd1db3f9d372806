"""Header fields of the registrar's and the server's own answers. Pure."""

from collections.abc import Iterable, Sequence
from email.utils import formatdate
from functools import lru_cache

from store.values import Binding


def registered(
    bindings: Iterable[Binding], path: Sequence[str], now: float
) -> list[tuple[str, str]]:
    """The 200 to a REGISTER: every binding with what is left of it, and the date.

    RFC 3261 §10.3 step 8; the path goes back to who asked for it (RFC 3327 §5.3).
    """
    headers = [("Contact", contact_value(binding, now)) for binding in bindings]
    headers += [("Path", value) for value in path]
    headers.append(("Date", sip_date(int(now))))
    return headers


def contact_value(binding: Binding, now: float) -> str:
    """One binding as a Contact value; `expires` is at least 1 second, for 0 would mean gone."""
    left = max(1, round(binding.expires_at - now))
    parameters = f";{binding.parameters}" if binding.parameters else ""
    return f"<{binding.contact}>{parameters};expires={left}"


@lru_cache(maxsize=2)
def sip_date(now: int) -> str:
    """`now`, Unix seconds, as RFC 3261 §20.17 writes it."""
    return formatdate(now, usegmt=True)

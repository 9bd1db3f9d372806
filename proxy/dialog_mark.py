"""Marks in our Record-Route, by which the two sides of a dialog show that it was let through.

Pure. RFC 3261 §16.6 step 4, §16.7 step 8, §26.1; docs/adr/0002-dialog-marks.md. The request that
makes a dialog carries the mark of its receiver; the responses that go back are given the mark of
its sender in place of that. Neither side ever sees the other's. A mark grants one thing:
requests of this dialog to where the other side said that it is.

A mark is the day it was made, a digest of the dialog, of its role and of that day, and a digest
of where the other side is. `now` is Unix seconds.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from hashlib import blake2b
from hmac import compare_digest
from typing import Final, Literal, NamedTuple

from sip.address import NameAddr
from sip.errors import ParseError
from sip.grammar import canonical_host
from sip.message import Request, Response
from sip.uri import AoR, SipUri, parse_uri

Role = Literal["sender", "receiver"]
"""Of the request that was recorded, which is who the mark is for."""

SECONDS_A_DAY: Final = 86_400
VALID_DAYS: Final = 7
"""The day a mark was made, and those after it on which it admits."""
DAY_DIGITS: Final = 3
DIALOG_OCTETS: Final = 9
"""Of the digest of the dialog: too many to guess, few enough for a Record-Route."""
TOWARD_OCTETS: Final = 6
"""Of the digest of where it leads. A guess has to be sent to us to be tried."""
MARK_DIGITS: Final = DAY_DIGITS + 2 * (DIALOG_OCTETS + TOWARD_OCTETS)
BETWEEN: Final = "."
"""Parts the mark from the token of a flow in our Record-Route."""
NEVER_WITHIN: Final = frozenset({"REGISTER", "PUBLISH"})
"""Requests that no dialog has (RFC 3261 §10.2, RFC 3903 §6)."""

_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
_DIALOG_KIND: Final = b"dialog-mark"
_TOWARD_KIND: Final = b"dialog-toward"
KINDS: Final = 8
"""Of digests by key that are kept; a process has two."""
_FIRST_DIGITS: Final = DAY_DIGITS + 2 * DIALOG_OCTETS

IsUs = Callable[[SipUri], bool]
Serves = Callable[[AoR], bool]
"""Whether an address-of-record is of our domains."""


class Dialog(NamedTuple):
    """What does not change of a dialog, as the sender of a request in it has it."""

    call_id: str
    tag: str
    """The sender's."""
    sender: str
    """The sender's address-of-record when it is one of our domains, else ""."""
    receiver: str
    """The same of the receiver."""

    @property
    def named(self) -> tuple[str, str]:
        """What tells the dialog from others."""
        return self.call_id, self.tag


NO_DIALOG: Final = Dialog("", "", "", "")


class Side(NamedTuple):
    """Who sends a request within a dialog that was let through."""

    dialog: Dialog
    role: Role

    @property
    def other(self) -> str:
        """The other side's address-of-record when it is one of our domains, else ""."""
        return self.dialog.receiver if self.role == "sender" else self.dialog.sender


def dialog_of(request: Request, serves: Serves) -> Dialog:
    """The dialog that `request` makes or belongs to. Raises ParseError."""
    from_ = request.from_
    return Dialog(request.call_id, from_.tag or "", _user(from_, serves), _user(request.to, serves))


def mark_of(dialog: Dialog, role: Role, toward: str, now: float, key: bytes) -> str:
    """The mark by which `role` sends requests of `dialog` to the other side, at `toward`."""
    first = _first(dialog, role, _day_text(now), key)
    return first + _toward(first, toward, key)


def side_of(request: Request, mark: str, serves: Serves, now: float, key: bytes) -> Side | None:
    """Which side of a dialog sends `request`, as `mark` proves; None when it proves nothing.

    Where the request may go is for `leads` to say. Raises ParseError.
    """
    to_tag = request.to.tag
    if to_tag is None or request.method in NEVER_WITHIN or len(mark) < MARK_DIGITS:
        return None
    first, day = mark[:_FIRST_DIGITS], mark[:DAY_DIGITS]
    dialog = dialog_of(request, serves)
    if not compare_digest(_first(dialog, "sender", day, key), first):
        reverse = Dialog(dialog.call_id, to_tag, dialog.receiver, dialog.sender)
        if not compare_digest(_first(reverse, "receiver", day, key), first):
            return None
        return Side(reverse, "receiver") if _is_valid(day, now) else None
    return Side(dialog, "sender") if _is_valid(day, now) else None


def leads(mark: str, toward: str, key: bytes) -> bool:
    """Whether `mark`, which `side_of` found to be ours, lets requests go `toward`."""
    shown = mark[_FIRST_DIGITS:MARK_DIGITS]
    return bool(toward) and compare_digest(_toward(mark[:_FIRST_DIGITS], toward, key), shown)


def next_hop(uri: str, routes: Sequence[str], is_us: IsUs) -> str:
    """Where a request for `uri` goes by `routes`, as marks know it: a host, of users of ours the
    address-of-record; "" when that cannot be said. Raises ParseError."""
    if routes:
        return _host(NameAddr.parse(routes[0]).sip_uri)
    parsed = parse_uri(uri)
    if not isinstance(parsed, SipUri):
        return ""
    return parsed.aor if parsed.user is not None and is_us(parsed) else _host(parsed)


def way_back(message: Request | Response, routes: Sequence[str], is_us: IsUs) -> str:
    """Where the next request to the sender of `message` goes, which has passed `routes`, the
    nearest first: there, or to its Contact. "" when it does not say."""
    try:
        if routes:
            return next_hop("", routes, is_us)
        return next_hop(message.contacts[0].uri, (), is_us) if message.contacts else ""
    except ParseError:
        return ""


def recorded_user(mark: str, token: str) -> str:
    """The user part of a Record-Route that also names the flow to its side of the dialog."""
    return f"{mark}{BETWEEN}{token}" if token else mark


def token_of(user: str) -> str:
    """The flow token in the user part of a Record-Route of ours; empty when it has none."""
    return user.partition(BETWEEN)[2]


def _first(dialog: Dialog, role: Role, day: str, key: bytes) -> str:
    text = "\n".join((role, day, *dialog))
    return day + _digest(text, _DIALOG_KIND, DIALOG_OCTETS, key)


def _toward(first: str, toward: str, key: bytes) -> str:
    return _digest(f"{first}\n{toward}", _TOWARD_KIND, TOWARD_OCTETS, key)


def _digest(text: str, kind: bytes, octets: int, key: bytes) -> str:
    digest = _keyed(kind, octets, key).copy()
    digest.update(text.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


@lru_cache(KINDS)
def _keyed(kind: bytes, octets: int, key: bytes) -> blake2b:
    """A digest that has taken in the key: half the work (tests/bench/bench_relay.py)."""
    return blake2b(key=key[:64], digest_size=octets, person=kind)


def _host(uri: SipUri) -> str:
    return canonical_host(uri.parameters.value("maddr") or uri.host)


def _user(address: NameAddr, serves: Serves) -> str:
    try:
        aor = address.aor
    except ParseError:
        return ""  # such as tel:
    return aor if serves(aor) else ""


def _day_text(now: float) -> str:
    day, text = int(now // SECONDS_A_DAY), ""
    for _ in range(DAY_DIGITS):
        day, digit = divmod(day, len(_DIGITS))
        text = _DIGITS[digit] + text
    return text


def _is_valid(day: str, now: float) -> bool:
    """Another process's clock may be ahead of ours, so tomorrow's marks are good as well."""
    age = int(now // SECONDS_A_DAY) - int(day, len(_DIGITS))
    return -1 <= age < VALID_DAYS

"""The wire form of a NOTIFY (RFC 6665 §4.2.2, RFC 3261 §12.2.1.1).

Pure. What stays the same from one NOTIFY of a subscription to the next is bytes made once;
a NOTIFY joins them with branch, CSeq, Subscription-State and the body's shared tail
(tests/bench/bench_engine.py).
"""

from typing import Final

from presence.notifier.route import dialog_of
from presence.ports import Hop
from presence.subscriptions.subscription import Notify, Reason, State
from sip.head import encode
from store.values import SubscriptionRow

MAX_FORWARDS: Final = 70
RETRY_AFTER_REASONS: Final = frozenset({Reason.PROBATION, Reason.GIVEUP, Reason.INVARIANT})
"""The others give retry-after no meaning (RFC 6665 §4.1.3)."""

Header = tuple[str, str]


class Template:
    """The constant parts of a subscription's NOTIFYs. Slotted and small: there are many."""

    __slots__ = ("middle", "start")

    def __init__(self, start: bytes, middle: bytes) -> None:
        self.start = start
        """Request line, and Via up to the sent-protocol's space."""
        self.middle = middle
        """From after the branch to the CSeq number."""


def make_template(
    row: SubscriptionRow, event: str, home: Hop | None, headers: tuple[Header, ...] = ()
) -> Template:
    """The template of `row`; `event` is the package name and parameters of the package's own,
    `home` the binding that a remote target of ours stands for, if it is one."""
    request_uri, routes = dialog_of(row).routing() if home is None else (home.uri, home.routes)
    route = f"Route: {', '.join(routes)}\r\n" if routes else ""
    event_id = "" if row.event_id is None else f";id={row.event_id}"
    more = "".join(f"{name}: {value}\r\n" for name, value in headers)
    middle = (
        f"\r\nMax-Forwards: {MAX_FORWARDS}\r\n{route}From: {row.local_address}\r\n"
        f"To: {row.remote_address}\r\nCall-ID: {row.call_id}\r\nContact: {row.local_contact}\r\n"
        f"Event: {event}{event_id}\r\n{more}CSeq: "
    )
    return Template(f"NOTIFY {request_uri} SIP/2.0\r\nVia: ".encode(), encode(middle))


def join(
    template: Template, via_prefix: str, branch: str, cseq: int, state: str, tail: bytes
) -> bytes:
    """One NOTIFY. `state` is the Subscription-State value, `tail` ends with the body."""
    return b"%b%b;rport;branch=%b%b%d NOTIFY\r\nSubscription-State: %b\r\n%b" % (
        template.start,
        via_prefix.encode(),
        branch.encode(),
        template.middle,
        cseq,
        state.encode(),
        tail,
    )


def subscription_state(notify: Notify, retry_after: int | None = None) -> str:
    """The Subscription-State value (EVT-06): `expires` while it lives, `reason` once it is over."""
    if notify.state is not State.TERMINATED:
        return f"{notify.state.value};expires={notify.expires}"
    if notify.reason is None:
        return notify.state.value
    text = f"{notify.state.value};reason={notify.reason.value}"
    if retry_after is not None and notify.reason in RETRY_AFTER_REASONS:
        text += f";retry-after={retry_after}"
    return text

"""What a subscription wants beyond its package and policy: filter, coding, rates. Pure.

All of it is in the row, so that whoever serves the subscription next sees and paces the same.
"""

from presence.coding import Coding
from presence.filters.keeping import NOTHING, Wanted, wanted
from presence.package import EventPackage
from presence.policy.policy import Decision, view_of
from presence.subscriptions.terms import Terms
from presence.subscriptions.wishes import read_wishes
from presence.view import View
from sip.uri import AoR
from store.values import SubscriptionRow


def view_for(
    decision: Decision, row: SubscriptionRow, package: EventPackage, compress: int
) -> View:
    """The view of a watcher with `decision`; bodies from `compress` octets on are compressed for
    it if it takes that (0: never)."""
    view = view_of(decision, row.content_type)
    coding = read_wishes(row.accept).coding if compress else ""
    what = _wanted(row, package).what
    if not coding and not what:
        return view
    return view._replace(filter=what, coding=Coding(coding, compress) if coding else None)


def terms_for(
    row: SubscriptionRow, package: EventPackage, now: float, before: Terms | None = None
) -> Terms | None:
    """The terms of `row`; `before` are those of the SUBSCRIBE before it."""
    rates = read_wishes(row.accept).rates
    return Terms.make(rates, _wanted(row, package).triggers, now, before)


def _wanted(row: SubscriptionRow, package: EventPackage) -> Wanted:
    if not row.content or not package.filterable:
        return NOTHING
    return wanted(row.content, AoR(row.resource.aor))

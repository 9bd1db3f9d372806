"""Which subscriptions are of one device, so that a newer one replaces an older (EVT-13). Pure.

A phone that was rebooted has forgotten its subscriptions and makes new ones; the old ones would
be told everything until they expire. Subscriptions are of one device when their watcher, resource
and `id` of Event are the same, and the Contact, or the instance that RFC 5626 §4.1 puts beside
it, is too.
"""

from typing import Final
from urllib.parse import unquote

from presence.config import ReplaceName
from presence.subscriptions.wishes import read_wishes
from sip.message import Request
from sip.uri import SipUri, parse_uri
from store.values import SubscriptionRow

INSTANCE: Final = "+sip.instance"
GRUU: Final = "gr"
MAX_DEVICE: Final = 255
"""Characters of an instance; of a longer one nothing is known."""


def device_of(request: Request, by: ReplaceName) -> str:
    """The instance that a SUBSCRIBE comes from, if it is `by` that which devices are known; "".

    A Contact that is a GRUU names it too (RFC 5627 §3.1).
    """
    contacts = request.contacts if by == "instance" else ()
    if len(contacts) != 1:
        return ""
    instance = contacts[0].parameters.value(INSTANCE) or _of_gruu(contacts[0].uri)
    instance = instance.removeprefix("<").removesuffix(">")
    return instance if len(instance) <= MAX_DEVICE else ""


def _of_gruu(contact: str) -> str:
    uri = parse_uri(contact)
    value = uri.parameters.value(GRUU) if isinstance(uri, SipUri) else None
    return unquote(value or "")


def replaces(newer: SubscriptionRow, older: SubscriptionRow) -> bool:
    """Whether `newer` is of the device and for the purpose of `older`, and came later."""
    return (
        newer.id != older.id
        and bool(newer.watcher)
        and (newer.watcher, newer.resource, newer.event_id)
        == (older.watcher, older.resource, older.event_id)
        and _is_same_device(newer, older)
        and (newer.created_at, newer.id) > (older.created_at, older.id)
    )


def _is_same_device(one: SubscriptionRow, other: SubscriptionRow) -> bool:
    device, others = read_wishes(one.accept).device, read_wishes(other.accept).device
    if device or others:
        return device == others
    return one.remote_target == other.remote_target

"""The filters of a subscription from one SUBSCRIBE to the next (RFC 4660 §5.2). Pure."""

from collections.abc import Hashable
from typing import NamedTuple

from presence.filters.errors import BadFilter
from presence.filters.filter_set import Filter, FilterSet, Trigger, What
from presence.filters.reading import check_size, known_filters
from presence.policy.policy import domain_of
from sip.errors import ParseError
from sip.uri import AoR, aor_of


class Wanted(NamedTuple):
    """What the filters of a subscription say of one resource."""

    what: str = ""
    """The text of a `What`, for `View.filter`."""
    triggers: tuple[Trigger, ...] = ()


NOTHING = Wanted()


def updated(kept: FilterSet, asked: FilterSet, resource: AoR) -> FilterSet:
    """The filters after a SUBSCRIBE of `resource` with `asked` (§5.2.2).

    One with the id of another replaces it, or only switches it when it says nothing more. Raises
    BadFilter when two are for the same resource or domain.
    """
    filters = {one.id: one for one in kept.filters}
    if len({one.id for one in asked.filters}) < len(asked.filters):
        raise BadFilter("two filters have the same id")
    for one in asked.filters:
        if one.remove:
            filters.pop(one.id, None)
        else:
            filters[one.id] = _placed(one, filters.get(one.id))
    result = FilterSet(tuple(filters.values()))
    check_size(result)
    targets = [_target(one, resource) for one in result.filters]
    if len(set(targets)) < len(targets):
        raise BadFilter("two filters are for the same resource or domain")
    return result


def _placed(asked: Filter, known: Filter | None) -> Filter:
    if not asked.says_nothing:
        return asked
    if known is not None and not known.says_nothing:
        return Filter(
            known.id, known.uri, known.domain, asked.enabled, False, known.what, known.triggers
        )
    if asked.enabled:
        raise BadFilter("a filter needs what or trigger when it is enabled for the first time")
    return asked


def _target(one: Filter, resource: AoR) -> Hashable:
    """What it is for, the same for the same."""
    if one.domain is not None:
        return ("domain", one.domain.strip().lower())
    if one.uri is None:
        return resource
    try:
        return aor_of(one.uri.strip())
    except ParseError:
        return one.uri.strip()


def wanted(text: str, resource: AoR) -> Wanted:
    """What the filters kept as `text` say of `resource`.

    One for the resource comes before one for its domain (§3.3.2); those for others, and domains
    that are not ours, are passed over (§5.2.1). A disabled one is as good as none (§5.3).
    """
    if not text:
        return NOTHING
    by_target = {_target(one, resource): one for one in known_filters(text).filters if one.enabled}
    one = by_target.get(resource) or by_target.get(("domain", domain_of(resource)))
    if one is None:
        return NOTHING
    return Wanted(str(one.what or What()), tuple(filter(None, one.triggers)))

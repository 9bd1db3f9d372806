"""What a watcher is granted: all matching rules combined (RFC 4745 §10). Pure."""

from collections.abc import Callable
from typing import NamedTuple

from presence.policy import SubHandling
from presence.rules.permissions import NOTHING, Permissions
from presence.rules.ruleset import Ruleset
from sip.uri import AoR


class Context(NamedTuple):
    """A request for state, as far as conditions ask."""

    watcher: AoR | None
    """Who asks; None: not authenticated."""
    domain: str | None
    """The domain of the watcher, lower case; None without a watcher."""
    anonymous: bool
    """Whether the request asks not to tell who it is from, or nobody knows."""
    sphere: frozenset[str] | None
    """The sphere of the presentity, see `presence.rules.sphere`; None: undefined."""
    now: float
    """Unix seconds."""
    lists: Callable[[str], frozenset[str] | None]
    """The URIs on the list with this anchor, each as `uri_key` spells it; None: no such list."""


class Outcome(NamedTuple):
    """What the matching rules say together."""

    handling: SubHandling | None
    """None when no rule matches; block when some match but none says."""
    permissions: Permissions
    until: float | None
    """When validity may change this, Unix seconds; None: never."""


def evaluate(ruleset: Ruleset, context: Context) -> Outcome:
    """The combined permission of all rules of `ruleset` that match."""
    return Outcome(None, NOTHING, None)

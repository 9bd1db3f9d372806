"""Who may watch: the decision, and the default for a presentity without rules.

Pure. Rules (RFC 5025) plug in as another `Authorize`; the owner may always watch itself.
"""

from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

from presence.config import NoMatchName, PolicyName
from presence.view import View
from sip.authenticator import Identity
from sip.uri import AoR


class SubHandling(StrEnum):
    """The four answers of RFC 5025 §3.2.1."""

    BLOCK = "block"
    CONFIRM = "confirm"
    POLITE_BLOCK = "polite-block"
    ALLOW = "allow"


class Decision(NamedTuple):
    """What a watcher gets, and how much of it."""

    handling: SubHandling
    grant: Hashable = None
    """Becomes `View.grant`; None is everything."""


ALLOW: Final = Decision(SubHandling.ALLOW)
CONFIRM: Final = Decision(SubHandling.CONFIRM)
POLITE: Final = Decision(SubHandling.POLITE_BLOCK)
BLOCK: Final = Decision(SubHandling.BLOCK)

Authorize = Callable[[AoR, Identity, str], Awaitable[Decision]]
"""Presentity, watcher and package name to the decision. The watcher is who the authenticator
says it is (AUT-10), never the From header."""


def granted(decision: Decision) -> bool:
    """Whether the subscription is active; a politely blocked one is too (RFC 5025 §3.2.1)."""
    return decision.handling in (SubHandling.ALLOW, SubHandling.POLITE_BLOCK)


def view_of(decision: Decision, content_type: str) -> View:
    """What a watcher with `decision` sees; to be blocked politely is to see the neutral state."""
    polite = decision.handling is SubHandling.POLITE_BLOCK
    return View(content_type, SubHandling.POLITE_BLOCK if polite else decision.grant)


def domain_of(aor: str) -> str:
    """The host part of an AoR."""
    return aor.rpartition("@")[2].removeprefix("sip:")


def decide(policy: PolicyName, presentity: AoR, watcher: Identity) -> Decision:
    """The decision of `policy` alone (AUT-09). A watcher of another domain, or without identity,
    waits under `allow-same-domain`."""
    if watcher.aor == presentity:
        return ALLOW
    match policy:
        case "allow":
            return ALLOW
        case "block":
            return BLOCK
        case "confirm":
            return CONFIRM
        case "allow-same-domain":
            same = watcher.aor is not None and domain_of(watcher.aor) == domain_of(presentity)
            return ALLOW if same else CONFIRM


@dataclass(frozen=True, slots=True)
class Policies:
    """What the operator has decided for those whose rules do not."""

    default: PolicyName = "confirm"
    by_domain: Mapping[str, PolicyName] = field(default_factory=dict)
    """By the domain of the presentity, before `default`."""
    by_package: Mapping[str, PolicyName] = field(default_factory=dict)
    """By the name of the event package, before `by_domain`."""
    no_match: NoMatchName = "block"
    """For a watcher whom no rule of those that there are names (RFC 5025 §3.2.1)."""
    silent_block: bool = False
    """Whether who is blocked is not told so: it stays pending for ever."""

    def without_rules(self, presentity: AoR, watcher: Identity, package: str) -> Decision:
        """For a presentity that has no rules (AUT-09)."""
        policy = self.by_package.get(package)
        if policy is None and self.by_domain:
            policy = self.by_domain.get(domain_of(presentity))
        return decide(policy or self.default, presentity, watcher)

    def unmatched(self, presentity: AoR, watcher: Identity, package: str) -> Decision:
        """For a watcher that is in no rule of a presentity that has some."""
        match self.no_match:
            case "block":
                return BLOCK
            case "confirm":
                return CONFIRM
            case "default":
                return self.without_rules(presentity, watcher, package)

    def told(self, decision: Decision) -> Decision:
        """`decision` as the watcher gets to know it.

        RFC 5025 §3.2.1 answers a blocked watcher 403 and ends what it has. RFC 3856 §6.6.2 lets
        a server hide a refusal; here it looks as if nobody had decided yet, and a subscription
        that was active goes back to pending.
        """
        silent = self.silent_block and decision.handling is SubHandling.BLOCK
        return CONFIRM if silent else decision


def by_policies(policies: Policies) -> Authorize:
    """An `Authorize` that knows nothing but what the operator has decided."""

    async def authorize(presentity: AoR, watcher: Identity, package: str) -> Decision:
        return policies.told(policies.without_rules(presentity, watcher, package))

    return authorize


def default_policy(policy: PolicyName) -> Authorize:
    """The same for one policy everywhere."""
    return by_policies(Policies(default=policy))

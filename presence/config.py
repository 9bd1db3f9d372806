"""The bounds and defaults of the event server; `server` builds the value from the settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

PolicyName = Literal["allow", "allow-same-domain", "confirm", "block"]


NoMatchName = Literal["block", "confirm", "default"]
CompositionName = Literal["union", "latest"]
NeutralName = Literal["closed", "empty"]
ReplaceName = Literal["off", "contact", "instance"]


@dataclass(frozen=True, slots=True)
class PackageConfig:
    """What the operator says of one event package; None keeps the package's own value."""

    default_policy: PolicyName | None = None
    min_expires: int | None = None
    max_expires: int | None = None
    default_expires: int | None = None
    interval: float | None = None
    """Seconds between two NOTIFYs of one subscription after a change."""


@dataclass(frozen=True, slots=True)
class PresenceConfig:
    """Fixed for the life of the process."""

    domains: frozenset[str] = frozenset()
    """SIP domains that are ours, lower case."""
    tel_domain: str = ""
    """The domain of ours whose users global telephone numbers are (PRS-11)."""
    min_expires: int = 60
    """Seconds; shorter publications and subscriptions are answered 423."""
    max_expires: int = 3600
    """Seconds; longer ones are shortened."""
    default_policy: PolicyName = "confirm"
    """For a presentity without rules."""
    domain_policy: Mapping[str, PolicyName] = field(default_factory=dict)
    """The same for presentities of one domain."""
    rules: bool = True
    """Whether the rules of users are asked; else `default_policy` alone."""
    no_match: NoMatchName = "block"
    """For a watcher that no rule of a document names; "default" is `default_policy`."""
    provision_rules: Literal["none", "oma"] = "none"
    """The rules of a user who has none (AUT-08)."""
    silent_block: bool = False
    """Whether a blocked watcher is left pending instead of told 403 (AUT-04)."""
    waiting: int = 30
    """Days that a watcher who left while pending is remembered; 0 forgets it at once (WIN-01)."""
    neutral: NeutralName = "closed"
    """What a watcher gets when nothing is published: one closed tuple, or no body (PRS-05)."""
    composition: CompositionName = "union"
    """How documents are made of what is known of a presentity (PRS-04)."""
    registrations: bool = False
    """Whether bindings are presence (PRS-07)."""
    calls: bool = False
    """Whether calls are presence (PRS-08)."""
    last_active: bool = False
    """Whether it shows when somebody was last registered (PRS-12)."""
    grace: int = 0
    """Seconds from the loss of a publisher's connection, or of its binding, to the end of what it
    published; 0 leaves that to its expiry (PUB-09)."""
    compress: int = 1024
    """Octets from which bodies are compressed for those who accept it; 0 never (BND-06)."""
    replace: ReplaceName = "off"
    """By what an older subscription of the same device is known (EVT-13)."""
    expires_jitter: int = 0
    """Percent by which granted expiries are shortened at random (EVT-17)."""
    notify_rate: float = 0.0
    """NOTIFYs a second of this process; 0 sets no limit (EVT-17)."""
    max_body: int = 49_152
    """Octets of a PUBLISH or SUBSCRIBE body; more is 413. Below what a whole message may have,
    beyond which nobody looks for whom it is."""
    max_subscriptions_per_watcher: int = 1000
    """Live subscriptions of one watcher in this process; more is 403."""
    max_pending_per_watcher: int = 100
    """Of these, such as nobody has decided about; more is 403 (RFC 3857 §4.7.1)."""
    max_topics_per_watcher: int = 10_000
    """That the live subscriptions of one watcher follow in this process; more is 403. Some 400
    octets each."""
    max_subscriptions_per_source: int = 100_000
    """Live subscriptions in this process that came from one address which is no trusted peer;
    more is 503."""
    max_subscriptions_per_resource: int = 50_000
    """Live subscriptions to one resource in this process; more is 503."""
    retry_after: int = 5
    """Seconds put into Retry-After of a 503."""
    sweep_interval: float = 1.0
    """Seconds between two looks for what has expired (PUB-08)."""
    adopt_batch: int = 500
    """Subscriptions taken over at a time."""
    adopt_pause: float = 0.05
    """Seconds between two such batches while there are more."""
    adopt_interval: float = 5.0
    """Seconds between two looks for subscriptions of dead processes."""
    told_interval: float = 5.0
    """Seconds that `told_version` may lag in the store."""

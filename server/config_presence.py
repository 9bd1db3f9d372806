"""The settings of publications, subscriptions and event packages.

Values are checked here and read by `server.parts` and `server.packages`.
"""

from enum import StrEnum
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from server.config_values import (
    AsList,
    DefaultPolicy,
    Domain,
    MediaType,
    PackageName,
    Seconds,
    table_from_text,
)

MAX_JITTER: Final = 50
"""Percent; more would halve what clients were told to expect."""
MAX_WAITING: Final = 3650
"""Days."""
_SECTION: Final = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class ProvisionRules(StrEnum):
    """The rules of a user who has none."""

    NONE = "none"
    OMA = "oma"


class NoMatch(StrEnum):
    """What a rules document means for a watcher that none of its rules names."""

    BLOCK = "block"
    CONFIRM = "confirm"
    DEFAULT = "default"


class Neutral(StrEnum):
    """What there is to see of somebody who has published nothing."""

    CLOSED = "closed"
    EMPTY = "empty"


class Composition(StrEnum):
    """How the document of a presentity is made of what its devices publish."""

    UNION = "union"
    LATEST = "latest"


class Replace(StrEnum):
    """By what an older subscription of the same device is known."""

    OFF = "off"
    CONTACT = "contact"
    INSTANCE = "instance"


class PackageSettings(BaseModel):
    """One event package: bounds of its own, or a package of the operator's own."""

    model_config = _SECTION

    enabled: bool = True
    default_policy: DefaultPolicy | None = None
    min_expires: Seconds | None = None
    max_expires: Seconds | None = None
    default_expires: Annotated[Seconds, Field(ge=1)] | None = None
    interval: Annotated[float, Field(ge=0)] | None = None
    types: Annotated[tuple[MediaType, ...], AsList] = ()
    publish: bool = False
    publish_types: Annotated[tuple[MediaType, ...], AsList] = ()
    options: dict[str, Any] = {}

    @property
    def declares(self) -> bool:
        """Whether this is a package of the operator's own."""
        return bool(self.types)

    @property
    def published(self) -> tuple[str, ...]:
        """The media types that may be published."""
        return self.publish_types or (self.types if self.publish else ())

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if not self.types and (self.publish or self.publish_types):
            raise ValueError("publish needs types: the media types of a package of your own")
        if self.publish_types and not self.publish:
            raise ValueError("publish_types needs publish = true")
        strange = [one for one in self.publish_types if one not in self.types]
        if strange:
            raise ValueError(f"publish_types: {strange[0]} is none of types")
        if self.types and self.options:
            raise ValueError("options are for packages of other distributions")
        return self


UNSAID: Final = PackageSettings()
"""Of a package that has no table."""


class PresenceSettings(BaseModel):
    """Publications and subscriptions."""

    model_config = _SECTION

    min_expires: Seconds = Field(60, description="publications and subscriptions, seconds")
    max_expires: Seconds = Field(3600, description="publications and subscriptions, seconds")
    default_policy: DefaultPolicy = Field(
        DefaultPolicy.CONFIRM,
        description="for a presentity with no rules: allow | allow-same-domain | confirm | block",
    )
    domain_policy: Annotated[dict[Domain, DefaultPolicy], BeforeValidator(table_from_text)] = Field(
        {},
        description="default_policy of presentities of one of our domains: "
        '{"example.org" = "allow"}',
    )
    notify_interval: float = Field(
        5,
        ge=0,
        description="seconds between two NOTIFYs of one subscription after the first change; "
        "0 sends each at once",
    )
    rules: bool = Field(
        True,
        description="watchers are judged by the rules that users keep over XCAP; "
        "false: by default_policy alone",
    )
    no_match: NoMatch = Field(
        NoMatch.BLOCK,
        description="for a watcher that no rule of the presentity's document names: "
        "block | confirm | default (default_policy)",
    )
    provision_rules: ProvisionRules = Field(
        ProvisionRules.NONE,
        description="rules and lists given to users who have none: none | oma "
        "(oma_grantedcontacts, oma_blockedcontacts)",
    )
    silent_block: bool = Field(
        False,
        description="true tells a blocked watcher nothing: it is left pending instead of "
        "answered 403",
    )
    waiting: int = Field(
        30,
        ge=0,
        le=MAX_WAITING,
        description="days that a watcher who gave up while pending is shown to the presentity as "
        "waiting; 0 forgets it at once",
    )
    tel_domain: str = Field(
        "",
        description="domain whose users `tel:` numbers are; empty: the first of domains",
    )
    neutral: Neutral = Field(
        Neutral.CLOSED,
        description="seen of somebody who has published nothing: closed (one closed tuple) | "
        "empty (a NOTIFY without body)",
    )
    composition: Composition = Field(
        Composition.UNION,
        description="what several devices publish is shown as: union (all of it) | "
        "latest (the newest publication alone)",
    )
    registrations: bool = Field(False, description="registered contacts are presence too")
    calls: bool = Field(
        False, description="calls of the dialog package show as on-the-phone in presence"
    )
    last_active: bool = Field(False, description="who is offline shows when it was last registered")
    grace: Seconds = Field(
        0,
        description="seconds from the loss of a publisher's connection, or of its registration, to "
        "the end of what it published unless it comes back; 0 leaves that to its expiry",
    )
    compress: int = Field(
        1024,
        ge=0,
        description="octets from which bodies of NOTIFYs are compressed for watchers that accept "
        "it; 0 never",
    )
    profiles: str = Field(
        "", description="directory of the documents of the package ua-profile; empty: none"
    )
    replace: Replace = Field(
        Replace.OFF,
        description="a new subscription of the same watcher and device ends its older one to the "
        "same, without a word: off | contact | instance (+sip.instance, else its Contact)",
    )
    expires_jitter: int = Field(
        0,
        ge=0,
        le=MAX_JITTER,
        description="percent by which granted expiries are shortened at random, so that refreshes "
        "do not come together; never below the minimum",
    )
    notify_rate: float = Field(
        0, ge=0, description="NOTIFYs a second of this process, the rest wait; 0 sets no limit"
    )
    drain_rate: float = Field(
        100, gt=0, description="subscriptions a second that `presentity drain` moves elsewhere"
    )
    packages: Annotated[dict[PackageName, PackageSettings], BeforeValidator(table_from_text)] = (
        Field(
            {},
            description="settings of one event package, and packages of your own "
            '(docs/packages.md): {"dialog" = {default_policy = "allow", interval = 1}, '
            '"com.example.lamp" = {types = ["application/json"], publish = true}}; '
            "keys: enabled, default_policy, min_expires, max_expires, default_expires, interval, "
            "types, publish, publish_types, options",
        )
    )

    @model_validator(mode="after")
    def _bounds_in_order(self) -> Self:
        if self.min_expires > self.max_expires:
            raise ValueError("min_expires is more than max_expires")
        return self

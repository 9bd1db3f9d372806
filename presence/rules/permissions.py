"""What rules grant a watcher to see of a presence document (RFC 5025 §3.3). Pure.

There is no permission that takes away: no value is the lowest value, and grants add up.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Final, NamedTuple

Name = str
"""A qualified name as lxml writes it: "{namespace}local"."""


class MemberKind(IntEnum):
    """How a member of a set tells what it stands for (§3.3.1)."""

    ALL = 0
    CLASS = 1
    OCCURRENCE_ID = 2
    DEVICE_ID = 3
    SERVICE_URI = 4
    BARE_SERVICE_URI = 5
    """As SERVICE_URI, but only of services whose URI has no parameters of its own."""
    SERVICE_URI_SCHEME = 6
    SERVICE_ID = 7
    """OMA: of the service description."""


class Member(NamedTuple):
    """One member of provide-services, provide-persons or provide-devices."""

    kind: MemberKind
    value: str = ""


class UserInput(IntEnum):
    """How much of user-input is shown (§3.3.2.12)."""

    FALSE = 0
    BARE = 10
    THRESHOLDS = 20
    FULL = 30


Members = frozenset[Member]

ALL: Final = Member(MemberKind.ALL)
ALL_MEMBERS: Final = frozenset({ALL})
NO_MEMBERS: Final[Members] = frozenset()


SHARED: Final = 1024
"""Permissions that are kept for those who are granted the same next."""
SHARED_VALUES: Final = 32
"""Those with more values are not, so that what is kept stays some megabytes."""


@dataclass(frozen=True, slots=True)
class Permissions:
    """The transformations of all matching rules in one; equal grants are equal values."""

    services: Members = NO_MEMBERS
    persons: Members = NO_MEMBERS
    devices: Members = NO_MEMBERS
    attributes: frozenset[Name] = frozenset()
    """Elements that are shown wherever they stand in what is shown."""
    user_input: UserInput = UserInput.FALSE
    all_attributes: bool = False

    @property
    def everything(self) -> bool:
        """Whether nothing at all is kept back."""
        return self.all_attributes and ALL in self.services & self.persons & self.devices

    def normal(self) -> "Permissions":
        """The same without what its own larger grants make superfluous."""
        return shared(
            Permissions(
                services=ALL_MEMBERS if ALL in self.services else self.services,
                persons=ALL_MEMBERS if ALL in self.persons else self.persons,
                devices=ALL_MEMBERS if ALL in self.devices else self.devices,
                attributes=frozenset() if self.all_attributes else self.attributes,
                user_input=UserInput.FULL if self.all_attributes else self.user_input,
                all_attributes=self.all_attributes,
            )
        )

    @property
    def size(self) -> int:
        """How many values it holds."""
        return len(self.services) + len(self.persons) + len(self.devices) + len(self.attributes)


def shared(permissions: Permissions) -> Permissions:
    """One object for equal permissions: most presentities grant the same, and every subscription
    keeps what it was granted."""
    return _kept(permissions) if permissions.size <= SHARED_VALUES else permissions


@lru_cache(SHARED)
def _kept(permissions: Permissions) -> Permissions:
    return permissions


def union(granted: Sequence[Permissions]) -> Permissions:
    """What any of `granted` grants (RFC 4745 §10.2)."""
    if len(granted) == 1:
        return granted[0]
    return Permissions(
        services=NO_MEMBERS.union(*(one.services for one in granted)),
        persons=NO_MEMBERS.union(*(one.persons for one in granted)),
        devices=NO_MEMBERS.union(*(one.devices for one in granted)),
        attributes=frozenset[Name]().union(*(one.attributes for one in granted)),
        user_input=max((one.user_input for one in granted), default=UserInput.FALSE),
        all_attributes=any(one.all_attributes for one in granted),
    ).normal()


NOTHING: Final = Permissions()
EVERYTHING: Final = Permissions(
    services=ALL_MEMBERS,
    persons=ALL_MEMBERS,
    devices=ALL_MEMBERS,
    user_input=UserInput.FULL,
    all_attributes=True,
)

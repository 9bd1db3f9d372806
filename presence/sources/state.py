"""What is known of a presentity beside its publications, as values. Pure."""

from typing import Final, NamedTuple

from presence.document.pidf import Fragment


class Registered(NamedTuple):
    """One device that has registered, as it would be told (PRS-07)."""

    instance: str
    """The URN of its +sip.instance, as a deviceID has it; "" without one."""
    contact: str
    """The AoR or GRUU of no publisher: the URI that it registered. Never told."""
    tuple: Fragment


class Sources(NamedTuple):
    """The inputs of composition that do not expire by themselves."""

    hard: bytes = b""
    """The document of `pidf-manipulation` (RFC 4827), b"" without one."""
    registered: tuple[Registered, ...] = ()
    calling: bool = False
    """Whether a dialog of its is confirmed (PRS-08)."""
    last_active: Fragment | None = None
    """A closed tuple that says when it was last registered (PRS-12)."""


NOTHING: Final = Sources()
"""Shared by the many presentities that have nothing of it."""

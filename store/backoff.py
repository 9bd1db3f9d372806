"""When to try again what failed: at once, then ever later up to a bound. Pure."""

from typing import Final

FIRST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 5.0


class Backoff:
    """Counts failures; times are monotonic seconds."""

    def __init__(self) -> None:
        self.failures = 0
        self._not_before = 0.0

    @property
    def pause(self) -> float:
        """Seconds from the last failure to the next try."""
        return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** (self.failures - 1)) if self.failures else 0

    def may_try(self, now: float) -> bool:
        """Tell whether the pause after the last failure is over."""
        return now >= self._not_before

    def failed(self, now: float) -> None:
        """Note a failure at `now`."""
        self.failures += 1
        self._not_before = now + self.pause

    def succeeded(self) -> None:
        """Forget earlier failures."""
        self.failures = 0
        self._not_before = 0.0

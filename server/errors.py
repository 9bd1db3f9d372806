"""What stops the process or a command: each is told in one clear line. Pure."""

from collections.abc import Sequence


class ServerError(Exception):
    """The command cannot go on; `str()` is the line for the operator."""

    exit_code = 1


class SettingsError(ServerError):
    """One or more settings are unknown or have a bad value; every mistake is told at once."""

    exit_code = 2

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)
        """One line each: key path, a colon, what is wrong with it."""

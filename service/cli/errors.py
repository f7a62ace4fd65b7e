"""How a command ends: 0 done, 1 the study failed, 2 bad input, 3 service unreachable."""

from collections.abc import Mapping, Sequence
from typing import Any


class CommandFailed(Exception):
    """Ends the command with one message on stderr and an exit code."""

    exit_code = 1

    def __init__(self, text: str, problems: Sequence[Mapping[str, Any]] = ()) -> None:
        super().__init__(text)
        self.problems = tuple(problems)


class StudyFailed(CommandFailed):
    """The study ended without an answer."""


class BadInput(CommandFailed):
    """What was asked for cannot be asked for."""

    exit_code = 2


class Unreachable(CommandFailed):
    """The service is not there or does not work."""

    exit_code = 3

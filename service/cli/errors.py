"""How a command ends: 0 done, 1 the study failed, 2 bad input, 3 service unreachable."""


class CommandFailed(Exception):
    """Ends the command with one message on stderr and an exit code."""

    exit_code = 1


class StudyFailed(CommandFailed):
    """The study ended without an answer."""


class BadInput(CommandFailed):
    """What was asked for cannot be asked for."""

    exit_code = 2


class Unreachable(CommandFailed):
    """The service is not there or does not work."""

    exit_code = 3

"""`ablate demo`."""

COMMANDS = ()

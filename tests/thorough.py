"""How much is tried: what a promise names with `make test THOROUGH=1`, a share of it otherwise."""

import os


def tries(usual: int, thorough: int) -> int:
    """So many examples, schedules or studies."""
    return thorough if os.environ.get("THOROUGH") == "1" else usual

"""What a worker's training steps were good for."""

from dataclasses import dataclass


@dataclass(slots=True)
class StepTally:
    """Counts a worker's steps, one for each trial in a pack: all of them, and those that no result needed.

    Wasted are those of a diverged trial up to the end of its epoch, and those that measured a size.
    """

    steps: int = 0
    wasted: int = 0
    spoiled: str = ""
    """Why the worker's process is to train nothing more, if so."""

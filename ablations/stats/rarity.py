"""What a number of seeds can say about something that happened in few of them, or in none."""

import math

from scipy import special

LEVEL = 0.95


def not_excluded(num_seeds: int, *, seen: int = 0, level: float = LEVEL) -> float:
    """The largest rate that these seeds do not exclude: 1 - 0.05^(1/n) where it was never seen.

    Source: Clopper & Pearson, "The use of confidence or fiducial limits", Biometrika 26 (1934), 404-413.

    >>> round(not_excluded(5), 3)
    0.451
    """
    return 1.0 if seen >= num_seeds else float(special.betaincinv(seen + 1, num_seeds - seen, level))


def seeds_to_exclude(rate: float, *, level: float = LEVEL) -> int:
    """The fewest seeds that exclude a rate if it is seen in none of them.

    >>> seeds_to_exclude(0.1)
    29
    """
    return math.ceil(math.log(1 - level) / math.log1p(-rate) - 1e-9)

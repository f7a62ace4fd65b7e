"""How well the intervals and tests keep their promises at few seeds, as measured by simulation."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

FILE = "calibration.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrated:
    """What was measured for one number of seeds and one distribution of errors, at a level of 5 %.

    `coverage` of 95 % intervals and `size` of tests, each by name: the share of simulated studies without
    an effect in which the interval held the truth, or the test found one (for `tost`: with an effect just
    as large as the margin, equivalence was claimed).
    """

    num_seeds: int
    errors: str
    coverage: Mapping[str, float]
    size: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """The table, with the number of simulated studies behind each entry and the command that made it."""

    rows: tuple[Calibrated, ...]
    num_studies: int
    seed: int
    command: str

    @property
    def standard_error(self) -> float:
        """That of an entry of 5 % or 95 %."""
        return float((0.05 * 0.95 / self.num_studies) ** 0.5)


@lru_cache(maxsize=1)
def load_calibration() -> Calibration:
    """The table that comes with the package."""
    text = (resources.files("ablations.stats") / FILE).read_text(encoding="utf-8")
    stored = json.loads(text)
    rows = tuple(Calibrated(**row) for row in stored["rows"])
    return Calibration(
        rows=rows, num_studies=stored["num_studies"], seed=stored["seed"], command=stored["command"]
    )

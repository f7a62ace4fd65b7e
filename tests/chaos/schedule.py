"""What happens to a running system, drawn from one number: what is hit, how, and when."""

import random
from collections.abc import Set
from dataclasses import dataclass
from typing import Literal

Blow = Literal["kill", "term", "freeze", "verb", "net", "lock", "fill"]
Means = Literal["proxies", "lock", "fill", "postgresql"]
"""What else than processes can be hit: proxies are in between, the ledger is SQLite, the disk is small."""

# How often each is hit, against the others.
TARGETS = {
    "slot": 5, "driver": 3, "dispenser": 3, "api": 3, "worker": 3,
    "mlflow": 2, "raylet": 1, "gcs": 1, "up": 1,
}  # fmt: skip
VERBS = ("pause-resume", "pause-resume-twice", "submit-again", "retry-twice", "extend", "extend-cancel-twice")
PLACES = ("database", "mlflow", "internal")
TROUBLES = ("stall", "drop", "reset", "delay")
BLOWS: dict[Blow, int] = {"kill": 6, "freeze": 2, "term": 2, "verb": 3}
MORE: dict[Means, tuple[Blow, int]] = {"proxies": ("net", 8), "lock": ("lock", 4), "fill": ("fill", 4)}
FIRST_S, LEAST_S, MOST_S = 3.0, 5.0, 20.0
LONGEST_S: dict[Blow, float] = {"freeze": 45.0, "net": 30.0, "lock": 20.0, "fill": 20.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One blow: so many seconds after the one before, to a process or as a verb; some last `for_s`."""

    after_s: float
    blow: Blow
    target: str
    for_s: float = 0.0

    def __str__(self) -> str:
        lasting = f" for {self.for_s:.0f} s" if self.for_s else ""
        return f"after {self.after_s:.1f} s {self.blow} {self.target}{lasting}"


def draw(seed: int, num_steps: int = 6, means: Set[Means] = frozenset()) -> list[Step]:
    """The schedule of this seed for a system that can be hit by these means; the same in every process."""
    rng = random.Random(f"chaos-{seed}")
    blows = BLOWS | dict(MORE[name] for name in sorted(means & MORE.keys()))
    targets = TARGETS | ({"postgres": 4} if "postgresql" in means else {})
    return [
        _step(rng, rng.uniform(FIRST_S if i == 0 else LEAST_S, MOST_S), blows, targets)
        for i in range(num_steps)
    ]


def _step(rng: random.Random, after_s: float, blows: dict[Blow, int], targets: dict[str, int]) -> Step:
    blow = rng.choices(list(blows), list(blows.values()))[0]
    match blow:
        case "verb":
            target = rng.choice(VERBS)
        case "net":
            target = f"{rng.choice(PLACES)}-{rng.choice(TROUBLES)}"
        case "lock" | "fill":
            target = "ledger" if blow == "lock" else "disk"
        case _:
            target = rng.choices(list(targets), list(targets.values()))[0]
    longest_s = LONGEST_S.get(blow, 0.0)
    return Step(
        after_s=after_s, blow=blow, target=target, for_s=rng.uniform(2.0, longest_s) if longest_s else 0.0
    )

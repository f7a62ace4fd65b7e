"""What a training has shown so far, of whatever recipe: curves, clock, learned scalars, the best weights."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from ablations.errors import Json
from trainables.training.lease import REASON_CHARS, Lease, Outcome, State, shortened

Weights = TypeVar("Weights")
BEST = "best_validation"


@dataclass(slots=True)
class Course:
    """`curve` maps a metric to its values by step; `bad` says what was not finite first.

    Units: `clock` holds seconds since the start, by step.
    """

    curve: dict[str, list[tuple[float, float | None]]] = field(default_factory=dict)
    clock: list[tuple[float, float]] = field(default_factory=list)
    scalars: list[tuple[float, list[float | None], list[float | None]]] = field(default_factory=list)
    bad: str | None = None
    _num_bytes: int = 0

    def log(self, step: float, metrics: Mapping[str, float], *, when: str) -> dict[str, float | None]:
        """Put values on the curves, None where not finite: then the training has diverged. What was put.

        A second value at a step takes the place of the first.
        """
        kept: dict[str, float | None] = {}
        for name, value in metrics.items():
            kept[name] = finite(value)
            points = self.curve.setdefault(name, [])
            if points and points[-1][0] == step:
                points.pop()
            points.append((step, kept[name]))
            self._num_bytes += len(f"[{step},{value}],")
            if kept[name] is None and self.bad is None:
                self.bad = f"{name} is {value} {when}"
        return kept

    def log_scalars(self, step: float, alpha: list[float], beta: list[float]) -> None:
        """Keep learned alpha and beta, one value a layer, None where not finite."""
        self.scalars.append((step, [finite(value) for value in alpha], [finite(value) for value in beta]))

    def latest(self) -> dict[str, float | None]:
        """The newest value of every curve."""
        return {name: points[-1][1] for name, points in self.curve.items()}

    def extent(self) -> tuple[int, str, int]:
        """About how many bytes the curves take, which of them is the longest, and its number of points."""
        longest = max(self.curve, key=lambda name: len(self.curve[name]), default="")
        return self._num_bytes, longest, len(self.curve.get(longest, ()))

    def scalars_json(self) -> Json:
        """The scalars as an outcome carries them."""
        if not self.scalars:
            return None
        steps, alphas, betas = zip(*self.scalars, strict=True)
        return {"steps": list(steps), "alpha": list(alphas), "beta": list(betas)}

    def outcome(
        self,
        lease: Lease,
        state: State,
        metrics: Mapping[str, float | None],
        *,
        seconds: float,
        device: str,
        pack: int = 1,
        note: str = "",
    ) -> Outcome:
        """How the training ended: in this state with these final metrics, unless something was not finite."""
        if self.bad is not None:
            state, metrics = "diverged", {}
        return Outcome(
            trial_id=lease.trial_id,
            state=state,
            metrics={**metrics, "seconds": seconds},
            curve={name: tuple(points) for name, points in self.curve.items()},
            scalars=self.scalars_json(),
            reason=shortened(self.bad or note, REASON_CHARS) or None,
            seconds=seconds,
            device=device,
            pack=pack,
        )

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps of a training that is still finite."""
        return {"curve": self.curve, "clock": self.clock, "scalars": self.scalars}

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on behind such a state."""
        self.curve, self.clock, self.scalars = state["curve"], state["clock"], state["scalars"]


@dataclass(slots=True)
class BestWeights(Generic[Weights]):
    """The weights at the best validation so far, by accuracy and then by loss; for a reading that asks."""

    score: tuple[float, float] = (-math.inf, -math.inf)
    weights: Weights | None = None

    def beaten(self, accuracy: float | None, loss: float | None) -> bool:
        """Whether these are better than all before, which they then are the best of."""
        if accuracy is None or loss is None or (accuracy, -loss) <= self.score:
            return False
        self.score = accuracy, -loss
        return True


def stopped(why: str) -> State:
    """The state of a training that was told to stop."""
    return "cancelled" if why == "cancelled" else "pruned"


def finite(value: float) -> float | None:
    """The value, None where it is not finite."""
    return value if math.isfinite(value) else None

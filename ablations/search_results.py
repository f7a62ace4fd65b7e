"""What a search found: the best settings of every arm, and what they measured on fresh seeds."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ablations.design import Design
from ablations.errors import Json
from ablations.results import TrialRecord
from ablations.search import tuning_metric
from ablations.spec import Range, Tuning

Search = tuple[str, int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Best:
    """The best candidate of one search.

    `arm_id` is the arm, or group of arms, that was searched for; `settings` are the searched ones,
    `value` their mean over the tuning seeds. `on_edge` names settings whose best value is the end of the
    range that was searched: better ones may lie beyond.
    """

    arm_id: str
    repeat: int | None
    candidate: int
    settings: Mapping[str, Json]
    metric: str
    value: float
    num_seeds: int
    num_scored: int
    num_candidates: int
    on_edge: tuple[str, ...]

    def to_json(self) -> dict[str, Json]:
        """The candidate as a report shows it."""
        return {
            "arm_id": self.arm_id,
            "repeat": self.repeat,
            "candidate": self.candidate,
            "settings": dict(self.settings),
            "metric": self.metric,
            "value": self.value,
            "num_seeds": self.num_seeds,
            "num_scored": self.num_scored,
            "num_candidates": self.num_candidates,
            "on_edge": list(self.on_edge),
        }


def best_settings(design: Design, records: Iterable[TrialRecord]) -> tuple[Best, ...]:
    """The best candidate of every search of a study, in the order of its records; none without tuning.

    A candidate's score is the mean over its tuning seeds, where a diverged trial counts as the metric's
    worst value; a candidate with a trial that has no value has no score. Of equals the earlier one wins.
    """
    tuning = design.study.tuning
    if tuning is None:
        return ()
    found = (_best(design, tuning, key, candidates) for key, candidates in _searches(records).items())
    return tuple(best for best in found if best is not None)


def _searches(records: Iterable[TrialRecord]) -> dict[Search, dict[int, list[TrialRecord]]]:
    """The tuning trials of every search, by candidate."""
    searches: dict[Search, dict[int, list[TrialRecord]]] = {}
    for record in records:
        if record.phase == "tuning" and record.candidate is not None:
            search = searches.setdefault((record.arm_id, record.repeat), {})
            search.setdefault(record.candidate, []).append(record)
    return searches


def _best(
    design: Design, tuning: Tuning, search: Search, candidates: Mapping[int, Sequence[TrialRecord]]
) -> Best | None:
    name, goal = tuning_metric(design.study, design.manifest)
    worst = design.manifest.metric(name).worst
    scores = {number: _score(trials, name, worst) for number, trials in sorted(candidates.items())}
    scored = {number: value for number, value in scores.items() if value is not None}
    if not scored:
        return None
    best = (max if goal == "maximize" else min)(scored, key=lambda number: scored[number])
    settings = candidates[best][0].settings
    searched = {key: settings[key] for key in tuning.space if key in settings}
    return Best(
        arm_id=search[0],
        repeat=search[1],
        candidate=best,
        settings=searched,
        metric=name,
        value=scored[best],
        num_seeds=len(candidates[best]),
        num_scored=len(scored),
        num_candidates=tuning.candidates,
        on_edge=_on_edge(tuning, searched),
    )


def _score(trials: Sequence[TrialRecord], metric: str, worst: float) -> float | None:
    if any(trial.state not in ("done", "diverged") for trial in trials):
        return None
    values = [trial.metrics.get(metric) if trial.state == "done" else worst for trial in trials]
    return float(np.mean([worst if value is None else value for value in values]))


def _on_edge(tuning: Tuning, settings: Mapping[str, Json]) -> tuple[str, ...]:
    """Settings whose best value is an end of their range, or of a list of numbers."""
    edges: list[str] = []
    for name, value in settings.items():
        space = tuning.space[name]
        if isinstance(space, Range):
            ends = [space.low, space.high]
        else:
            numbers = [level for level in space if isinstance(level, int | float)]
            ends = [min(numbers), max(numbers)] if len(numbers) == len(space) and len(space) > 2 else []
        if isinstance(value, int | float) and any(np.isclose(value, end, rtol=1e-9, atol=0) for end in ends):
            edges.append(name)
    return tuple(edges)

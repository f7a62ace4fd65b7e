"""What searches have tried: every candidate with its settings, its score and the trials behind it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ablations.design.arm import Arm
from ablations.design.candidate import mean_score
from ablations.design.design import Design
from ablations.design.search import search_of, searches, shared_levels, space_shown, tuning_metric
from ablations.errors import Json
from ablations.manifest import Scalar
from ablations.results.ranking import searched_settings, trials_by_search
from ablations.results.results import UNENDED, TrialRecord
from ablations.results.values import Points
from ablations.study.spec import TuningSpec

SCORED, FAILED, OPEN = "scored", "failed", "open"


@dataclass(frozen=True, slots=True, kw_only=True)
class TriedCandidate:
    """One point that was tried.

    `state` is scored, failed (a trial of it ended without a value) or open; `score` the mean over its arms
    and tuning seeds, and `curve` that of the metric at the steps that all of its trials have.
    """

    number: int
    settings: Mapping[str, Json]
    state: str
    score: float | None
    curve: Points
    trials: tuple[Mapping[str, Json], ...]

    def to_json(self) -> dict[str, Json]:
        """For an answer."""
        return {
            "number": self.number,
            "settings": dict(self.settings),
            "state": self.state,
            "score": self.score,
            "curve": [list(point) for point in self.curve],
            "trials": [dict(trial) for trial in self.trials],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class TriedSearch:
    """One search: `levels` are those that its arms share; `space` says what could be drawn."""

    levels: Mapping[str, Scalar]
    repeat: int | None
    metric: str
    goal: str
    num_candidates: int
    space: Mapping[str, Json]
    candidates: tuple[TriedCandidate, ...]

    def to_json(self) -> dict[str, Json]:
        """For an answer."""
        return {
            "levels": dict(self.levels),
            "repeat": self.repeat,
            "metric": self.metric,
            "goal": self.goal,
            "num_candidates": self.num_candidates,
            "space": dict(self.space),
            "candidates": [candidate.to_json() for candidate in self.candidates],
        }


def tried_searches(design: Design, records: Iterable[TrialRecord]) -> tuple[TriedSearch, ...]:
    """Every search of which something was tried, in the order of its records; none without tuning."""
    tuning = design.study.tuning
    if tuning is None:
        return ()
    metric, goal = tuning_metric(design.study, design.manifest)
    worst, space = design.manifest.metric(metric).worst, space_shown(tuning, design.manifest)
    groups = searches(design.arms, tuning)
    arms = {arm.id: arm for arm in design.arms}
    found = trials_by_search(records, {arm.id: search_of(arm, tuning) for arm in design.arms})
    return tuple(
        TriedSearch(
            levels=shared_levels(groups[name][0], tuning),
            repeat=repeat,
            metric=metric,
            goal=goal,
            num_candidates=tuning.candidates,
            space=space,
            candidates=tuple(
                _candidate(number, trials, arms, tuning, metric, worst)
                for number, trials in sorted(candidates.items())
            ),
        )
        for (name, repeat), candidates in found.items()
    )


def _candidate(
    number: int,
    trials: Sequence[TrialRecord],
    arms: Mapping[str, Arm],
    tuning: TuningSpec,
    metric: str,
    worst: float,
) -> TriedCandidate:
    score = mean_score([(trial.state, trial.metrics.get(metric)) for trial in trials], worst)
    ended = all(trial.state not in UNENDED for trial in trials)
    return TriedCandidate(
        number=number,
        settings=searched_settings(tuning, trials),
        state=SCORED if score is not None else FAILED if ended else OPEN,
        score=score,
        curve=_mean_curve([trial.curve.get(metric, ()) for trial in trials]),
        trials=tuple(
            {
                "arm": arms[trial.arm_id].label if trial.arm_id in arms else None,
                "seed": trial.seed,
                "state": trial.state,
                "value": trial.metrics.get(metric),
            }
            for trial in trials
        ),
    )


def _mean_curve(curves: Sequence[Points]) -> Points:
    """Means at the steps at which every curve has a value."""
    known = [{step: v for step, v in curve if step is not None and v is not None} for curve in curves]
    common = set.intersection(*(set(own) for own in known)) if known else set()
    return [(step, sum(own[step] for own in known) / len(known)) for step in sorted(common)]

"""What a search found: the best settings of every arm, and what they measured on fresh seeds."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from ablations.design.arm import Arm
from ablations.design.candidate import Candidate, mean_score, rank
from ablations.design.design import Design
from ablations.design.search import search_of, searched_arms, searches, shared_levels, tuning_metric
from ablations.errors import Json
from ablations.manifest import Scalar
from ablations.results.results import TrialRecord
from ablations.study.spec import Range, TuningSpec

Search = tuple[str, int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Best:
    """One of the best candidates of a search, `rank` 1 being the best.

    `levels` are those that its arms share; `settings` are the searched ones, `value` their mean over these
    arms and the tuning seeds. `on_edge` names settings whose best value is the end of the range that was
    searched: better ones may lie beyond.
    """

    levels: Mapping[str, Scalar]
    rank: int
    num_arms: int
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
            "levels": dict(self.levels),
            "rank": self.rank,
            "num_arms": self.num_arms,
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
    """The best candidates of every search, in the order of its records; none without tuning.

    One of each search, or as many as are measured: settings that differ, so that each is measured once.
    """
    tuning = design.study.tuning
    if tuning is None:
        return ()
    groups = searches(design.arms, tuning)
    names = {arm.id: search_of(arm, tuning) for arm in design.arms}
    return tuple(
        best
        for (name, repeat), candidates in trials_by_search(records, names).items()
        for best in _best(design, tuning, groups[name], repeat, candidates)
    )


def trials_by_search(
    records: Iterable[TrialRecord], names: Mapping[str, str]
) -> dict[Search, dict[int, list[TrialRecord]]]:
    """The tuning trials of every search and repeat, by candidate; `names` has the search of an arm."""
    found: dict[Search, dict[int, list[TrialRecord]]] = {}
    for record in records:
        if record.phase == "tuning" and record.candidate is not None:
            search = found.setdefault((names[record.arm_id], record.repeat), {})
            search.setdefault(record.candidate, []).append(record)
    return found


def _best(
    design: Design,
    tuning: TuningSpec,
    arms: Sequence[Arm],
    repeat: int | None,
    candidates: Mapping[int, Sequence[TrialRecord]],
) -> Iterator[Best]:
    name, _ = tuning_metric(design.study, design.manifest)
    worst = design.manifest.metric(name).worst
    scores = {
        number: mean_score([(trial.state, trial.metrics.get(name)) for trial in trials], worst)
        for number, trials in candidates.items()
    }
    tried = [
        Candidate(number=number, settings=searched_settings(tuning, trials))
        for number, trials in sorted(candidates.items())
    ]
    own = searched_arms(arms)
    ranked = islice(rank(design, own, tried, scores), tuning.confirm)
    for place, found in enumerate(ranked, start=1):
        candidate = found.candidate
        yield Best(
            levels=shared_levels(arms[0], tuning),
            rank=place,
            num_arms=len(own),
            repeat=repeat,
            candidate=candidate.number,
            settings=candidate.settings,
            metric=name,
            value=found.score,
            num_seeds=len({trial.seed for trial in candidates[candidate.number]}),
            num_scored=sum(score is not None for score in scores.values()),
            num_candidates=tuning.candidates,
            on_edge=_settings_at_edge(tuning, candidate.settings),
        )


def searched_settings(tuning: TuningSpec, trials: Iterable[TrialRecord]) -> dict[str, Json]:
    """The searched settings of a candidate; what does not apply to one arm may to another."""
    tried = {name: value for trial in trials for name, value in trial.settings.items()}
    return {name: tried[name] for name in tuning.space if name in tried}


def _settings_at_edge(tuning: TuningSpec, settings: Mapping[str, Json]) -> tuple[str, ...]:
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

"""The search before the measurement: candidates by Optuna's ask and tell, the same budget for every arm."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from ablations.errors import Json
from ablations.manifest import Manifest
from ablations.spec import Range, Tuning

STARTUP = 10
BATCH = 4

optuna.logging.set_verbosity(optuna.logging.WARNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One point of the space: its number within the arm, from 0 on, and its settings."""

    number: int
    settings: Mapping[str, Json]


class ArmSearch:
    """One arm's search. What it suggests depends on its seed and the scores, never on their timing.

    Candidates are asked in batches of a fixed size, and the next batch waits until the last is scored
    and told in order. The first batch is as large as the sampler's random start, since those
    suggestions depend on no score; a random search is one batch.
    """

    def __init__(
        self,
        *,
        space: Mapping[str, BaseDistribution],
        sampler: str,
        goal: Literal["maximize", "minimize"],
        num_candidates: int,
        seed: int,
        start: Sequence[Mapping[str, Json]] = (),
    ) -> None:
        self._space = dict(space)
        self._num_candidates = num_candidates
        self._first = num_candidates if sampler == "random" else min(STARTUP, num_candidates)
        self._better = max if goal == "maximize" else min
        self._study = optuna.create_study(direction=goal, sampler=_sampler(sampler, seed))
        for settings in start:
            self._study.enqueue_trial(dict(settings))
        self._asked: list[optuna.Trial] = []
        self._scores: dict[int, float | None] = {}

    @property
    def finished(self) -> bool:
        """Whether every candidate has its score."""
        return len(self._scores) == self._num_candidates

    def ask(self) -> list[Candidate]:
        """The next batch, or nothing while the last one is still being scored."""
        if len(self._scores) < len(self._asked):
            return []
        start = len(self._asked)
        size = min(BATCH if start else self._first, self._num_candidates - start)
        self._asked += [self._study.ask(self._space) for _ in range(size)]
        return [
            Candidate(number=number, settings=dict(self._asked[number].params))
            for number in range(start, start + size)
        ]

    def score(self, number: int, value: float | None) -> None:
        """A candidate's score; None when it has none, because a trial of it failed."""
        self._scores[number] = value
        if len(self._scores) < len(self._asked):
            return
        for told, trial in enumerate(self._asked):
            if self._study.trials[trial.number].state.is_finished():
                continue
            outcome = self._scores[told]
            if outcome is None:
                self._study.tell(trial, state=optuna.trial.TrialState.FAIL)
            else:
                self._study.tell(trial, outcome)

    def best(self) -> Candidate | None:
        """The best candidate, the earlier one of two equals; None when none has a score."""
        scored = {number: value for number, value in self._scores.items() if value is not None}
        if not scored:
            return None
        top = self._better(scored.values())
        number = min(number for number, value in scored.items() if value == top)
        return Candidate(number=number, settings=dict(self._asked[number].params))


def distributions(tuning: Tuning, manifest: Manifest) -> dict[str, BaseDistribution]:
    """The space in Optuna's terms; whether a range is of integers is the setting's own matter."""
    space: dict[str, BaseDistribution] = {}
    for name in sorted(tuning.space):
        domain = tuning.space[name]
        if not isinstance(domain, Range):
            space[name] = CategoricalDistribution(tuple(domain))
        elif manifest.setting(name).kind == "int":
            space[name] = IntDistribution(int(domain.low), int(domain.high), log=domain.log)
        else:
            space[name] = FloatDistribution(domain.low, domain.high, log=domain.log)
    return space


def mean_score(rows: Sequence[Mapping[str, Any]], metric: str, worst: float) -> float | None:
    """A candidate's score over its tuning seeds: a diverged one counts as worst, a failed one spoils it."""
    values: list[float] = []
    for row in rows:
        if row["state"] not in ("done", "diverged"):
            return None
        value = (row["metrics"] or {}).get(metric)
        values.append(worst if value is None or row["state"] == "diverged" else float(value))
    return sum(values) / len(values)


def _sampler(name: str, seed: int) -> optuna.samplers.BaseSampler:
    if name == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    if name == "tpe":
        return optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTUP)
    raise ValueError(f"not supported yet: sampler {name!r} (tpe and random are)")

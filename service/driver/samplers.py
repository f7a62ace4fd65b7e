"""The search before the measurement: candidates by Optuna's ask and tell, the same budget for every arm.

Grids and low-discrepancy points depend on no score and are laid out here: Optuna's own samplers of these
names need a finished trial, or a scan of all trials, before every suggestion.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import cycle, islice, product
from typing import Any, Literal

import numpy as np
import optuna
from jaxtyping import Float
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from ablations.design.candidate import Candidate
from ablations.design.search import space_shown
from ablations.errors import Json
from ablations.manifest import Manifest
from ablations.study.spec import TuningSpec

STARTUP = 10
BATCH = 4
Space = Mapping[str, BaseDistribution]

optuna.logging.set_verbosity(optuna.logging.WARNING)


class Search:
    """The search of one arm, or of several. What it suggests depends on its seed and the scores alone.

    Candidates are asked in batches of a fixed size, and the next batch waits until the last is scored
    and told in order. The first batch is as large as the sampler's random start, since those
    suggestions depend on no score; a search that looks at no score is one batch.
    """

    def __init__(
        self,
        *,
        space: Space,
        sampler: str,
        goal: Literal["maximize", "minimize"],
        num_candidates: int,
        seed: int,
        start: Sequence[Mapping[str, Json]] = (),
    ) -> None:
        self._space = dict(space)
        self._num_candidates = num_candidates
        self._settings: list[Mapping[str, Json]] = []
        self._scores: dict[int, float | None] = {}
        self._points = laid_out(sampler, space, num_candidates, seed)
        for number, settings in enumerate(start[: len(self._points)]):
            self._points[number] = {**self._points[number], **settings}
        self._asked: list[optuna.Trial] = []
        if not self._points:
            self._first, self._batch = _batches(sampler, num_candidates, len(space))
            self._study = optuna.create_study(direction=goal, sampler=_sampler(sampler, seed, self._batch))
            for settings in start:
                self._study.enqueue_trial(dict(settings))

    @property
    def finished(self) -> bool:
        """Whether every candidate has its score."""
        return len(self._scores) == self._num_candidates

    def ask(self) -> list[Candidate]:
        """The next batch, or nothing while the last one is still being scored."""
        start = len(self._settings)
        if len(self._scores) < start:
            return []
        if self._points:
            self._settings += self._points[start:]
        else:
            size = min(self._batch if start else self._first, self._num_candidates - start)
            self._asked += [self._study.ask(self._space) for _ in range(size)]
            self._settings += [trial.params for trial in self._asked[start:]]
        return self.candidates[start:]

    def score(self, number: int, value: float | None) -> None:
        """A candidate's score; None when it has none, because a trial of it failed."""
        self._scores[number] = value
        if len(self._scores) < len(self._settings):
            return
        for told, trial in enumerate(self._asked):
            if self._study.trials[trial.number].state.is_finished():
                continue
            outcome = self._scores[told]
            if outcome is None:
                self._study.tell(trial, state=optuna.trial.TrialState.FAIL)
            else:
                self._study.tell(trial, outcome)

    @property
    def candidates(self) -> list[Candidate]:
        """Those that were asked so far."""
        return [Candidate(number=i, settings=dict(own)) for i, own in enumerate(self._settings)]

    @property
    def scores(self) -> Mapping[int, float | None]:
        """The scores by the candidates' numbers."""
        return self._scores


def distributions(tuning: TuningSpec, manifest: Manifest) -> dict[str, BaseDistribution]:
    """The space in Optuna's terms."""
    shown = space_shown(tuning, manifest)
    return {name: distribution(shown[name]) for name in sorted(shown)}


def distribution(domain: Mapping[str, Any]) -> BaseDistribution:
    """What one setting is drawn from in Optuna's terms; `domain` is as a search's space is shown."""
    if domain["kind"] == "choice":
        return CategoricalDistribution(tuple(domain["choices"]))
    if domain["kind"] == "int":
        return IntDistribution(int(domain["low"]), int(domain["high"]), log=domain["log"])
    return FloatDistribution(float(domain["low"]), float(domain["high"]), log=domain["log"])


def laid_out(sampler: str, space: Space, num: int, seed: int) -> list[dict[str, Json]]:
    """All points of a sampler that looks at no score, in order; none for the others.

    A grid's last setting varies fastest. Where some settings do not apply to an arm its grid is smaller and
    starts over, so that every arm has the same budget. "qmc": a scrambled Sobol' sequence.
    """
    names = sorted(space)
    if sampler == "grid":
        levels = [_choices(space[name]) for name in names]
        points = [dict(zip(names, point, strict=True)) for point in product(*levels)]
        return list(islice(cycle(points), num))
    if sampler == "qmc":
        places = _sobol(len(names), num, seed)
        return [
            {name: _value_at(space[name], u) for name, u in zip(names, row, strict=True)} for row in places
        ]
    return []


def _choices(dimension: BaseDistribution) -> tuple[Json, ...]:
    assert isinstance(dimension, CategoricalDistribution)  # compile_design refuses other grids
    return tuple(dimension.choices)


def _sobol(num_dimensions: int, num: int, seed: int) -> Float[np.ndarray, "num dimensions"]:
    from scipy.stats import qmc  # half a second that other searches do without

    if not num_dimensions:
        return np.empty((num, 0))
    sequence = qmc.Sobol(num_dimensions, rng=seed)
    points: Float[np.ndarray, "num dimensions"] = sequence.random_base2(math.ceil(math.log2(num)))[:num]
    return points


def _value_at(dimension: BaseDistribution, u: float) -> Json:
    """The value below which a share u of the dimension lies."""
    if isinstance(dimension, CategoricalDistribution):
        choice: Json = dimension.choices[int(u * len(dimension.choices))]
        return choice
    assert isinstance(dimension, FloatDistribution | IntDistribution)
    # A whole number owns half of the way to its neighbours.
    half = 0.5 if isinstance(dimension, IntDistribution) else 0.0
    low, high = dimension.low - half, dimension.high + half
    value: float = low * (high / low) ** u if dimension.log else low + u * (high - low)
    value = min(max(value, dimension.low), dimension.high)
    return round(value) if isinstance(dimension, IntDistribution) else value


def _batches(sampler: str, num_candidates: int, num_dimensions: int) -> tuple[int, int]:
    """How many candidates are asked first, and how many at a time after them."""
    if sampler == "random":
        return num_candidates, num_candidates
    if sampler == "cmaes":  # a generation, as large as Hansen's default
        size = 4 + int(3 * math.log(max(num_dimensions, 1)))
        return min(size, num_candidates), size
    return min(STARTUP, num_candidates), BATCH


def _sampler(name: str, seed: int, batch: int) -> optuna.samplers.BaseSampler:
    match name:
        case "random":
            return optuna.samplers.RandomSampler(seed=seed)
        case "tpe":
            return optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTUP)
        case "gp":
            import torch  # which this sampler needs and the others do not

            # Its matrices are tiny: threads would only wait for each other, and take cores from trainings,
            # which run in other processes with numbers of threads of their own.
            torch.set_num_threads(1)
            return optuna.samplers.GPSampler(
                seed=seed, n_startup_trials=STARTUP, warn_independent_sampling=False
            )
        case "cmaes":
            return optuna.samplers.CmaEsSampler(seed=seed, popsize=batch, warn_independent_sampling=False)
    raise ValueError(f"no sampler {name!r}")

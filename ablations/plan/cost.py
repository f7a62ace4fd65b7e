"""Cost: how long the trials of a design will take, from comparable trials that were timed before."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from ablations.design.design import Design
from ablations.design.search import searched_arms, trials_an_arm
from ablations.errors import Json
from ablations.identity import canonical
from ablations.plan.experience import PILOT, TimedTrial
from ablations.plan.likeness import build_of, data_of

SECONDS_AN_HOUR = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a study takes of the cluster, and what that is computed from; None where it is unknown.

    Units: hours of a core and of a device, reserved or not used.
    """

    cpu_hours: float | None
    gpu_hours: float | None
    basis: str

    def to_json(self) -> dict[str, Json]:
        """The cost as it stands in a plan."""
        return {"cpu_hours": self.cpu_hours, "gpu_hours": self.gpu_hours, "basis": self.basis}


def estimate_cost(design: Design, timed: Sequence[TimedTrial] = ()) -> Cost:
    """The cost of all trials of a design.

    A trial takes the median of those timed with the same settings; else, where the manifest names what counts
    the steps, the median second a step of those on the same data with the same model and sizes, times its
    steps. Trials on another kind of device say nothing. The cost is unknown if that of an arm is.
    """
    clock = _Clock(timed, design)
    tuning, num_seeds = design.study.tuning, len(design.seeds)
    work = [(num_seeds, clock.time(arm.settings)) for arm in design.arms]
    if tuning is not None:
        for arm in searched_arms(design.arms):
            work.append((trials_an_arm(tuning), clock.time(design.resolve(arm, tuning.fixed))))
    known = [(num, found) for num, found in work if found is not None]
    resources = design.study.resources
    hours = sum(num * found.seconds for num, found in known) / SECONDS_AN_HOUR
    if len(known) < len(work):
        unknown = f"unknown for {len(work) - len(known)} of {len(work)} arms" if known else "unknown"
        rest = f"; the others take {hours * resources.cpus:.2g} CPU-hours" if known else ""
        basis = (
            f"{unknown}: no trial of {design.manifest.name} with the same data, model and sizes was timed"
            f" here{rest}; a pilot of {PILOT} seeds would tell how long one takes"
        )
        return Cost(cpu_hours=None, gpu_hours=None, basis=basis)
    return Cost(
        cpu_hours=hours * resources.cpus,
        gpu_hours=hours * resources.gpus,
        basis=_basis([found for _, found in known], design),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Time:
    """How long a trial takes, by which trials; `exact` if these had the same settings."""

    seconds: float
    trials: tuple[TimedTrial, ...]
    exact: bool


def _basis(found: Sequence[_Time], design: Design) -> str:
    """What the numbers rest on, in words."""
    trials = {id(trial): trial for one in found for trial in one.trials}.values()
    studies = [name for name in dict.fromkeys(trial.study for trial in trials) if name]
    text = f"measured: {len(trials)} finished trials of {design.manifest.name}"
    if len(studies) == 1:
        text += f" in study {studies[0]}"
    elif studies:
        text += f" in {len(studies)} studies, the latest {studies[0]}"
    exact = sum(one.exact for one in found)
    if exact < len(found):
        text += (
            f"; {exact} of {len(found)} arms were timed themselves, the others by the median of seconds over"
            f" {design.manifest.steps_setting} on the same data with the same model and sizes"
        )
    return text


class _Clock:
    """Timed trials by their settings, and by their data, model and sizes."""

    def __init__(self, timed: Iterable[TimedTrial], design: Design) -> None:
        self._manifest = design.manifest
        self._same: dict[str, list[TimedTrial]] = defaultdict(list)
        self._alike: dict[tuple[str, str], list[TimedTrial]] = defaultdict(list)
        for trial in timed:
            if trial.gpu == (design.study.resources.gpus > 0):
                self._same[canonical(dict(trial.settings))].append(trial)
                if self._steps(trial.settings):
                    self._alike[self._kind(trial.settings)].append(trial)

    def time(self, settings: Mapping[str, Json]) -> _Time | None:
        """How long a trial with these settings will take; None where nothing comparable was timed."""
        if not self._same:
            return None
        if same := self._same.get(canonical(dict(settings))):
            seconds = median(trial.seconds for trial in same)
            return _Time(seconds=seconds, trials=tuple(same), exact=True)
        steps, alike = self._steps(settings), self._alike.get(self._kind(settings))
        if not alike or not steps:
            return None
        rate = median(trial.seconds / self._steps(trial.settings) for trial in alike)
        return _Time(seconds=rate * steps, trials=tuple(alike), exact=False)

    def _kind(self, settings: Mapping[str, Json]) -> tuple[str, str]:
        """What trials have in common that take as long a step."""
        return data_of(settings), build_of(settings, self._manifest)

    def _steps(self, settings: Mapping[str, Json]) -> float:
        """How many steps a trial takes; 0 where nothing says it."""
        name = self._manifest.steps_setting
        steps = settings.get(name) if name is not None else None
        return float(steps) if isinstance(steps, int | float) and steps > 0 else 0.0

"""Cost: how long the trials of a design will take, from trials that were timed before."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from ablations.design.design import Design
from ablations.design.search import searched_arms, trials_an_arm
from ablations.errors import Json
from ablations.identity import canonical

ASSUMED_SECONDS = 60.0
SECONDS_AN_HOUR = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedTrial:
    """A finished trial of the same trainable: its settings, how long it took, and in which study."""

    settings: Mapping[str, Json]
    seconds: float
    study: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a study takes of the cluster, and what that is computed from.

    Units: hours of a core and of a device, reserved or not used.
    """

    cpu_hours: float
    gpu_hours: float
    basis: str

    def to_json(self) -> dict[str, Json]:
        """The cost as it stands in a plan."""
        return {"cpu_hours": self.cpu_hours, "gpu_hours": self.gpu_hours, "basis": self.basis}


def estimate_cost(design: Design, timed: Sequence[TimedTrial] = ()) -> Cost:
    """The cost of all trials of a design.

    A trial takes the median of those timed with the same settings; else the median second per step of
    those timed, times its steps; else a minute, which the basis says.
    """
    clock = _Clock.read(timed, design.manifest.steps_setting)
    seconds = 0.0
    tuning = design.study.tuning
    seconds += sum(len(design.seeds) * clock.seconds(arm.settings) for arm in design.arms)
    if tuning is not None:
        for arm in searched_arms(design.arms):
            tuned = clock.seconds(design.resolve(arm, tuning.fixed))
            seconds += trials_an_arm(tuning) * tuned
    hours, resources = seconds / SECONDS_AN_HOUR, design.study.resources
    return Cost(
        cpu_hours=hours * resources.cpus,
        gpu_hours=hours * resources.gpus,
        basis=clock.basis(design.manifest.name, _share_known(clock, design)),
    )


def _share_known(clock: "_Clock", design: Design) -> str:
    """How many arms were timed themselves, where others had to be inferred."""
    if clock.num_timed == 0:
        return ""
    known = sum(canonical(dict(arm.settings)) in clock.by_settings for arm in design.arms)
    if known == len(design.arms):
        return ""
    per_step = clock.per_step is not None and clock.steps is not None
    how = f"seconds over {clock.steps}" if per_step else "seconds of a trial"
    return f"; {known} of {len(design.arms)} arms were timed themselves, the others by the median of {how}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Clock:
    """Seconds by settings, and seconds a step over all of them."""

    num_timed: int
    studies: tuple[str, ...]
    by_settings: Mapping[str, float]
    per_step: float | None
    overall: float
    steps: str | None

    @classmethod
    def read(cls, timed: Iterable[TimedTrial], steps: str | None) -> "_Clock":
        groups: dict[str, list[float]] = {}
        every, rates = list[float](), list[float]()
        studies = dict[str, None]()
        for trial in timed:
            groups.setdefault(canonical(dict(trial.settings)), []).append(trial.seconds)
            every.append(trial.seconds)
            studies |= {trial.study: None} if trial.study else {}
            taken = trial.settings.get(steps) if steps is not None else None
            if isinstance(taken, int | float) and taken > 0:
                rates.append(trial.seconds / taken)
        return cls(
            num_timed=len(every),
            studies=tuple(studies),
            by_settings={key: median(seconds) for key, seconds in groups.items()},
            per_step=median(rates) if rates else None,
            overall=median(every) if every else ASSUMED_SECONDS,
            steps=steps,
        )

    def seconds(self, settings: Mapping[str, Json]) -> float:
        """What a trial with these settings is expected to take."""
        if self.num_timed == 0:
            return self.overall
        known = self.by_settings.get(canonical(dict(settings)))
        if known is not None:
            return known
        steps = settings.get(self.steps) if self.steps is not None else None
        if self.per_step is not None and isinstance(steps, int | float):
            return self.per_step * steps
        return self.overall

    def basis(self, trainable: str, share: str) -> str:
        """What the numbers rest on, in words."""
        if self.num_timed == 0:
            return f"assumed: {ASSUMED_SECONDS:g} s a trial, as no trial of {trainable} was timed yet"
        text = f"measured: {self.num_timed} finished trials of {trainable}"
        if len(self.studies) == 1:
            text += f" in study {self.studies[0]}"
        elif self.studies:
            text += f" in {len(self.studies)} studies, the latest {self.studies[0]}"
        return text + share

"""A study as it stands: its arms by its seeds, what each has come to, and their mean curves."""

import math
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from ablations.results.values import Points
from service.schemas import Trial
from service.web import curves

MAX_ARMS, MAX_SEEDS = 100, 50
MAX_CURVES = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """A trial in the grid, or where one is not there yet."""

    state: str
    title: str
    trial: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmGridRow:
    """An arm: its trials by seed, and its mean over those that are done."""

    label: str
    places: tuple[Spot, ...]
    mean: float | None
    spread: float | None
    num: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmGrid:
    """Rows are arms, columns seeds; of a large study the first of each, with how many there are."""

    metric: str
    seeds: tuple[int, ...]
    rows: tuple[ArmGridRow, ...]
    num_arms: int
    num_seeds: int
    picture: Markup


def make_overview(trials: Sequence[Trial], metric: str, found: Mapping[str, Mapping[str, Points]]) -> ArmGrid:
    """What these measuring trials have come to in a metric; `found` are their curves, by trial."""
    by_arm: dict[str, list[Trial]] = defaultdict(list)
    for trial in trials:
        by_arm[trial.arm_id].append(trial)
    seeds = sorted({trial.seed for trial in trials})
    rows = tuple(_row(some, seeds[:MAX_SEEDS], metric) for some in list(by_arm.values())[:MAX_ARMS])
    return ArmGrid(
        metric=metric,
        seeds=tuple(seeds[:MAX_SEEDS]),
        rows=rows,
        num_arms=len(by_arm),
        num_seeds=len(seeds),
        picture=_picture(by_arm, metric, found),
    )


def _row(trials: Sequence[Trial], seeds: Sequence[int], metric: str) -> ArmGridRow:
    by_seed = {trial.seed: trial for trial in trials}
    done = [trial for trial in trials if trial.state == "done"]
    values = [value for trial in done if (value := trial.metrics.get(metric)) is not None]
    values = [value for value in values if math.isfinite(value)]
    return ArmGridRow(
        label=trials[0].arm,
        places=tuple(_place(by_seed.get(seed), seed, metric) for seed in seeds),
        mean=statistics.fmean(values) if values else None,
        spread=statistics.stdev(values) if len(values) > 1 else None,
        num=len(values),
    )


def _place(trial: Trial | None, seed: int, metric: str) -> Spot:
    if trial is None:
        return Spot(state="none", title=f"seed {seed}: not planned", trial=None)
    value = trial.metrics.get(metric)
    more = f", {metric} {value:.4g}" if value is not None else f": {trial.reason}" if trial.reason else ""
    reused = ", reused" if trial.reused_from else ""
    title = f"trial {trial.number}, seed {seed}, {trial.state}{reused}{more}"
    return Spot(state=trial.state, title=title, trial=trial.number)


def _picture(
    by_arm: Mapping[str, Sequence[Trial]], metric: str, found: Mapping[str, Mapping[str, Points]]
) -> Markup:
    names = sorted({name for each in found.values() for name in each})
    if not names:
        return Markup("")
    wanted = metric if metric in names else next((n for n in names if n.startswith("val_")), names[0])
    lines: dict[str, list[Any]] = {}
    for some in by_arm.values():
        drawn = [points for trial in some if (points := found.get(trial.id, {}).get(wanted))]
        if drawn:
            lines[some[0].arm] = drawn
    return curves.draw(wanted, lines)

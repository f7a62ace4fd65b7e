"""What a finished study says about a claim: estimates with intervals over seeds, and a verdict.

At paper scale a claim is reproduced or not, by whether the interval includes or excludes what is claimed; at
any other scale, or in an edited study, it is consistent or inconsistent with it. An interval that fits the
claim and its contrary alike is inconclusive at every scale.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from jaxtyping import Float

from ablations.design.arm import Arm
from ablations.design.design import Design
from ablations.errors import Json
from ablations.manifest import Scalar, same
from ablations.paper.claims.statement import LARGEST, SMALLEST, Asked, AtLeast, Claim, Target, Where
from ablations.results.results import Results
from ablations.stats.paired import MIN_SEEDS, paired_t

PERCENT = 100.0
PAPER = "paper"
Ruling = Literal["holds", "fails", "open"]
WORDS: Mapping[bool, Mapping[Ruling, str]] = {
    True: {"holds": "reproduced", "fails": "not reproduced", "open": "inconclusive"},
    False: {"holds": "consistent", "fails": "inconsistent", "open": "inconclusive"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A number over seeds in the claim's own unit, with its 95 % interval where there is one."""

    estimate: float
    low: float | None
    high: float | None
    num_seeds: int
    of_mean: float
    against_mean: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One answer of a study: what was asked, where, the estimate, and what it says about the claim."""

    label: str
    metric: str
    within: Mapping[str, Scalar]
    found: Estimate | None
    ruling: Ruling
    verdict: str
    num_arms: int = 0
    note: str = ""

    def to_json(self) -> dict[str, Json]:
        """The row as clients read it."""
        found = self.found
        return {
            "label": self.label,
            "metric": self.metric,
            "within": dict(self.within),
            "estimate": found.estimate if found else None,
            "low": found.low if found else None,
            "high": found.high if found else None,
            "num_seeds": found.num_seeds if found else 0,
            "of_mean": found.of_mean if found else None,
            "against_mean": found.against_mean if found else None,
            "num_arms": self.num_arms,
            "verdict": self.verdict,
            "note": self.note,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    """Arms of one row; `at` is the level of the factor whose weakest or strongest level is looked for."""

    within: Mapping[str, Scalar]
    of: tuple[Arm, ...]
    against: tuple[Arm, ...]
    at: Mapping[str, Scalar] = field(default_factory=dict)


def judge_claim(claim: Claim, design: Design, results: Results, *, scale: str, edited: bool) -> list[Row]:
    """One row for each way the claim is asked, and each stratum of it; none where the study cannot answer."""
    final = scale == PAPER and not edited
    return [row for asked in claim.asked for row in _rows(asked, claim.target, design, results, final)]


def overall(rows: Sequence[Row]) -> str:
    """The verdict of all rows together: theirs if they agree."""
    verdicts = {row.verdict for row in rows}
    return verdicts.pop() if len(verdicts) == 1 else "mixed" if verdicts else "not run"


def rule(target: Target, found: Estimate | None) -> Ruling:
    """Whether an interval speaks for what is claimed, against it, or for neither."""
    if found is None or found.low is None or found.high is None:
        return "open"
    if target.about is not None:
        if not found.low <= target.about <= found.high:
            return "fails"
        return "open" if found.low <= target.otherwise <= found.high else "holds"
    if target.above is not None:
        return "holds" if found.low >= target.above else "fails" if found.high < target.above else "open"
    assert target.below is not None
    return "holds" if found.high < target.below else "fails" if found.low >= target.below else "open"


def _rows(asked: Asked, target: Target, design: Design, results: Results, final: bool) -> Iterable[Row]:
    metric = _reading(asked, design)
    if metric is None:
        return
    extreme = asked.weakest or asked.strongest
    groups: dict[tuple[tuple[str, Scalar], ...], list[_Group]] = {}
    for group in _groups(asked, design, (*asked.each, *([extreme] if extreme else []))):
        within = {name: level for name, level in group.within.items() if name != extreme}
        at = {name: level for name, level in group.within.items() if name == extreme}
        groups.setdefault(tuple(within.items()), []).append(replace(group, within=within, at=at))
    for members in groups.values():
        answers = [(group, _estimate(asked, metric, group, results)) for group in members]
        chosen, found = min(answers, key=lambda answer: _support(asked, target, answer[1]))
        rulings = [rule(target, answer) for _, answer in answers]
        ruling = _together(rulings) if asked.weakest else rule(target, found)
        note = _unmet(asked, [arm for group in members for arm in group.of])
        ruling = "open" if note else ruling
        yield Row(
            label=asked.label,
            metric=metric,
            within={**chosen.within, **chosen.at},
            found=found,
            ruling=ruling,
            verdict=WORDS[final][ruling],
            num_arms=len(chosen.of) + len(chosen.against),
            note=note,
        )


def _unmet(asked: Asked, arms: Iterable[Arm]) -> str:
    """Which of the settings that the claim needs are otherwise, in words."""
    values = {
        name: {str(_value(arm, name)) for arm in arms} - {str(wanted)} for name, wanted in asked.needs.items()
    }
    return "; ".join(
        f"{name} is {' or '.join(sorted(other))}, not {asked.needs[name]}"
        for name, other in values.items()
        if other
    )


def _reading(asked: Asked, design: Design) -> str | None:
    """The name of the reading asked for; None where the study has none."""
    readings = [reading for reading in design.readings if reading.metric == asked.metric and not reading.of]
    if asked.at == "first":
        steps = [reading for reading in readings if isinstance(reading.at, int)]
        return min(steps, key=lambda reading: int(reading.at)).name if steps else None
    return next((reading.name for reading in readings if reading.at == "end"), None)


def _groups(asked: Asked, design: Design, names: Sequence[str]) -> Iterable[_Group]:
    of = [arm for arm in design.arms if _meets(arm, asked.of, design)]
    against = [arm for arm in design.arms if asked.against and _meets(arm, asked.against, design)]
    varying = [name for name in names if len({arm.levels.get(name) for arm in of}) > 1]
    keys: dict[tuple[tuple[str, Scalar], ...], list[Arm]] = {}
    for arm in of:
        keys.setdefault(tuple((name, arm.levels[name]) for name in varying if name in arm.levels), []).append(
            arm
        )
    for key, arms in keys.items():
        facing = [arm for arm in against if all(arm.levels.get(name, level) == level for name, level in key)]
        if facing or asked.against is None:
            yield _Group(within=dict(key), of=tuple(arms), against=tuple(facing))


def _meets(arm: Arm, where: Where, design: Design) -> bool:
    return all(_is(_value(arm, name), wanted, name, design) for name, wanted in where.items())


def _is(value: Json, wanted: Scalar | tuple[Scalar, ...] | AtLeast, name: str, design: Design) -> bool:
    if isinstance(wanted, AtLeast):
        return isinstance(value, int | float) and value >= wanted.value
    if wanted in (LARGEST, SMALLEST):
        numbers = [v for arm in design.arms if isinstance(v := _value(arm, name), int | float)]
        return bool(numbers) and value == (max(numbers) if wanted == LARGEST else min(numbers))
    return any(same(value, one) for one in (wanted if isinstance(wanted, tuple) else (wanted,)))


def _value(arm: Arm, name: str) -> Json:
    """The level of a factor, or the setting where it is none."""
    return arm.levels[name] if name in arm.levels else arm.settings.get(name)


def _estimate(asked: Asked, metric: str, group: _Group, results: Results) -> Estimate | None:
    of = _side(group.of, metric, results)
    against = _side(group.against, metric, results) if group.against else None
    complete = np.isfinite(of) if against is None else np.isfinite(of) & np.isfinite(against)
    if not complete.any():
        return None
    of, against = of[complete], None if against is None else against[complete]
    if asked.kind in ("change", "gain"):
        return None if against is None else _ratio(asked, of, against)
    scores = PERCENT * (of if against is None else of - against)
    centre, low, high = _interval(scores)
    return Estimate(
        estimate=centre,
        low=low,
        high=high,
        num_seeds=len(scores),
        of_mean=float(of.mean()),
        against_mean=None if against is None else float(against.mean()),
    )


def _ratio(
    asked: Asked, of: Float[np.ndarray, " seeds"], against: Float[np.ndarray, " seeds"]
) -> Estimate | None:
    """Percent by which `of` differs from `against`, or `against` from `of`, from the ratio within a seed."""
    if (of <= 0).any() or (against <= 0).any():
        return None
    logs = np.log(of) - np.log(against)
    centre, low, high = _interval(-logs if asked.kind == "gain" else logs)
    return Estimate(
        estimate=float(PERCENT * np.expm1(centre)),
        low=None if low is None else float(PERCENT * np.expm1(low)),
        high=None if high is None else float(PERCENT * np.expm1(high)),
        num_seeds=len(of),
        of_mean=float(np.exp(np.log(of).mean())),
        against_mean=float(np.exp(np.log(against).mean())),
    )


def _side(arms: Sequence[Arm], metric: str, results: Results) -> Float[np.ndarray, " seeds"]:
    """The mean over arms on every seed; a hole in one of them is a hole."""
    rows = [results.arm_index[arm.id] for arm in arms]
    return np.asarray(results.values(metric)[rows].mean(axis=0))


def _interval(scores: Float[np.ndarray, " seeds"]) -> tuple[float, float | None, float | None]:
    if len(scores) < MIN_SEEDS:
        return float(scores.mean()), None, None
    fit = paired_t(scores[None])
    return float(fit.estimate[0]), float(fit.low[0]), float(fit.high[0])


def _support(asked: Asked, target: Target, found: Estimate | None) -> float:
    """Orders answers: the one that speaks least for the claim first, or most where the strongest counts."""
    if found is None:
        return float("inf")
    sign = -1.0 if target.below is not None or target.number < 0 else 1.0
    return sign * found.estimate * (-1.0 if asked.strongest else 1.0)


def _together(rulings: Sequence[Ruling]) -> Ruling:
    """Of levels at all of which a claim must hold."""
    if "fails" in rulings:
        return "fails"
    return "holds" if set(rulings) == {"holds"} else "open"

"""What holds for the effects of every design: signs, names, neighbours and the order of seeds."""

import math
import random
from collections.abc import Mapping
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from ablations.contrasts.contrast import Contrast, Contrasts, compile_contrasts
from ablations.design.arm import Arm
from ablations.design.design import Design
from ablations.effects.judge import EffectRow, Effects, judge
from ablations.identity import canonical
from ablations.results.results import Results, TrialRecord
from tests.property.designs import BUNDLES, LEVELS, any_study, compiled, factorial
from tests.unit.ablations.trials import record_of

METRICS = [
    {"name": "test_accuracy"},
    {"name": "train_loss"},
    {"name": "collapsed", "of": "test_accuracy", "below": 0.75},
]
ASKED: dict[str, Any] = {"metric": ..., "metrics": METRICS, "seeds": 6}
MARGIN = {"margin": {"test_accuracy": 0.2, "train_loss": "20 %"}}
SLOW = (HealthCheck.too_slow, HealthCheck.filter_too_much)
OTHER = {"better": "worse", "worse": "better"}

some = settings(deadline=None, max_examples=25, suppress_health_check=SLOW)


def record(arm: Arm, seed: int, as_seed: int | None = None) -> TrialRecord:
    """A trial whose end follows from its settings and seed alone: some fail, some diverge."""
    draw = random.Random(f"{canonical(dict(arm.settings))} {seed}")
    state = draw.choices(["done", "failed", "diverged"], [0.94, 0.03, 0.03])[0]
    metrics = {"test_accuracy": draw.gauss(0.8, 0.1), "train_loss": math.exp(draw.gauss(0, 0.3))}
    known = {**metrics} if state == "done" else {}
    return record_of(arm, seed if as_seed is None else as_seed, known, state=state)


def judged(design: Design) -> Effects:
    records = [record(arm, seed) for arm in design.arms for seed in design.seeds]
    return judge(compile_contrasts(design), Results.build(design, records), final=True)


def agree(one: Any, other: Any) -> bool:
    """Whether two pieces of JSON say the same, up to rounding."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(agree(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(agree, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-7, abs_tol=1e-9)
    return bool(one == other)


def flipped(interval: dict[str, Any] | None) -> dict[str, Any] | None:
    if interval is None:
        return None
    low, high = interval["high"], interval["low"]
    both = {"low": None if low is None else -low, "high": None if high is None else -high}
    estimate = interval["estimate"]
    return {"estimate": None if estimate is None else -estimate, **both}


def mirrored(row: dict[str, Any]) -> dict[str, Any]:
    """What a row should say with its sides swapped; notes and ratios follow from the rest."""
    doubts = row.get("sensitivity")
    if doubts is not None:
        sides = {
            side: {
                **doubts[side],
                "estimate": flipped({"estimate": doubts[side]["estimate"], "low": None, "high": None})[
                    "estimate"
                ],  # type: ignore[index]
                "verdict": OTHER.get(doubts[side]["verdict"], doubts[side]["verdict"]),
            }
            for side in ("of_worst", "against_worst")
        }
        doubts = {
            "of_worst": sides["against_worst"],
            "against_worst": sides["of_worst"],
            "flips": doubts["flips"],
            "found": OTHER.get(doubts["found"], doubts["found"]),
            "tipping": swapped(doubts["tipping"]),
        }
    minus = {
        key: None if row[key] is None else -row[key]
        for key in ("effect_size", "mean", "median", "interquartile_mean")
    }
    return {
        **row,
        **minus,
        **(flipped(row) or {}),
        "of": row["against"],
        "against": row["of"],
        "of_mean": row["against_mean"],
        "against_mean": row["of_mean"],
        "bootstrap": flipped(row["bootstrap"]),
        "simultaneous": flipped(row["simultaneous"]),
        "shown": {**(flipped(row["shown"]) or {}), "unit": row["shown"]["unit"]},
        "verdict": OTHER.get(row["verdict"], row["verdict"]),
        "sensitivity": doubts,
        "collapse": swapped(row["collapse"]),
    }


def two_sided(row: dict[str, Any]) -> dict[str, Any]:
    """A row without its words; not being worse is a claim of one side, the other's is undecided."""
    row = without(row, "notes", "ratio", "verdict_words", "margin_side", "seeds_needed")
    if row["shown"]["unit"] == "factor":
        # A factor's other side is one over it, which rounds; the ratio is compared apart.
        row = {**row, "shown": {**row["shown"], "estimate": None, "low": None, "high": None}}
    if row["verdict"] == "not worse":
        row = {**row, "verdict": "inconclusive", "collapse": None}
    return row


def swapped(found: dict[str, Any] | None) -> dict[str, Any] | None:
    """What says something of either side, with its sides swapped."""
    if found is None:
        return None
    names = {"of": "against", "against": "of", "of_seen": "against_seen", "against_seen": "of_seen"}
    values = {**names, **OTHER}
    return {
        names.get(key, key): values.get(value, value) if isinstance(value, str) else value
        for key, value in found.items()
    }


def without(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key not in names}


@given(factorial())
@some
def test_swapping_the_sides_flips_signs_and_verdicts(study: dict[str, Any]) -> None:
    name, against = next(iter(study["baseline"].items()))
    of = next(level for level in study["factors"][name] if level != against)
    over = [other for other in study["factors"] if other != name]
    found = []
    for sides in ({"of": of, "against": against}, {"of": against, "against": of}):
        analysis = {"contrasts": {"it": {"vary": name, "over": over, **sides}}, **MARGIN}
        found.append(judged(compiled(study, **ASKED, analysis=analysis)).contrasts)
    for there, back in zip(*found, strict=True):
        for one, other in zip(there.rows, back.rows, strict=True):
            one_json, other_json = (two_sided(row.to_json()) for row in (one, other))
            assert agree(mirrored(one_json), other_json)
            if one.ratio is not None and one.ratio.estimate is not None:
                assert other.ratio is not None and other.ratio.estimate is not None
                assert math.isclose(one.ratio.estimate * other.ratio.estimate, 1)


def told(design: Design, effects: Effects) -> dict[Any, dict[str, Any]]:
    """The numbers of every row, by what it compares: whatever its factors, levels and arms are called."""
    asked: Contrasts = compile_contrasts(design)
    settings_of = {arm.id: canonical(dict(arm.settings)) for arm in design.arms}
    families: list[tuple[str, Contrast, list[EffectRow]]] = [
        ("declared", contrast, list(family.rows))
        for contrast, family in zip(asked.contrasts, effects.contrasts, strict=True)
    ]
    for section, contrasts, rows in (
        ("exploratory", asked.exploratory, iter(effects.exploratory)),
        ("interactions", asked.interactions, iter(effects.interactions)),
    ):
        families += [(section, contrast, [next(rows) for _ in contrast.rows]) for contrast in contrasts]
        assert next(rows, None) is None
    found = {}
    for section, contrast, effect_rows in families:
        for row, effect in zip(contrast.rows, effect_rows, strict=True):
            weights = frozenset((settings_of[arm], round(weight, 9)) for arm, weight in row.weights.items())
            numbers = without(effect.to_json(), "contrast", "of", "against", "within", "notes")
            found[section, contrast.metric, contrast.shape, weights] = numbers
    return found


@given(factorial(), st.permutations(["p", "q", "r"]))
@some
def test_other_names_change_no_number(study: dict[str, Any], labels: list[str]) -> None:
    """A judged factor and its levels called otherwise: the same rows, and nothing said about them differs."""
    name = next(iter(study["baseline"]))
    levels = list(study["factors"][name])
    label = {level: labels[i] for i, level in enumerate(levels)}
    factors = {other: given for other, given in study["factors"].items() if other != name}
    factors["another"] = {label[level]: BUNDLES.get(name, {}).get(level, {name: level}) for level in levels}
    baseline = {("another" if key == name else key): value for key, value in study["baseline"].items()}
    baseline["another"] = label[study["baseline"][name]]
    before = compiled(study, **ASKED, analysis=MARGIN)
    after = compiled(study, **ASKED, analysis=MARGIN, factors=factors, baseline=baseline)
    first, second = told(before, judged(before)), told(after, judged(after))
    assert first.keys() == second.keys()
    assert all(agree(first[key], second[key]) for key in first)


@given(factorial(), st.data())
@some
def test_an_unrelated_arm_changes_nothing(study: dict[str, Any], data: st.DataObject) -> None:
    """One more level of any factor, which a contrast over the others does not ask about."""
    name, against = next(iter(study["baseline"].items()))
    of = [level for level in study["factors"][name] if level != against]
    others = [other for other in study["factors"] if other != name]
    where = {other: list(study["factors"][other]) for other in others}
    contrast = {"vary": name, "of": of, "against": against, "over": others, "where": where}
    grown = data.draw(st.sampled_from(list(study["factors"])))
    possible = [level for level in {**LEVELS, **BUNDLES}[grown] if level not in study["factors"][grown]]
    assume(possible)
    level = data.draw(st.sampled_from(possible))
    levels = study["factors"][grown]
    more = {**levels, level: BUNDLES[grown][level]} if isinstance(levels, dict) else [*levels, level]
    asked: dict[str, Any] = {**ASKED, "analysis": {"contrasts": {"it": contrast}, **MARGIN}}
    before = compiled(study, **asked)
    after = compiled(study, **asked, factors={**study["factors"], grown: more})
    assume(len(after.arms) > len(before.arms))
    first, second = told(before, judged(before)), told(after, judged(after))
    declared = [key for key in first if key[0] == "declared"]
    assert declared == [key for key in second if key[0] == "declared"]
    assert all(agree(first[key], second[key]) for key in first.keys() & second.keys())


def without_draws(value: Any) -> Any:
    """The JSON of effects without what comes of seeded resampling."""
    if isinstance(value, dict):
        return {key: without_draws(item) for key, item in value.items() if key != "bootstrap"}
    return [without_draws(item) for item in value] if isinstance(value, list) else value


@given(any_study(), st.permutations(range(6)))
@some
def test_the_order_of_seeds_changes_nothing(study: dict[str, Any], order: list[int]) -> None:
    design = compiled(study, **ASKED)
    asked, found = compile_contrasts(design), []
    for seeds in (range(6), order):
        records = [record(arm, s, as_seed=i) for arm in design.arms for i, s in enumerate(seeds)]
        effects = without_draws(judge(asked, Results.build(design, records), final=True).to_json())
        crossings = [without(crossing, "low", "high") for crossing in effects.pop("crossings", [])]
        found.append((effects, crossings))
    assert agree(list(found[0]), list(found[1]))


@given(any_study(), st.sampled_from([-1, 1]), st.sampled_from(["test_accuracy", "train_loss"]), st.data())
@some
def test_a_planted_effect_is_found_in_every_design(
    study: dict[str, Any], sign: int, metric: str, data: st.DataObject
) -> None:
    """Size, sign and verdict of every row of the primary contrast, with noise far below the effect."""
    design = compiled(study, metric=metric, seeds=6)
    asked = compile_contrasts(design)
    primary = next(c for c in asked.contrasts if c.primary)
    components = design.layout.components
    factor = data.draw(st.sampled_from(components)) if components else primary.factor
    base = design.layout.baseline[factor]

    def value(arm: Arm, seed: int) -> float:
        draw = random.Random(f"{arm.label} {seed}")
        level = 0.5 + 0.1 * sign * (arm.levels.get(factor, base) != base) + 0.02 * seed + draw.gauss(0, 1e-3)
        return math.exp(level) if metric == "train_loss" else level

    records = [record_of(arm, seed, {metric: value(arm, seed)}) for arm in design.arms for seed in range(6)]
    effects = judge(asked, Results.build(design, records), final=True)
    good = sign if metric == "test_accuracy" else -sign
    for row in next(c for c in effects.contrasts if c.primary).rows:
        moved = not components or row.against == f"without {factor}"
        assert row.estimate is not None and row.n == 6
        assert abs(row.estimate - 0.1 * sign * moved) < 0.01
        if moved:
            assert row.low is not None and row.high is not None and row.low <= row.estimate <= row.high
            assert row.verdict == ("better" if good > 0 else "worse")

"""A random factor: the verdict is about its levels in general, of which some were run."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from ablations.contrasts.contrast import compile_contrasts
from ablations.contrasts.hindsight import Earlier, Precedent, in_hindsight
from ablations.design.arm import Arm
from ablations.design.design import Design
from ablations.effects.effect import ContrastEffects, EffectRow
from ablations.effects.judge import judge
from ablations.errors import InvalidStudy, NotEstimable, UnknownFactor
from ablations.plan.plan import make_plan
from ablations.results.results import Results, TrialRecord
from ablations.stats.populations.random_effects import Certainty, random_effects, shared_covariance
from ablations.stats.power import detectable_effect
from tests.unit.ablations.manifests import MLP
from tests.unit.ablations.studies import SMALL, design_of, study_of
from tests.unit.ablations.trials import planted, record_of

WIDTHS = (8, 16, 32, 64, 128)
CONTRAST: dict[str, Any] = {"vary": "scalars", "over": ["model"], "random": "model"}


def asked(num_models: int = 5, **changes: Any) -> dict[str, Any]:
    """A study of two arms in so many models; `changes` are of its contrast."""
    models = {f"m{i}": {"width": 8 * 2**i} for i in range(num_models)}
    return {
        **SMALL,
        "factors": {"scalars": ["none", "shared"], "model": models},
        "seeds": 6,
        "analysis": {"contrasts": {"it": {**CONTRAST, **changes}}},
    }


def records_of(design: Design, gains: dict[str, float], **noise: Any) -> list[TrialRecord]:
    """Trials in which shared scalars gain so much in each model, and models differ in level."""

    def value(arm: Arm) -> float:
        model = str(arm.levels["model"])
        return 0.5 + 0.05 * int(model[1:]) + gains[model] * (arm.levels["scalars"] == "shared")

    return planted(design, value, **{"noise": 0.004, **noise})


def judged(design: Design, records: list[TrialRecord], **how: Any) -> ContrastEffects:
    found = judge(compile_contrasts(design), Results.build(design, records), **{"final": True, **how})
    return found.contrasts[0]


def gains_of(*values: float) -> dict[str, float]:
    return {f"m{i}": value for i, value in enumerate(values)}


def scores(design: Design, records: list[TrialRecord]) -> np.ndarray:
    """The differences by model and seed, from the records alone."""
    values = {
        (design.arm(r.arm_id).levels["model"], design.arm(r.arm_id).levels["scalars"], r.seed): float(
            r.metrics["test_accuracy"] or 0
        )
        for r in records
    }
    models = list(dict.fromkeys(str(arm.levels["model"]) for arm in design.arms))
    return np.array([[values[m, "shared", s] - values[m, "none", s] for s in design.seeds] for m in models])


def only(family: ContrastEffects) -> EffectRow:
    (row,) = family.rows
    return row


def test_the_row_is_what_its_differences_give() -> None:
    design = design_of(asked())
    records = records_of(design, gains_of(0.02, 0.03, 0.01, 0.025, 0.015))
    family = judged(design, records)
    row, differences = only(family), scores(design, records)
    pooled = differences.var(axis=1, ddof=1).mean() / 6
    shared = shared_covariance(differences)
    effects = differences.mean(axis=1)
    alone = Certainty(error=float(stats.sem(differences.mean(axis=0))), freedom=5)
    told = random_effects(effects, np.full(5, pooled), freedom=25, shared=shared, alone=alone)
    assert (row.estimate, row.low, row.high, row.p) == pytest.approx((told.mean, told.low, told.high, told.p))
    assert row.estimate == pytest.approx(effects.mean())
    assert (family.test, family.random, row.n) == ("hartung_knapp", "model", 6)
    population = row.population
    assert population is not None and population.prediction is not None and population.fixed is not None
    ahead = (population.prediction.low, population.prediction.high)
    assert ahead == pytest.approx((told.prediction_low, told.prediction_high))
    assert (population.tau, population.i2, population.q, population.q_p) == pytest.approx(
        (told.tau, told.i2, told.q, told.q_p)
    )
    fixed = stats.ttest_1samp(differences.mean(axis=0), 0).confidence_interval()
    assert (population.fixed.low, population.fixed.high) == pytest.approx(tuple(fixed))
    for i, stratum in enumerate(population.strata):
        own = stats.ttest_1samp(differences[i], 0).confidence_interval()
        assert stratum.own is not None and stratum.shrunk is not None
        assert (stratum.own.low, stratum.own.high) == pytest.approx(tuple(own))
        assert stratum.shrunk.estimate == pytest.approx(told.shrunk[i])
    assert row.verdict == "better"


def test_models_that_disagree_decide_nothing_about_models_in_general() -> None:
    """Averaged over these five alone the difference is beyond doubt."""
    gains = gains_of(0.10, 0.06, 0.05, -0.04, -0.03)
    design = design_of(asked())
    records = records_of(design, gains)
    row = only(judged(design, records))
    assert row.verdict == "inconclusive"
    notes = " / ".join(row.notes)
    assert "for the next model: between" in notes and "it could be the other way round" in notes
    assert "effects differ between models: they spread by" in notes
    fixed = design_of(asked(random=None))
    assert only(judged(fixed, records)).verdict == "better"


def test_averaging_stays_what_it_was_without_a_random_factor() -> None:
    design = design_of(asked(random=None))
    records = records_of(design, gains_of(0.02, 0.03, 0.01, 0.025, 0.015))
    family = judged(design, records)
    row = only(family)
    told = stats.ttest_1samp(scores(design, records).mean(axis=0), 0)
    assert row.p == pytest.approx(told.pvalue) and row.population is None
    assert (family.test, family.random, family.ranks) == ("paired_t", None, ())


@pytest.mark.parametrize(
    ("gains", "words"),
    [
        ((0.0, 0.0, 0.0, 0.0, 0.0), "no sign that effects differ between models|cannot be told"),
        ((0.0, 0.1, 0.2, 0.3, 0.4), "effects differ between models: they spread by 0.16 around their mean"),
    ],
)
def test_heterogeneity_in_words(gains: tuple[float, ...], words: str) -> None:
    design = design_of(asked())
    notes = " / ".join(only(judged(design, records_of(design, gains_of(*gains)))).notes)
    assert any(word in notes for word in words.split("|")), notes


def failing(records: list[TrialRecord], lost: Callable[[TrialRecord], bool]) -> list[TrialRecord]:
    return [replace(r, state="failed", reason="out of memory", metrics={}) if lost(r) else r for r in records]


def test_a_model_without_results_is_said_and_a_verdict_that_hangs_on_it_withheld() -> None:
    design = design_of(asked())
    records = records_of(design, gains_of(0.02, 0.03, 0.01, 0.025, 0.015))
    lost = failing(
        records,
        lambda r: (
            design.arm(r.arm_id).levels["model"] == "m2"
            and (r.seed > 0 or design.arm(r.arm_id).levels["scalars"] == "none")
        ),
    )
    row = only(judged(design, lost))
    assert row.population is not None
    assert [s.n for s in row.population.strata] == [6, 6, 0, 6, 6]
    assert "m2 (no seeds) is left out of models: two complete seeds are needed" in row.notes
    assert row.n == 6 and row.holes == 11
    assert row.verdict == "inconclusive" and row.reason == "depends on 11 runs that failed"
    kept = design_of({**asked(), "analysis": {**asked()["analysis"], "missing": "unrelated"}})
    row = only(judged(kept, lost))
    assert row.verdict == "better"
    told = scores(design, records)[[0, 1, 3, 4]].mean()
    assert row.estimate == pytest.approx(told)


def test_seeds_that_a_model_lacks_are_said_and_count_nowhere_else() -> None:
    design = design_of({**asked(), "analysis": {**asked()["analysis"], "missing": "unrelated"}})
    records = records_of(design, gains_of(0.02, 0.03, 0.01, 0.025, 0.015))
    lost = failing(records, lambda r: design.arm(r.arm_id).levels["model"] == "m1" and r.seed > 2)
    row = only(judged(design, lost))
    assert "fewer than 6 seeds are complete in m1 (3)" in row.notes
    assert row.population is not None and [s.n for s in row.population.strata] == [6, 3, 6, 6, 6]
    assert row.n == 3
    own = row.population.strata[0].own
    assert own is not None and own.estimate == pytest.approx(scores(design, records)[0].mean())


def test_two_models_left_are_too_few() -> None:
    design = design_of(asked(3))
    records = records_of(design, gains_of(0.02, 0.03, 0.01))
    row = only(judged(design, failing(records, lambda r: design.arm(r.arm_id).levels["model"] == "m0")))
    assert row.verdict == "no data" and row.estimate is None
    assert row.reason == "fewer than 3 models have two seeds with a value on both sides"
    assert "2 models with two seeds: too few to say how effects differ" in row.notes


def test_equal_effects_are_judged_by_flipping_signs() -> None:
    """Without spread there is no t test; six models that agree reach 2 in 64."""
    gains = gains_of(*[0.02] * 6)
    design = design_of(asked(6))
    row = only(judged(design, records_of(design, gains, noise=0.0)))
    assert row.p == pytest.approx(2 / 64) and row.verdict == "better"


def test_within_has_one_population_a_row_and_one_family() -> None:
    data = asked(4, within=["base"])
    data["factors"]["base"] = ["relu", "mish"]
    design = design_of(data)
    family = judged(design, records_of(design, gains_of(0.02, 0.03, 0.01, 0.025)))
    assert [row.within for row in family.rows] == [{"base": "relu"}, {"base": "mish"}]
    assert all(row.population and len(row.population.strata) == 4 for row in family.rows)
    raw, adjusted = ([getattr(row, name) for row in family.rows] for name in ("p", "p_adjusted"))
    assert adjusted == pytest.approx([max(2 * min(raw), p) if p > min(raw) else 2 * p for p in raw])
    assert len(family.ranks) == 2


def test_a_model_counts_once_however_many_arms_it_has() -> None:
    """m0 runs at two depths, the others at one: all models weigh alike."""
    data = asked(4, over=["model", "depth"])
    data["factors"]["depth"] = [1, 5]
    data["exclude"] = [{"model": ["m1", "m2", "m3"], "depth": 5}]
    design = design_of(data)
    (family,) = compile_contrasts(design).contrasts
    (row,) = family.rows
    assert len(row.strata) == 4 and len(row.strata["m0"]) == 4
    weight = {arm.id: row.weights[arm.id] for arm in design.arms}
    assert sum(abs(weight[arm.id]) for arm in design.arms if arm.levels["model"] == "m0") == pytest.approx(
        0.5
    )
    assert sum(w for w in weight.values() if w > 0) == pytest.approx(1.0)


def test_a_log_scale_speaks_of_factors() -> None:
    data = {**asked(), "metric": "train_loss"}
    design = design_of(data)
    rng = np.random.default_rng(1)
    records = [
        record_of(
            arm,
            seed,
            {
                "train_loss": math.exp(rng.normal(0, 0.02))
                * (0.8 if arm.levels["scalars"] == "shared" else 1.0)
            },
        )
        for arm in design.arms
        for seed in design.seeds
    ]
    row = only(judged(design, records))
    assert row.verdict == "better" and row.ratio is not None
    assert row.ratio.estimate == pytest.approx(0.8, abs=0.02)
    notes = " / ".join(row.notes)
    assert "for the next model: a factor between 0.7" in notes


def test_a_margin_is_about_the_mean() -> None:
    data = asked()
    data["analysis"]["margin"] = {"test_accuracy": 0.01}
    design = design_of(data)
    row = only(judged(design, records_of(design, gains_of(0.0, 0.001, 0.0, -0.001, 0.001), noise=0.002)))
    assert row.verdict == "equivalent"


def test_before_the_end_there_are_estimates_and_no_tests() -> None:
    design = design_of(asked())
    records = records_of(design, gains_of(0.02, 0.03, 0.01, 0.025, 0.015))
    family = judged(design, records, final=False)
    row = only(family)
    assert row.p is None and row.verdict is None and row.population is not None
    assert row.population.q_p is None and row.population.prediction is not None
    assert all(ranks.friedman is None and not ranks.pairs for ranks in family.ranks)


def test_ranks_stand_beside_the_verdict() -> None:
    data = asked()
    data["factors"]["scalars"] = ["none", "shared", "per_layer"]
    design = design_of(data)

    def value(arm: Arm) -> float:
        level = {"none": 0.0, "shared": 0.1, "per_layer": 0.05}[str(arm.levels["scalars"])]
        return 0.5 + level + 0.02 * int(str(arm.levels["model"])[1:])

    records = planted(design, value, noise=0.002)
    (ranks,) = judged(design, records).ranks
    assert ranks.arms == ("none", "shared", "per_layer") and ranks.mean_ranks == (3.0, 1.0, 2.0)
    assert ranks.friedman == pytest.approx(6.0**-4)
    assert {(pair.of, pair.against): pair.p for pair in ranks.pairs} == {
        ("shared", "none"): 0.0625,
        ("per_layer", "none"): 0.0625,
        ("per_layer", "shared"): 0.0625,
    }
    values = Results.build(design, records).values("test_accuracy")
    rows = [i for i, arm in enumerate(design.arms) if arm.levels["scalars"] == "shared"]
    assert ranks.middle[1].estimate == pytest.approx(stats.trim_mean(values[rows].ravel(), 0.25))


def test_json_holds_the_population_and_is_json() -> None:
    design = design_of(asked())
    family = judged(design, records_of(design, gains_of(0.02, 0.03, 0.01, 0.025, 0.015)))
    told = json.loads(json.dumps(family.to_json(), allow_nan=False))
    population = told["rows"][0]["population"]
    assert told["random"] == "model" and population["factor"] == "model"
    assert [stratum["level"] for stratum in population["strata"]] == ["m0", "m1", "m2", "m3", "m4"]
    assert set(population["prediction"]) == {"estimate", "low", "high"}
    assert told["ranks"][0]["mean_ranks"] == [2.0, 1.0]


def refusal(data: dict[str, Any], kind: type[InvalidStudy]) -> dict[str, str]:
    with pytest.raises(kind) as caught:
        make_plan(study_of(data), MLP)
    return {problem.path: problem.detail for problem in caught.value.problems}


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({"random": "nothing"}, UnknownFactor, "nothing is no factor of this study"),
        ({"random": "scalars"}, InvalidStudy, "is what this contrast asks about"),
        ({"over": [], "within": ["model"]}, InvalidStudy, "model is not in over"),
        ({"where": {"model": ["m0", "m1"]}}, NotEstimable, "2 of model tell nothing of others"),
        ({"vary": "model", "against": "m0", "over": ["scalars"], "random": "scalars"}, NotEstimable, "2 of"),
    ],
)
def test_what_cannot_be_random_is_refused(
    changes: dict[str, Any], kind: type[InvalidStudy], words: str
) -> None:
    found = refusal(asked(**changes), kind)
    assert words in found["analysis.contrasts.it.random"]


def test_interactions_are_no_random_effects() -> None:
    data = asked(interaction="base")
    data["factors"]["base"] = ["relu", "mish"]
    assert "asked of differences" in refusal(data, InvalidStudy)["analysis.contrasts.it.random"]


def test_a_pilot_sets_no_number_of_seeds_for_models_in_general() -> None:
    data = {key: value for key, value in asked().items() if key != "seeds"}
    data["analysis"]["resize"] = {"pilot": 4, "margin": 0.01, "max": 20}
    assert "depends on how far effects differ" in refusal(data, InvalidStudy)["analysis.resize"]


def test_rules_that_leave_two_models_are_refused_with_the_row() -> None:
    data = asked(3)
    data["exclude"] = [{"model": "m1", "scalars": "shared"}]
    found = refusal(data, NotEstimable)
    assert "2 of model have both sides of the row shared, none" in found["analysis.contrasts.it.random"]


def test_a_factor_that_some_arms_are_without_is_refused() -> None:
    data = asked()
    data["factors"] = {"scalars": ["none", "shared"], "beta_init": [0.0, 0.25, 0.5]}
    data["analysis"] = {
        "contrasts": {"it": {"vary": "scalars", "over": ["beta_init"], "random": "beta_init"}}
    }
    assert "does not apply to all arms" in refusal(data, NotEstimable)["analysis.contrasts.it.random"]


def test_the_plan_says_what_models_can_show() -> None:
    plan = make_plan(study_of(asked()), MLP)
    (planned,) = plan.contrasts
    assert (planned.test, planned.smallest_p) == ("hartung_knapp", None)
    assert planned.detectable_effect == pytest.approx(detectable_effect(num_seeds=5, alpha=0.05))
    assert "over 5 models, in standard deviations of the effects that models show" in plan.power.basis


def test_models_in_general_is_another_question_than_their_average() -> None:
    """Asked of results that an earlier study averaged as fixed, it comes after the fact."""
    fixed, general = (compile_contrasts(design_of(asked(random=name))) for name in (None, "model"))
    design = design_of(asked())
    known = {(arm.id, seed): 1.0 for arm in design.arms for seed in design.seeds}
    for asked_before, late in ((fixed, True), (general, False)):
        earlier = Earlier(
            asked_at=0.0,
            ended_at=2.0,
            over_at=2.0,
            contrasts=asked_before,
            seeds=frozenset(design.seeds),
            arms={},
        )
        precedent = Precedent(asked_at=3.0, known=known, earlier=(earlier,))
        found = in_hindsight(general, precedent, design.seeds).contrasts
        assert [contrast.post_hoc for contrast in found.contrasts] == [late]

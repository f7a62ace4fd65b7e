"""Questions that are impossible or mean nothing: refused before anything is planned, with the reason."""

from typing import Any

import pytest

from ablations.contrasts.contrast import compile_contrasts
from ablations.effects.judge import judge
from ablations.errors import InvalidStudy, NotEstimable, TooFewSeeds
from ablations.plan.compile import compile_design
from ablations.plan.plan import make_plan
from tests.unit.ablations.manifests import MLP
from tests.unit.ablations.studies import EXAMPLE, SMALL, design_of, study_of
from tests.unit.ablations.trials import results_of

THREE: dict[str, Any] = {
    **SMALL,
    "factors": {"scalars": ["none", "shared"], "base": ["relu", "mish"], "depth": [1, 5]},
}
RECIPE: dict[str, Any] = {
    **SMALL,
    "design": "leave_one_out",
    "factors": {"scalars": ["per_layer"], "dropout": [0.2]},
    "baseline": {},
}


def reasons(data: dict[str, Any], kind: type[InvalidStudy] = InvalidStudy, **changes: Any) -> dict[str, str]:
    """Why a study is refused, by path: the same when it is planned as when it is compiled."""
    found = []
    for ask in (compile_design, make_plan):
        with pytest.raises(kind) as caught:
            ask(study_of(data, **changes), MLP)  # type: ignore[operator]
        found.append({problem.path: problem.detail for problem in caught.value.problems})
    assert found[0] == found[1]
    return found[0]


def asking(**contrast: Any) -> dict[str, Any]:
    return {"contrasts": {"it": contrast}}


@pytest.mark.parametrize(
    ("contrast", "name"),
    [
        ({"vary": "scalars", "over": ["base"]}, "depth"),
        ({"vary": "scalars", "within": ["depth"]}, "base"),
        ({"vary": "scalars", "interaction": "base"}, "depth"),
        ({"vary": "depth", "trend": "log", "over": ["base"]}, "scalars"),
    ],
)
def test_a_varying_factor_that_is_neither_within_nor_over(contrast: dict[str, Any], name: str) -> None:
    found = reasons(THREE, analysis=asking(**contrast))
    assert found == {"analysis.contrasts.it.over": f"{name} varies here and is neither within nor over"}


def test_what_does_not_vary_need_not_be_named() -> None:
    design_of(THREE, analysis=asking(vary="scalars", over=["base"], where={"depth": 5}))


@pytest.mark.parametrize("margin", [{}, {"test_accuracy": 0.01}])
def test_equivalence_is_asked_by_a_margin_and_not_by_a_test(margin: dict[str, float]) -> None:
    found = reasons(SMALL, analysis={"test": "tost", "margin": margin})
    assert "needs a margin" in found["analysis.test"]


@pytest.mark.parametrize("margin", [0, -0.01])
def test_a_margin_within_which_nothing_lies(margin: float) -> None:
    assert list(reasons(SMALL, analysis={"margin": {"test_accuracy": margin}})) == [
        "analysis.margin.test_accuracy"
    ]


def test_without_a_margin_no_row_is_called_equivalent() -> None:
    design = design_of(SMALL, seeds=10)
    effects = judge(compile_contrasts(design), results_of(design, lambda _: 0.8, noise=1e-6), final=True)
    (row,) = effects.contrasts[0].rows
    assert row.verdict == "inconclusive" and "tost" not in row.others


def test_a_baseline_that_the_rules_exclude() -> None:
    found = reasons(THREE, NotEstimable, exclude=[{"scalars": "none"}])
    assert found == {"baseline.scalars": "no arm with scalars='none' is left"}
    found = reasons(THREE, NotEstimable, require=[{"then": {"scalars": "shared"}}])
    assert found == {"baseline.scalars": "no arm with scalars='none' is left"}
    found = reasons(RECIPE, NotEstimable, exclude=[{"dropout": 0.0}])
    assert found == {"factors.dropout": "no arm with dropout=0.0 is left"}


APART = [{"scalars": "shared", "depth": 1}, {"scalars": "none", "depth": 5}]


@pytest.mark.parametrize(
    ("changes", "path", "words"),
    [
        ({}, "baseline.scalars", "scalars never changes alone"),
        (
            {"analysis": asking(vary="scalars", over=["base", "depth"])},
            "analysis.contrasts.it",
            "scalars never changes alone",
        ),
        (
            {"analysis": asking(vary="depth", trend="log", over=["base", "scalars"])},
            "analysis.contrasts.it",
            "depth never changes alone",
        ),
        (
            {"analysis": asking(vary="base", against="relu", interaction="depth", over=["scalars"])},
            "analysis.contrasts.it",
            "base never changes alone at two levels of depth",
        ),
    ],
)
def test_a_contrast_without_a_single_matched_pair(changes: dict[str, Any], path: str, words: str) -> None:
    found = reasons(THREE, NotEstimable, exclude=APART, **changes)
    assert list(found) == [path]
    assert found[path] == f"no two arms match: {words}"


def test_a_recipe_whose_full_form_is_excluded() -> None:
    found = reasons(RECIPE, NotEstimable, exclude=[{"scalars": "per_layer", "dropout": 0.2}])
    assert found == {
        "factors.scalars": "no two arms match: scalars never changes alone",
        "factors.dropout": "no two arms match: dropout never changes alone",
    }


def test_a_level_without_a_partner_is_told_while_others_have_one() -> None:
    factors = {"scalars": ["none", "shared", "per_layer"], "depth": [1, 5]}
    rules = [{"scalars": "per_layer", "depth": 5}, {"scalars": "none", "depth": 1}]
    plan = make_plan(study_of(SMALL, factors=factors, exclude=rules), MLP)
    assert "scalars: no arm with scalars=per_layer matches one with none" in plan.to_json()["warnings"]
    found = reasons(
        SMALL,
        NotEstimable,
        factors=factors,
        exclude=rules,
        analysis=asking(vary="scalars", of="per_layer", over=["depth"]),
    )
    assert list(found) == ["analysis.contrasts.it"]


@pytest.mark.parametrize("seeds", [1, [3]])
def test_fewer_than_two_seeds_for_an_interval(seeds: Any) -> None:
    assert reasons(SMALL, TooFewSeeds, seeds=seeds) == {"seeds": "an interval needs 2 seeds"}
    assert design_of(SMALL, baseline={}, seeds=seeds).questions == ()  # nothing is asked, so nothing is owed


@pytest.mark.parametrize(
    ("rules", "path", "rule"),
    [
        ({"exclude": [{"depth": {"ge": 1}}]}, "exclude", "exclude.0: depth="),
        ({"require": [{"then": {"depth": 1}}, {"then": {"depth": 5}}]}, "require", "require."),
    ],
)
def test_rules_that_exclude_everything(rules: dict[str, Any], path: str, rule: str) -> None:
    found = reasons(THREE, NotEstimable, **rules)
    assert list(found) == [path]
    assert found[path].startswith(f"every arm is excluded: {rule}")


@pytest.mark.parametrize(
    "other",
    [
        {"depth": [1, 5]},
        {"size": {"a": {"depth": 1, "lr": 0.1}, "b": {"depth": 5, "lr": 0.1}}},
    ],
)
def test_a_bundle_that_sets_what_another_factor_sets(other: dict[str, Any]) -> None:
    model = {"small": {"depth": 2, "width": 64}, "deep": {"depth": 20, "width": 32}}
    found = reasons(EXAMPLE, factors={"scalars": ["none", "shared"], "model": model, **other}, analysis={})
    assert "is also set by the factor" in " ".join(found.values())
    assert any("depth" in detail for detail in found.values())

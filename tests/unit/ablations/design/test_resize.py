"""A number of seeds that a pilot sets: what the study file may say of it, and what it does not go with."""

from typing import Any

import pytest

from ablations.design.design import num_trials
from ablations.errors import InvalidStudy
from ablations.study.analysis import ResizedSpec
from ablations.study.parsing import parse_study
from tests.unit.ablations.studies import SMALL, design_of, study_of

RULE: dict[str, Any] = {"pilot": 4, "power": 0.8, "margin": 0.01, "max": 20}
FOUND = ResizedSpec(
    seeds=9, spread=0.01, row="shared against none", pairs=4, missing=0, unknown=[], enough=True
)


def resized(rule: dict[str, Any], **changes: Any) -> Any:
    """A study under this rule, with some of its fields replaced."""
    analysis = {**changes.pop("analysis", {}), "resize": rule}
    return design_of(SMALL, **{"seeds": ..., "analysis": analysis, **changes})


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in RULE.items() if key != name}


def test_a_study_starts_with_its_pilot_and_says_the_rule() -> None:
    design = resized(RULE)
    assert design.seeds == (0, 1, 2, 3) and num_trials(design) == 16
    assert len(design.largest.seeds) == 20 and num_trials(design, at_most=True) == 80
    assert design.resize.rule == (
        "starts with 4 seeds; the number is set once from the spread of the pilot, blinded to which arm is"
        " which, so that a difference of 0.01 in test_accuracy is found with a chance of 80 %; at most 20"
    )


def test_what_the_pilot_set_is_the_number_of_seeds_from_then_on() -> None:
    study = resized(RULE).study.resized(FOUND)
    again = parse_study(study.to_json())
    assert again == study and again.seed_list() == tuple(range(9))
    design = design_of(again.to_json())
    assert len(design.seeds) == 9 and not design.resize.pending and design.largest is design
    with pytest.raises(ValueError, match="no number of seeds to be set"):
        study.resized(FOUND)
    with pytest.raises(ValueError, match="no number of seeds to be set"):
        study_of(SMALL).resized(FOUND)


def test_the_margin_is_that_of_the_analysis_where_none_is_said() -> None:
    design = resized(without("margin"), analysis={"margin": {"test_accuracy": 0.03}})
    assert design.resize.margin == 0.03
    design = resized({**RULE, "margin": "5 %"}, metric="train_loss")
    assert design.resize.margin == pytest.approx(0.05) and "factor 1.05" in design.resize.rule


@pytest.mark.parametrize(
    ("rule", "changes", "path", "word"),
    [
        (RULE, {"seeds": 4}, "seeds", "leave seeds out"),
        (RULE, {"seeds": [0, 1, 2, 3]}, "seeds", "leave seeds out"),
        (RULE, {"analysis": {"looks": [4, 20]}}, "analysis.looks", "declare one of them"),
        ({**RULE, "max": 4}, {}, "analysis.resize.max", "no more than the pilot's"),
        (RULE, {"baseline": {}}, "analysis.resize", "judges nothing"),
        (without("margin"), {}, "analysis.resize.margin", "difference in test_accuracy that is to be found"),
        ({**RULE, "margin": "5 %"}, {}, "analysis.resize.margin", "linear"),
        (RULE, {"metric": "train_loss"}, "analysis.resize.margin", "compared by factors"),
        (
            RULE,
            {
                "tuning": {"candidates": 4, "repeats": 4, "space": {"lr": [0.1, 0.2, 0.3, 0.4]}},
            },
            "tuning.repeats",
            "must know their number at the start",
        ),
        (
            RULE,
            {"metric": ..., "metrics": [{"name": "low", "of": "test_accuracy", "below": 0.8}]},
            "analysis.resize",
            "is a rate",
        ),
        (
            RULE,
            {"analysis": {"contrasts": {"slope": {"vary": "depth", "trend": "log", "over": ["scalars"]}}}},
            "analysis.resize",
            "slope",
        ),
        ({**RULE, "max": 10_000}, {"factors": {"depth": list(range(1, 200))}, "baseline": {"depth": 1}},
         "analysis.resize.max", "at most 1000000 are planned"),
    ],
)  # fmt: skip
def test_what_it_does_not_go_with_is_refused_by_its_path(
    rule: dict[str, Any], changes: dict[str, Any], path: str, word: str
) -> None:
    with pytest.raises(InvalidStudy) as caught:
        resized(rule, **changes)
    assert word in next(problem.detail for problem in caught.value.problems if problem.path == path)


@pytest.mark.parametrize(
    ("rule", "path", "allowed"),
    [
        ({**RULE, "pilot": 2}, "pilot", {"low": 3}),
        ({**RULE, "pilot": 4.5}, "pilot", None),
        ({**RULE, "max": 3}, "max", {"low": 4}),
        ({**RULE, "max": 10_001}, "max", {"high": 10_000}),
        ({**RULE, "power": 0.4}, "power", {"low": 0.5}),
        ({**RULE, "power": 1.0}, "power", {"high": 0.99}),
        ({**RULE, "margin": 0}, "margin", None),
        (without("max"), "max", None),
        (without("pilot"), "pilot", None),
        ({**RULE, "seeds": 9}, "seeds", ["found", "margin", "max", "pilot", "power"]),
    ],
)
def test_bounds_are_named(rule: dict[str, Any], path: str, allowed: Any) -> None:
    with pytest.raises(InvalidStudy) as caught:
        study_of(SMALL, seeds=..., analysis={"resize": rule})
    (problem,) = caught.value.problems
    assert problem.path == f"analysis.resize.{path}" and problem.allowed == allowed

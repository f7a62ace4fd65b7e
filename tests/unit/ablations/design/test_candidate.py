"""Candidates of a search: their scores and their order."""

import itertools
from typing import Any

import pytest

from ablations.design.candidate import Candidate, mean_score, rank
from tests.unit.ablations.studies import SMALL, design_of

TUNING: dict[str, Any] = {"candidates": 4, "space": {"lr": [0.1, 0.01, 0.001], "momentum": [0.5, 0.9]}}


def numbers(scores: list[float | None], settings: list[dict[str, Any]], **changes: Any) -> list[int]:
    design = design_of(SMALL, tuning={**TUNING, **changes})
    candidates = [Candidate(number=i, settings=own) for i, own in enumerate(settings)]
    ranked = rank(design, design.arms, candidates, dict(enumerate(scores)))
    return [one.candidate.number for one in ranked]


def rates(*lrs: float) -> list[dict[str, Any]]:
    return [{"lr": lr, "momentum": 0.5} for lr in lrs]


def test_the_best_is_first_and_the_earlier_of_two_equals() -> None:
    assert numbers([0.1, 0.9, 0.9, 0.2], rates(1, 2, 3, 4)) == [1, 2, 3, 0]
    metric = {"name": "val_accuracy", "goal": "minimize"}
    assert numbers([0.1, 0.9, 0.9, 0.2], rates(1, 2, 3, 4), metric=metric) == [0, 3, 1, 2]


def test_without_a_score_a_candidate_has_no_place() -> None:
    assert numbers([None, 0.9, None, 0.2], rates(1, 2, 3, 4)) == [1, 3]
    assert numbers([None], rates(1)) == []


def test_what_applies_to_no_arm_makes_no_second_candidate() -> None:
    settings = [{"lr": 1.0, "momentum": 0.5}, {"lr": 1.0, "momentum": 0.9}, {"lr": 2.0, "momentum": 0.9}]
    assert numbers([0.1, 0.2, 0.1], settings) == [1, 2]


@pytest.mark.parametrize(
    ("outcomes", "score"),
    [
        ([("done", 0.5), ("done", 0.7)], 0.6),
        ([("done", 0.5), ("diverged", None)], 0.25),
        ([("diverged", 0.9)], 0.0),
        ([("done", None)], 0.0),
        ([("done", float("nan")), ("done", 1.0)], 0.5),
        ([("done", 1.5e308), ("done", 1.5e308)], 1.5e308),
        ([("done", 0.5), ("failed", None)], None),
        ([("done", 0.5), ("running", 0.6)], None),
        ([("cancelled", None)], None),
        ([], None),
    ],
)
def test_the_score_of_a_candidate(outcomes: list[tuple[str, float | None]], score: float | None) -> None:
    assert mean_score(outcomes, 0.0) == pytest.approx(score)


def test_the_order_of_its_trials_is_nothing_to_a_score() -> None:
    orders = itertools.permutations([("done", value) for value in (0.1, 0.2, 0.3, 0.7, 1e-17)])
    assert len({mean_score(order, 0.0) for order in orders}) == 1

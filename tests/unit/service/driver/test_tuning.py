"""Searches: seeded, in fixed batches, indifferent to the order in which scores come in."""

import random
from collections.abc import Callable
from typing import Any

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from ablations.spec import Tuning
from service.driver.tuning import ArmSearch, Candidate, distributions, mean_score
from tests.unit.ablations.manifests import MLP

SPACE = {"lr": FloatDistribution(1e-4, 1e-1, log=True), "width": IntDistribution(8, 64)}


def search(sampler: str = "tpe", *, seed: int = 7, num: int = 22, **options: Any) -> ArmSearch:
    return ArmSearch(space=SPACE, sampler=sampler, goal="maximize", num_candidates=num, seed=seed, **options)


def value(candidate: Candidate) -> float:
    """Best near lr = 1e-2."""
    return -abs(float(candidate.settings["lr"]) - 1e-2)  # type: ignore[arg-type]


def run(search: ArmSearch, order: Callable[[list[Candidate]], object] = len) -> list[Candidate]:
    found: list[Candidate] = []
    while batch := search.ask():
        found += batch
        order(batch)
        for candidate in batch:
            search.score(candidate.number, value(candidate))
    return found


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_the_same_seed_searches_the_same_points_in_whatever_order_scores_come(sampler: str) -> None:
    straight = run(search(sampler))
    shuffled = run(search(sampler), random.Random(0).shuffle)
    assert straight == shuffled
    assert [candidate.number for candidate in straight] == list(range(22))


def test_another_seed_searches_other_points() -> None:
    assert run(search(seed=1))[0] != run(search(seed=2))[0]


def test_scores_steer_tpe_and_not_random() -> None:
    def points(sampler: str, sign: float) -> list[Candidate]:
        one = search(sampler)
        found: list[Candidate] = []
        while batch := one.ask():
            found += batch
            for candidate in batch:
                one.score(candidate.number, sign * value(candidate))
        return found

    assert points("tpe", 1.0)[:10] == points("tpe", -1.0)[:10]
    assert points("tpe", 1.0)[10:] != points("tpe", -1.0)[10:]
    assert points("random", 1.0) == points("random", -1.0)


def test_a_batch_waits_for_the_scores_of_the_last() -> None:
    one = search()
    batch = one.ask()
    assert len(batch) == 10
    for candidate in batch[:-1]:
        one.score(candidate.number, 0.0)
        assert one.ask() == []
    one.score(batch[-1].number, 0.0)
    assert len(one.ask()) == 4


def test_the_budget_is_exact() -> None:
    one = search(num=11)
    assert len(run(one)) == 11
    assert one.finished
    assert one.ask() == []


def test_the_best_is_the_best_and_the_earlier_of_two_equals() -> None:
    one = search("random", num=4)
    for candidate, score in zip(one.ask(), (0.1, 0.9, 0.9, 0.2), strict=True):
        one.score(candidate.number, score)
    best = one.best()
    assert best is not None and best.number == 1


def test_a_failed_candidate_is_never_the_best_and_does_not_stop_the_search() -> None:
    one = search("tpe", num=14)
    while batch := one.ask():
        for candidate in batch:
            one.score(candidate.number, None if candidate.number != 3 else -5.0)
    best = one.best()
    assert best is not None and best.number == 3


def test_without_a_score_there_is_no_best() -> None:
    one = search("random", num=2)
    for candidate in one.ask():
        one.score(candidate.number, None)
    assert one.finished and one.best() is None


def test_start_points_come_first() -> None:
    first, second = search(start=[{"lr": 0.05, "width": 9}, {"lr": 0.06}]).ask()[:2]
    assert first.settings == {"lr": 0.05, "width": 9}
    assert second.settings["lr"] == 0.06


def test_spaces_take_the_type_of_their_setting() -> None:
    space = {
        "lr": {"low": 1e-4, "high": 1e-1, "log": True},
        "width": {"low": 8, "high": 64},
        "base": ["relu"],
    }
    tuning = Tuning.model_validate({"candidates": 4, "space": space})
    assert distributions(tuning, MLP) == {
        "base": CategoricalDistribution(("relu",)),
        "lr": FloatDistribution(1e-4, 1e-1, log=True),
        "width": IntDistribution(8, 64),
    }


@pytest.mark.parametrize(
    ("rows", "score"),
    [
        ([("done", 0.5), ("done", 0.7)], 0.6),
        ([("done", 0.5), ("diverged", None)], 0.25),
        ([("diverged", 0.9)], 0.0),
        ([("done", None)], 0.0),
        ([("done", 0.5), ("failed", None)], None),
        ([("cancelled", None)], None),
    ],
)
def test_the_score_of_a_candidate(rows: list[tuple[str, float | None]], score: float | None) -> None:
    trials = [{"state": state, "metrics": {"accuracy": number}} for state, number in rows]
    assert mean_score(trials, "accuracy", 0.0) == pytest.approx(score)

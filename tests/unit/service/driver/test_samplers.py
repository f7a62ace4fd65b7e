"""Searches: seeded, in fixed batches, indifferent to the order in which scores come in."""

import math
import random
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from scipy.stats import qmc

from ablations.design.candidate import Candidate
from ablations.study.spec import TuningSpec
from service.driver.samplers import Search, distributions
from tests.unit.ablations.manifests import MLP

SPACE = {"lr": FloatDistribution(1e-4, 1e-1, log=True), "width": IntDistribution(8, 64)}
LISTS = {
    "lr": CategoricalDistribution((0.1, 0.01, 0.001)),
    "base": CategoricalDistribution(("relu", "mish")),
    "bias": CategoricalDistribution((True, False)),
}
SAMPLERS = ["tpe", "random", "grid", "qmc", "gp", "cmaes"]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """On tiny matrices, threads that wait for each other on a busy machine cost minutes."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def search(sampler: str = "tpe", *, seed: int = 7, num: int = 22, **options: Any) -> Search:
    space = LISTS if sampler == "grid" else SPACE
    return Search(space=space, sampler=sampler, goal="maximize", num_candidates=num, seed=seed, **options)


def value(candidate: Candidate) -> float:
    """Best near lr = 1e-2."""
    return -abs(float(candidate.settings["lr"]) - 1e-2)  # type: ignore[arg-type]


def run(search: Search, order: Callable[[list[Candidate]], object] = len) -> list[Candidate]:
    found: list[Candidate] = []
    while batch := search.ask():
        found += batch
        order(batch)
        for candidate in batch:
            search.score(candidate.number, value(candidate))
    return found


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_same_seed_searches_the_same_points_in_whatever_order_scores_come(sampler: str) -> None:
    straight = run(search(sampler))
    shuffled = run(search(sampler), random.Random(0).shuffle)
    assert straight == shuffled
    assert [candidate.number for candidate in straight] == list(range(22))


@pytest.mark.parametrize("sampler", [name for name in SAMPLERS if name != "grid"])
def test_another_seed_searches_other_points(sampler: str) -> None:
    assert search(sampler, seed=1).ask()[0] != search(sampler, seed=2).ask()[0]


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_scores_steer_who_looks_at_them(sampler: str) -> None:
    def points(sign: float) -> list[Candidate]:
        one = search(sampler)
        found: list[Candidate] = []
        while batch := one.ask():
            found += batch
            for candidate in batch:
                one.score(candidate.number, sign * value(candidate))
        return found

    rising, falling = points(1.0), points(-1.0)
    blind = {"random": 22, "grid": 22, "qmc": 22, "tpe": 10, "gp": 10, "cmaes": 6}[sampler]
    assert rising[:blind] == falling[:blind]
    assert (rising[blind:] != falling[blind:]) == (blind < 22)


@pytest.mark.parametrize("sampler", ["tpe", "gp", "cmaes"])
def test_a_steered_search_comes_nearer_than_chance(sampler: str) -> None:
    def miss(settings: Any) -> float:
        return (math.log10(settings["lr"]) + 1.7) ** 2 + ((settings["width"] - 50) / 56) ** 2

    def best(name: str, seed: int) -> float:
        one = search(name, seed=seed, num=40)
        while batch := one.ask():
            for candidate in batch:
                one.score(candidate.number, -miss(candidate.settings))
        return min(miss(candidate.settings) for candidate in one.candidates)

    wins = sum(best(sampler, seed) < best("random", seed) for seed in range(5))
    assert wins >= 4


def test_a_grid_tries_every_point_once_and_its_last_setting_varies_fastest() -> None:
    points = [candidate.settings for candidate in search("grid", num=12).ask()]
    assert points[:3] == [
        {"base": "relu", "bias": True, "lr": 0.1},
        {"base": "relu", "bias": True, "lr": 0.01},
        {"base": "relu", "bias": True, "lr": 0.001},
    ]
    assert len({tuple(sorted(point.items())) for point in points}) == 12
    assert [candidate.settings for candidate in search("grid", num=14).ask()] == [*points, *points[:2]]


def test_low_discrepancy_points_fill_the_space_more_evenly_than_chance() -> None:
    def places(sampler: str, seed: int) -> np.ndarray:
        points = [candidate.settings for candidate in search(sampler, seed=seed, num=50).ask()]
        return np.array([[(math.log10(p["lr"]) + 4) / 3, (p["width"] - 7.5) / 57] for p in points])  # type: ignore[operator, arg-type]

    for seed in range(5):
        even, chance = (qmc.discrepancy(places(name, seed)) for name in ("qmc", "random"))
        assert even < 0.5 * chance
    lowest = np.sort(places("qmc", 0)[:, 0])
    assert np.abs(lowest - (np.arange(50) + 0.5) / 50).max() < 0.05


def test_low_discrepancy_points_take_every_kind_of_setting() -> None:
    space = {
        **LISTS,
        "depth": IntDistribution(1, 4),
        "size": IntDistribution(1, 1000, log=True),
        "rate": FloatDistribution(0.0, 0.5),
    }
    one = Search(space=space, sampler="qmc", goal="minimize", num_candidates=400, seed=3)
    points = [candidate.settings for candidate in one.ask()]
    for name in ("base", "bias", "depth", "lr"):
        counts = Counter(point[name] for point in points)  # type: ignore[arg-type]
        assert max(counts.values()) - min(counts.values()) <= 4, name
    sizes = [point["size"] for point in points]
    assert all(isinstance(size, int) and 1 <= size <= 1000 for size in sizes)
    assert 180 <= sum(size < 32 for size in sizes) <= 240  # type: ignore[operator, misc]
    assert all(0.0 <= point["rate"] <= 0.5 for point in points)  # type: ignore[operator]


@pytest.mark.parametrize("sampler", ["qmc", "gp", "cmaes"])
def test_start_points_are_tried_first_by_every_sampler(sampler: str) -> None:
    first, second = search(sampler, start=[{"lr": 0.05, "width": 9}, {"lr": 0.06}]).ask()[:2]
    assert first.settings == {"lr": 0.05, "width": 9}
    assert second.settings["lr"] == 0.06 and 8 <= int(str(second.settings["width"])) <= 64


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_an_arm_to_which_nothing_applies_has_the_same_budget(sampler: str) -> None:
    one = Search(space={}, sampler=sampler, goal="maximize", num_candidates=13, seed=0)
    found: list[Candidate] = []
    while batch := one.ask():
        found += batch
        for candidate in batch:
            one.score(candidate.number, 0.0)
    assert [dict(candidate.settings) for candidate in found] == [{}] * 13
    assert one.finished


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


def test_a_failed_candidate_does_not_stop_the_search() -> None:
    one = search("tpe", num=14)
    while batch := one.ask():
        for candidate in batch:
            one.score(candidate.number, None if candidate.number != 3 else -5.0)
    assert one.finished and one.scores == {number: -5.0 if number == 3 else None for number in range(14)}


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
    tuning = TuningSpec.model_validate({"candidates": 4, "space": space})
    assert distributions(tuning, MLP) == {
        "base": CategoricalDistribution(("relu",)),
        "lr": FloatDistribution(1e-4, 1e-1, log=True),
        "width": IntDistribution(8, 64),
    }


def test_a_gp_search_keeps_to_one_thread() -> None:
    torch.set_num_threads(2)
    search("tpe")
    assert torch.get_num_threads() == 2
    search("gp")
    assert torch.get_num_threads() == 1

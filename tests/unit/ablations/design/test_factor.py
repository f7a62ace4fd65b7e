"""Factors: levels as values, levels as bundles, which are numbers and which are in order."""

from typing import Any

import pytest

from ablations.design.factor import Factor, read_factors
from ablations.errors import InvalidStudy, Problems
from tests.unit.ablations.manifests import MLP
from tests.unit.ablations.studies import SMALL, design_of, study_of


def factor_of(name: str, levels: Any) -> Factor:
    problems = Problems()
    (factor,) = read_factors(study_of(SMALL, factors={name: levels}, baseline={}), MLP, problems)
    problems.raise_if_any()
    return factor


def paths_of(factors: dict[str, Any]) -> dict[str, str]:
    problems = Problems()
    read_factors(study_of(SMALL, factors=factors, baseline={}), MLP, problems)
    with pytest.raises(InvalidStudy) as error:
        problems.raise_if_any()
    return {problem.path: problem.detail for problem in error.value.problems}


def test_numbers_know_that_they_are() -> None:
    depth = factor_of("depth", [5, 1.0, 10])
    assert depth.names == (5, 1, 10) and depth.numeric and depth.ordered
    assert [type(name) for name in depth.names] == [int, int, int]
    assert depth.index(1) == depth.index(1.0) == 1
    assert depth.index(True) is None and depth.index("1") is None


def test_words_have_an_order_only_where_the_setting_declares_one() -> None:
    base = factor_of("base", ["relu", "mish"])
    assert not base.numeric and not base.ordered
    size = factor_of("size", ["l", "s"])
    assert size.ordered and not size.numeric and size.names == ("s", "l")


def test_truth_values_are_no_numbers() -> None:
    augment = factor_of("augment", [False, True])
    assert not augment.numeric and not augment.ordered


def test_a_condition_is_known() -> None:
    assert factor_of("beta_init", [0, 0.5]).when == {"scalars": ("shared", "per_layer", "per_channel")}


def test_bundles_of_a_setting_set_it_too() -> None:
    depth = factor_of("depth", {"10": {"lr": 0.1}, "2": {"lr": 0.2}})
    assert depth.names == (2, 10) and depth.numeric
    assert depth.levels[0].settings == {"depth": 2, "lr": 0.2}
    assert depth.settings == ("depth", "lr")


def test_bundles_may_rename_a_setting() -> None:
    optimizer = factor_of("optimizer", {"fast": {"optimizer": "sgd", "lr": 1}, "slow": {"optimizer": "adam"}})
    assert optimizer.names == ("fast", "slow")
    assert optimizer.levels[0].settings == {"optimizer": "sgd", "lr": 1.0}


def test_bundles_need_no_setting_of_their_name() -> None:
    act = factor_of("act", {"b": {"base": "mish"}, "a": {"base": "relu"}})
    assert act.names == ("a", "b") and not act.ordered and act.when == {}


def test_a_level_may_be_null() -> None:
    assert factor_of("clip", [None, 1]).names == (None, 1.0)


@pytest.mark.parametrize(
    "factors, path",
    [
        ({"flavour": [1, 2]}, "factors.flavour"),
        ({"base": ["relu", "rulu"]}, "factors.base.1"),
        ({"depth": [1, 0, -1]}, "factors.depth.2"),
        ({"depth": [1, 2, 1.0]}, "factors.depth.2"),
        ({"depth": [True]}, "factors.depth.0"),
        ({"milestones": [0.5]}, "factors.milestones"),
        ({"act": {"a": {"flavour": 1}}}, "factors.act.a.flavour"),
        ({"act": {"a": {"base": "rulu"}}}, "factors.act.a.base"),
        ({"act": {"a": {}}}, "factors.act.a"),
        ({"act": {"a": {"base": "relu"}, "b": {"base": "relu"}}}, "factors.act.b"),
        ({"depth": {"two": {"lr": 0.1}}}, "factors.depth.two"),
        ({"depth": {"2": {"lr": 0.1}, "2.0": {"lr": 0.2}}}, "factors.depth.2.0"),
        ({"act": {"a": {"base": "relu"}}, "base": ["mish"]}, "factors.base"),
    ],
)
def test_refused_by_path(factors: dict[str, Any], path: str) -> None:
    assert path in paths_of(factors)


def test_what_another_factor_sets_is_named() -> None:
    detail = paths_of({"act": {"a": {"base": "relu", "lr": 0.1}}, "lr": [0.1]})["factors.lr"]
    assert "lr" in detail and "act" in detail


def test_a_level_named_by_a_number_is_found_by_it() -> None:
    design = design_of(
        SMALL, factors={"act": {"1": {"base": "relu"}, "2": {"base": "mish"}}}, baseline={"act": 1}
    )
    assert design.layout.baseline == {"act": "1"}


def test_a_bundle_of_a_number_is_named_by_one_or_sets_it() -> None:
    found = paths_of({"depth": {"shallow": {"width": 8}, "2": {"width": 16}}})
    assert list(found) == ["factors.depth.shallow"]

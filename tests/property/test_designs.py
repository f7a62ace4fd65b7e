"""What holds for every design: arms, weights, ids, and refusals that are never crashes."""

import copy
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ablations.contrasts.contrast import Contrast, compile_contrasts
from ablations.design.design import Design, num_trials, planned_trials
from ablations.errors import AblationError
from ablations.identity import arm_id, canonical
from ablations.plan.compile import compile_design
from ablations.plan.plan import make_plan
from ablations.study.parsing import parse_study
from tests.property.designs import (
    BUNDLES,
    any_study,
    compiled,
    described,
    factorial,
    leave_one_out,
    listed,
    one_factor,
)
from tests.unit.ablations import enumeration
from tests.unit.ablations.manifests import DYNAMIC, MLP
from tests.unit.ablations.studies import EXAMPLE, SMALL

RULES = {"alpha_init": "scalars", "beta_init": "scalars", "momentum": "optimizer", "nesterov": "optimizer"}


def applies(name: str, arm: dict[str, Any]) -> bool:
    """Whether a factor applies, by the conditions of the manifest read by hand."""
    if name in BUNDLES:
        return True  # each sets at least one setting that always applies
    gate = RULES.get(name)
    if gate is None:
        return True
    return arm.get(gate, "none" if gate == "scalars" else "adam") in (*DYNAMIC, "sgd")


def all_contrasts(design: Design) -> Iterator[Contrast]:
    found = compile_contrasts(design)
    yield from (*found.contrasts, *found.exploratory)


def shuffled(value: Any, seed: int) -> Any:
    """The same data with every object's keys in another order."""
    if isinstance(value, dict):
        items = [(key, shuffled(item, seed)) for key, item in value.items()]
        random.Random(seed).shuffle(items)
        return dict(items)
    return [shuffled(item, seed) for item in value] if isinstance(value, list) else value


@given(factorial())
@settings(deadline=None, max_examples=40)
def test_a_factorial_has_every_arm_and_none_twice(study: dict[str, Any]) -> None:
    names = {name: list(levels) for name, levels in study["factors"].items()}
    expected = enumeration.collapse(enumeration.crossed(names), applies)
    design = compiled(study)
    assert len(design.arms) == len(expected)
    assert all(any(arm.levels == levels for arm in design.arms) for levels in expected)
    assert design.collapsed == len(enumeration.crossed(names)) - len(expected)


@given(one_factor())
@settings(deadline=None, max_examples=40)
def test_one_factor_arms_differ_from_the_centre_in_one_judged_factor(study: dict[str, Any]) -> None:
    design = compiled(study)
    baseline = design.layout.baseline
    for arm in design.arms:
        moved = [name for name in baseline if name in arm.levels and arm.levels[name] != baseline[name]]
        assert len(moved) <= 1


@given(leave_one_out())
@settings(deadline=None, max_examples=40)
def test_leaving_out_has_the_full_recipe_and_each_without(study: dict[str, Any]) -> None:
    design = compiled(study)
    components, off = design.layout.components, design.layout.baseline
    options, strata = study["leave_one_out"], len(study["factors"].get("depth", [0]))
    wanted = {(), *((name,) for name in components)}
    wanted |= {(a, b) for a in components for b in components if a < b} if options["pairs"] else set()
    wanted |= {tuple(sorted(components))} if options["anchor"] else set()
    found = [tuple(sorted(n for n in components if arm.levels[n] == off[n])) for arm in design.arms]
    assert sorted(set(found)) == sorted({tuple(sorted(names)) for names in wanted})
    assert len(found) == len(set(found)) * strata


@given(any_study(), st.integers(0, 1000))
@settings(deadline=None, max_examples=40)
def test_arms_are_distinct_and_no_order_of_keys_matters(study: dict[str, Any], seed: int) -> None:
    design = compiled(study)
    assert len({arm.id for arm in design.arms}) == len(design.arms)
    assert len({canonical(dict(arm.settings)) for arm in design.arms}) == len(design.arms)
    assert all(arm.id == arm_id(arm.levels) for arm in design.arms)
    other = shuffled(study, seed)
    assert compiled({**other, "baseline": study.get("baseline", {})}).arms == design.arms
    trials = planned_trials(design)
    assert len({(trial.arm.id, trial.seed) for trial in trials}) == len(trials) == num_trials(design)


@given(listed())
@settings(deadline=None, max_examples=40)
def test_a_listed_design_has_the_arms_it_lists(study: dict[str, Any]) -> None:
    arms = [dict(arm.levels) for arm in compiled(study).arms]
    assert len(arms) == len(study["arms"])
    assert all(arm in arms for arm in study["arms"])


@pytest.fixture(scope="module")
def elsewhere() -> Iterator["subprocess.Popen[str]"]:
    """Another process, in which strings hash otherwise, that describes studies."""
    code = (
        "import json, sys\nfrom tests.property.designs import described\n"
        "for line in sys.stdin: print(json.dumps(described(json.loads(line))), flush=True)"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": os.pathsep.join(sys.path)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code], text=True, env=environment, **pipes) as process:
        yield process


@given(study=any_study())
@settings(deadline=None, max_examples=40)
def test_another_process_finds_the_same_arms_and_rows(
    elsewhere: "subprocess.Popen[str]", study: dict[str, Any]
) -> None:
    compiled(study)
    assert elsewhere.stdin is not None and elsewhere.stdout is not None
    elsewhere.stdin.write(json.dumps(study) + "\n")
    elsewhere.stdin.flush()
    assert json.loads(elsewhere.stdout.readline()) == json.loads(json.dumps(described(study)))


@given(any_study())
@settings(deadline=None, max_examples=40)
def test_excluded_and_kept_arms_do_not_overlap(study: dict[str, Any]) -> None:
    design = compiled(study)
    kept = [arm.levels for arm in design.arms]
    assert all(row.levels not in kept and row.reason for row in design.excluded)


@given(any_study())
@settings(deadline=None, max_examples=40)
def test_weights_find_a_planted_effect_and_nothing_else(study: dict[str, Any]) -> None:
    """A value that depends on the stratum only scores 0; one that depends on the level scores its change."""
    design = compiled(study)
    for contrast in all_contrasts(design):
        if contrast.factor not in design.layout.baseline:
            continue
        for row in contrast.rows:
            levels = {arm: design.arm(arm).levels for arm in row.weights}
            assert sum(w for w in row.weights.values() if w > 0) == pytest.approx(1)
            assert sum(w for w in row.weights.values()) == pytest.approx(0)
            score = sum(w * (levels[arm][contrast.factor] == row.of) for arm, w in row.weights.items())
            assert score == pytest.approx(1)
            for arm, weight in row.weights.items():
                assert levels[arm][contrast.factor] == (row.of if weight > 0 else row.against)
                assert all(levels[arm].get(name, level) == level for name, level in row.within.items())


@given(factorial())
@settings(deadline=None, max_examples=40)
def test_pairs_are_those_of_the_definition(study: dict[str, Any]) -> None:
    design = compiled(study)
    arms = [dict(arm.levels) for arm in design.arms]
    for contrast in compile_contrasts(design).contrasts:
        against = design.layout.baseline[contrast.factor]
        expected = enumeration.matched_pairs(arms, vary=contrast.factor, against=against)
        assert {(row.of,): row.num_pairs for row in contrast.rows} == expected


@given(factorial())
@settings(deadline=None, max_examples=40)
def test_swapping_of_and_against_flips_every_weight(study: dict[str, Any]) -> None:
    name = next(iter(study["baseline"]))
    against = study["baseline"][name]
    of = next(level for level in study["factors"][name] if level != against)
    over = [other for other in study["factors"] if other != name]
    rows = []
    for sides in ({"of": of, "against": against}, {"of": against, "against": of}):
        contrast = {"vary": name, "over": over, **sides}
        design = compiled({**study, "analysis": {"contrasts": {"it": contrast}}})
        rows.append(compile_contrasts(design).contrasts[0].rows[0].weights)
    assert rows[0] == pytest.approx({arm: -weight for arm, weight in rows[1].items()})


@given(factorial(), st.permutations(["p", "q", "r"]))
@settings(deadline=None, max_examples=40)
def test_relabelling_changes_only_labels(study: dict[str, Any], labels: list[str]) -> None:
    """Levels named otherwise, as bundles, train the same arms and compare them alike."""
    name = next(iter(study["baseline"]))
    assume(name not in BUNDLES)
    levels = study["factors"][name]
    renamed = dict(zip(levels, labels, strict=False))
    other = {
        **study,
        "factors": {**study["factors"], name: {renamed[level]: {name: level} for level in levels}},
        "baseline": {**study["baseline"], name: renamed[study["baseline"][name]]},
    }
    before, after = compiled(study), compiled(other)
    alike = {arm.id: canonical(dict(arm.settings)) for arm in (*before.arms, *after.arms)}
    assert sorted(alike[arm.id] for arm in before.arms) == sorted(alike[arm.id] for arm in after.arms)

    def weights(design: Design, rename: dict[Any, str]) -> dict[Any, dict[str, float]]:
        contrast = next(c for c in compile_contrasts(design).contrasts if c.factor == name)
        return {
            rename.get(row.of, row.of): {alike[arm]: weight for arm, weight in row.weights.items()}
            for row in contrast.rows
        }

    first, second = weights(before, renamed), weights(after, {})
    assert set(first) == set(second)
    assert all(first[of] == pytest.approx(second[of]) for of in first)


@given(any_study())
@settings(deadline=None, max_examples=40)
def test_a_study_survives_json_and_its_plan_is_json(study: dict[str, Any]) -> None:
    design = compiled(study)
    again = parse_study(json.loads(json.dumps(design.study.to_json())))
    assert again == design.study
    assert compile_design(again, MLP).arms == design.arms
    plan = make_plan(again, MLP).to_json()
    assert json.loads(json.dumps(plan, allow_nan=False)) == plan
    assert plan["num_trials"] == num_trials(design)


VALUES: list[Any] = [
    *(
        None,
        True,
        0,
        1,
        -1,
        1.5,
        "",
        "none",
        "shared",
        "depth",
        "scalars",
        "off",
        "sgd",
        "test_accuracy",
        "seed",
    ),
    *([], {}, [1], ["a", "b"], {"ge": 3}, {"a": 1}, {"x": {"lr": 0.1}}, [[1]], {"eq": None}),
    *(10**30, 1e308, "x" * 500, {"low": 1, "high": 2}),
]
SEARCH = {"candidates": 4, "space": {"lr": {"low": 1e-4, "high": 0.1}, "optimizer": ["adam", "sgd"]}}
SOUND = [
    EXAMPLE,
    {**SMALL, "tuning": {**SEARCH, "start": [{"lr": 0.01}], "fixed": {"epochs": 1}}},
    {
        **SMALL,
        "analysis": {
            "contrasts": {
                "a": {"vary": "scalars", "interaction": "depth", "trend": "log"},
                "b": {"vary": "depth", "trend": "linear", "within": ["scalars"]},
            },
            "margin": {"test_accuracy": 0.01},
            "looks": [3, 6],
        },
    },
    {
        **{name: part for name, part in SMALL.items() if name != "seeds"},
        "analysis": {"resize": {"pilot": 4, "power": 0.8, "margin": 0.01, "max": 20}},
    },
    {**SMALL, "design": "listed", "factors": {}, "arms": [{"scalars": "none"}, {"scalars": "shared"}]},
]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from places(item, (*path, key))


@given(st.one_of(any_study(), st.sampled_from(SOUND)), st.data())
@settings(deadline=None, max_examples=150)
def test_a_broken_study_is_refused_and_never_crashes(study: dict[str, Any], data: st.DataObject) -> None:
    broken = copy.deepcopy(study)
    path = data.draw(st.sampled_from(list(places(broken))))
    parent: Any = broken
    for key in path[:-1]:
        parent = parent[key]
    if data.draw(st.booleans()):
        parent[path[-1]] = copy.deepcopy(data.draw(st.sampled_from(VALUES)))
    elif isinstance(parent, dict):
        del parent[path[-1]]
        name = data.draw(st.sampled_from(["depth", "lr", "eq", "over", "of", "where", "colour", "beta_init"]))
        parent[name] = copy.deepcopy(data.draw(st.sampled_from(VALUES)))
    try:
        plan = make_plan(parse_study(broken), MLP).to_json()
    except AblationError:
        return
    json.dumps(plan, allow_nan=False)

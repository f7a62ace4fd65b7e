"""Studies of every design, drawn at random."""

from typing import Any

from hypothesis import assume
from hypothesis import strategies as st

from ablations.contrasts.contrast import compile_contrasts
from ablations.design.design import Design
from ablations.errors import InvalidStudy
from tests.unit.ablations.studies import SMALL, design_of

LEVELS: dict[str, list[Any]] = {
    "scalars": ["none", "shared", "per_layer", "per_channel"],
    "base": ["relu", "mish", "gelu"],
    "beta_init": [0.0, 0.25, 0.5],
    "depth": [1, 2, 4, 8],
    "optimizer": ["adam", "sgd"],
    "momentum": [0.5, 0.9],
    "nesterov": [False, True],
    "dropout": [0.0, 0.1, 0.2],
    "augment": [False, True],
}
BUNDLES: dict[str, dict[str, dict[str, Any]]] = {
    "model": {"small": {"width": 8, "lr": 0.1}, "wide": {"width": 32, "lr": 0.01}, "tall": {"width": 4}},
    "init": {"low": {"alpha_init": 0.5, "batch_size": 32}, "high": {"alpha_init": 1.5, "batch_size": 64}},
}
OFF = {"scalars": "none", "base": "relu", "dropout": 0.0, "augment": False}


@st.composite
def factors(draw: st.DrawFn, *, least: int = 1) -> dict[str, Any]:
    """Some factors, each with two or more levels, in any order."""
    names = draw(st.lists(st.sampled_from([*LEVELS, *BUNDLES]), min_size=least, max_size=4, unique=True))
    found: dict[str, Any] = {}
    for name in names:
        possible = list(LEVELS.get(name, BUNDLES.get(name, {})))
        levels = draw(st.lists(st.sampled_from(possible), min_size=2, max_size=3, unique=True))
        found[name] = levels if name in LEVELS else {level: BUNDLES[name][level] for level in levels}
    return found


@st.composite
def factorial(draw: st.DrawFn) -> dict[str, Any]:
    """A factorial study with one to three judged factors."""
    found = draw(factors())
    judged = draw(st.lists(st.sampled_from(list(found)), min_size=1, max_size=3, unique=True))
    baseline = {name: draw(st.sampled_from(list(found[name]))) for name in judged}
    return {**SMALL, "factors": found, "baseline": baseline}


@st.composite
def one_factor(draw: st.DrawFn) -> dict[str, Any]:
    """The same factors, moved one at a time."""
    return {**draw(factorial()), "design": "one_factor"}


@st.composite
def leave_one_out(draw: st.DrawFn) -> dict[str, Any]:
    """A recipe of some components, over strata or not."""
    names = draw(st.lists(st.sampled_from(list(OFF)), min_size=1, max_size=4, unique=True))
    recipe = {
        name: [draw(st.sampled_from([level for level in LEVELS[name] if level != OFF[name]]))]
        for name in names
    }
    strata = {"depth": [1, 4]} if draw(st.booleans()) else {}
    options = {"components": names, "pairs": draw(st.booleans()), "anchor": draw(st.booleans())}
    found = {**SMALL, "design": "leave_one_out", "factors": {**recipe, **strata}, "leave_one_out": options}
    return {key: value for key, value in found.items() if key != "baseline"}


@st.composite
def ruled(draw: st.DrawFn) -> dict[str, Any]:
    """A factorial study with a rule over the levels of one or two factors."""
    study = draw(factorial())
    names = draw(st.lists(st.sampled_from(list(study["factors"])), min_size=1, max_size=2, unique=True))
    rule = {name: draw(st.sampled_from(list(study["factors"][name]))) for name in names}
    kind = draw(st.sampled_from(["exclude", "require"]))
    return {**study, kind: [rule if kind == "exclude" else {"then": rule}]}


@st.composite
def listed(draw: st.DrawFn) -> dict[str, Any]:
    """Some arms of a factorial study, in any order."""
    study = draw(factorial())
    arms = [dict(arm.levels) for arm in compiled(study).arms]
    chosen = draw(
        st.lists(st.sampled_from(arms), min_size=2, unique_by=lambda arm: repr(sorted(arm.items())))
    )
    return {**study, "design": "listed", "arms": chosen}


def any_study() -> st.SearchStrategy[dict[str, Any]]:
    """A study of any design."""
    return st.one_of(factorial(), one_factor(), leave_one_out(), ruled(), listed())


def compiled(study: dict[str, Any], **changes: Any) -> Design:
    """The design of a study that can be asked; one that cannot is no case."""
    try:
        return design_of(study, **changes)
    except InvalidStudy:
        assume(False)
        raise


def described(study: dict[str, Any]) -> list[Any]:
    """Every arm and every row of a study, in order and as JSON."""
    design = design_of(study)
    found = compile_contrasts(design)
    rows = [row for c in (*found.contrasts, *found.exploratory, *found.interactions) for row in c.rows]
    return [
        [[arm.id, arm.label, list(arm.levels.items())] for arm in design.arms],
        [[row.of, row.against, list(row.within.items()), list(row.weights.items())] for row in rows],
    ]

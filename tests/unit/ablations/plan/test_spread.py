"""Spreads of earlier studies: pooled from their effects, the most telling study first."""

import json
import math
from typing import Any

import pytest

from ablations.contrasts.contrast import compile_contrasts
from ablations.effects.judge import judge
from ablations.plan.experience import EarlierStudy
from ablations.plan.plan import make_plan
from ablations.plan.spread import Spread, comparable_spread, measured_families
from tests.unit.ablations.manifests import MLP
from tests.unit.ablations.studies import SMALL, design_of, study_of
from tests.unit.ablations.trials import results_of

BY_DEPTH = {"contrasts": {"deep": {"vary": "scalars", "within": ["depth"]}}}


def earlier(id: str, noise: float, **changes: Any) -> EarlierStudy:
    """A finished study as the ledger keeps it."""
    design = design_of(SMALL, name=f"study-{id}", **{"seeds": 6, **changes})
    effects = judge(compile_contrasts(design), results_of(design, lambda _: 0.8, noise=noise), final=True)
    kept = json.loads(json.dumps([design.study.to_json(), effects.to_json()]))
    return EarlierStudy(id=id, name=f"study-{id}", spec=kept[0], effects=kept[1])


def found(past: list[EarlierStudy], **changes: Any) -> Spread | None:
    """What these studies tell a new one about its primary contrast, the latest of them first."""
    design = design_of(SMALL, **changes)
    (primary,) = (one for one in compile_contrasts(design).contrasts if one.primary)
    return comparable_spread(primary, design, measured_families(past, MLP))


def test_rows_of_one_family_are_pooled_and_their_study_is_named_beside_the_number() -> None:
    past = earlier("a", 0.01, analysis=BY_DEPTH)
    sds = [row["sd"] for row in past.effects["contrasts"][0]["rows"]]
    spread = found([past])
    assert spread is not None and len(sds) == 2
    assert spread.sd == pytest.approx(math.sqrt((sds[0] ** 2 + sds[1] ** 2) / 2))
    assert spread.study == "study-a (a)"
    assert spread.basis == (
        "measured: 2 rows of deep over 6 seeds, study study-a (a), the same factor and networks"
    )
    plan = make_plan(study_of(SMALL), MLP, earlier=[past]).to_json()
    for told in (plan["power"], plan["contrasts"][0]):
        assert told["spread"] == pytest.approx(spread.sd) and told["spread_from"] == "study-a (a)"
    assert "study-a" in plan["power"]["basis"]


def test_the_most_alike_question_counts_and_of_equals_the_latest() -> None:
    by_depth = earlier("networks", 0.01, baseline={"depth": 1})
    deeper = earlier("factor", 0.02, factors={"scalars": ["none", "shared"], "depth": [7, 9]})
    both, older = earlier("both", 0.03), earlier("older", 0.04)
    for past, name in (
        ([by_depth, deeper, both, older], "both"),
        ([by_depth, deeper], "factor"),
        ([by_depth], "networks"),
    ):
        spread = found(past)
        assert spread is not None and spread.study == f"study-{name} ({name})"


@pytest.mark.parametrize(
    "changes",
    [
        {"fixed": {"dataset": "mnist"}},
        {"metric": "val_accuracy"},
        # Another factor on other networks.
        {"factors": {"base": ["relu", "mish"], "depth": [7, 9]}, "baseline": {"base": "relu"}},
    ],
)
def test_a_study_that_asked_something_else_tells_nothing(changes: dict[str, Any]) -> None:
    past = [earlier("other", 0.01, **changes)]
    assert found(past) is None
    power = make_plan(study_of(SMALL), MLP, earlier=past).to_json()["power"]
    assert power["spread"] is None and power["spread_from"] is None and "other" not in power["basis"].split()
    assert "is unknown, as no earlier study asked a comparable question" in power["basis"]
    assert "a pilot of 3 seeds would tell it to between 0.57 and 3.7 times what they show" in power["basis"]


def test_a_study_that_tells_no_spread_is_passed_over() -> None:
    trend = {"contrasts": {"slope": {"vary": "depth", "trend": "linear", "over": ["scalars"]}}}
    silent = [earlier("trend", 0.01, analysis=trend), earlier("constant", 0.0)]
    assert found(silent) is None
    assert found([EarlierStudy(id="x", name="x", spec={}, effects={})]) is None
    past = earlier("old", 0.01)
    unknown = EarlierStudy(id="y", name="y", spec={**past.spec, "design": "forgotten"}, effects=past.effects)
    assert found([unknown]) is None
    known = found([unknown, past])
    assert known is not None and known.study == "study-old (old)"

"""Spreads of earlier studies: pooled from their effects, the most telling study first."""

import json
import math
from typing import Any

import pytest

from ablations.contrasts.contrast import compile_contrasts
from ablations.effects.judge import judge
from ablations.plan.plan import make_plan
from ablations.plan.spread import EarlierStudy, measured_spreads
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


def test_rows_of_one_family_are_pooled() -> None:
    past = earlier("a", 0.01, analysis=BY_DEPTH)
    sds = [row["sd"] for row in past.effects["contrasts"][0]["rows"]]
    spread = measured_spreads(study_of(SMALL), [past])["test_accuracy"]
    assert len(sds) == 2 and spread.sd == pytest.approx(math.sqrt((sds[0] ** 2 + sds[1] ** 2) / 2))
    assert spread.basis == "measured: 2 rows of deep over 6 seeds, study study-a (a)"
    plan = make_plan(study_of(SMALL), MLP, spread={"test_accuracy": spread})
    assert "study-a" in plan.power.basis


def test_the_latest_study_counts_unless_an_older_one_judged_the_same_factor() -> None:
    latest = earlier("new", 0.01, baseline={"depth": 1})
    older, oldest = earlier("old", 0.02), earlier("oldest", 0.03)
    found = measured_spreads(study_of(SMALL), [latest, older, oldest])
    assert found["test_accuracy"].basis == "measured: 1 row of scalars over 6 seeds, study study-old (old)"
    other = study_of(SMALL, factors={"base": ["relu", "mish"]}, baseline={"base": "relu"})
    assert "study-new" in measured_spreads(other, [latest, older, oldest])["test_accuracy"].basis


def test_a_study_that_tells_no_spread_is_passed_over() -> None:
    trend = {"contrasts": {"slope": {"vary": "depth", "trend": "linear", "over": ["scalars"]}}}
    silent = [earlier("trend", 0.01, analysis=trend), earlier("constant", 0.0)]
    assert measured_spreads(study_of(SMALL), silent) == {}
    assert measured_spreads(study_of(SMALL), [EarlierStudy(id="x", name="x", spec={}, effects={})]) == {}

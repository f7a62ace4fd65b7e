"""Tables say what the JSON says."""

from typing import Any

import pytest

from ablations.plan.plan import make_plan
from ablations.study.parsing import parse_study
from service.cli.plan_table import print_plan
from service.cli.tables import print_effects, print_studies, print_study, print_trainable
from tests.unit.ablations.manifests import MLP
from tests.unit.ablations.studies import SMALL

ROW: dict[str, Any] = {
    "of": "per_layer",
    "against": "none",
    "within": {"depth": 10},
    "estimate": 0.01234,
    "low": -0.001,
    "high": 0.0256,
    "p": 0.02,
    "p_adjusted": 0.0402,
    "others": {},
    "n": 8,
    "holes": 1,
    "unit": "",
    "verdict": "better",
}
CONTRAST: dict[str, Any] = {
    "name": "deep",
    "primary": True,
    "metric": "test_accuracy",
    "test": "paired_t",
    "correction": "holm",
    "alpha": 0.05,
    "family_size": 2,
    "rows": [ROW, {**ROW, "within": {"depth": 20}, "verdict": None, "p_adjusted": None, "estimate": None}],
}


def test_effects(capsys: pytest.CaptureFixture[str]) -> None:
    print_effects({"interim": False, "contrasts": [CONTRAST], "exploratory": [{**ROW, "factor": "scalars"}]})
    text = capsys.readouterr().out
    for part in (
        "deep on test_accuracy",
        "primary",
        "holm over 2 rows",
        "per_layer - none",
        "depth",
        "+0.01234",
    ):
        assert part in text
    assert "[-0.001, +0.0256]" in text and "0.040" in text and "8 (1 hole)" in text and "better" in text
    assert "1 exploratory simple effect:" in text and "interim" not in text


def test_why_there_is_no_verdict_and_what_stands_beside_one_are_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    reason = {"verdict": "inconclusive", "reason": "depends on 8 runs that failed"}
    rows = [{**ROW, **reason}, {**ROW, "notes": ["8 seeds without a collapse", "post hoc"]}]
    print_effects({"interim": False, "contrasts": [{**CONTRAST, "rows": rows, "notes": ["post hoc"]}]})
    text = capsys.readouterr().out
    assert "inconclusive: depends on 8 runs that failed" in text
    assert "per_layer - none, depth 10: 8 seeds without a collapse\n" in text
    assert text.count("post hoc") == 1


def test_exploratory_effects_have_no_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    effects = {"interim": True, "contrasts": [], "exploratory": [{**ROW, "factor": "scalars"}]}
    print_effects(effects, exploratory=True)
    text = capsys.readouterr().out
    assert "interim" in text and "unadjusted" in text and "scalars" in text and "better" not in text


def test_plan(capsys: pytest.CaptureFixture[str]) -> None:
    plan = {
        "arms": [{"id": "a1", "label": "base=[relu] depth=1", "levels": {}}],
        "num_trials": 10,
        "excluded": [{"levels": {"scalars": "shared", "depth": 1}, "reason": "asked for"}],
        "contrasts": [{"name": "base", "metric": "test_accuracy", "family_size": 3, "smallest_p": 0.0004}],
        "cost": {"cpu_hours": 0.5, "gpu_hours": 0, "basis": "measured"},
        "power": {"detectable_effect": 0.02, "basis": "spread of 12 trials"},
        "warnings": ["few seeds"],
    }
    print_plan(plan, name="depth")
    text = capsys.readouterr().out
    # Square brackets of labels are text here, not markup.
    for part in (
        "1 arm, 10 trials",
        "base=[relu] depth=1",
        "scalars=shared depth=1",
        "asked for",
        "4.0e-04",
    ):
        assert part in text
    assert "0.5 CPU-hours (measured)" in text and "0.02" in text and "warning: few seeds" in text


def test_a_real_plan_leads_with_cost_and_power(capsys: pytest.CaptureFixture[str]) -> None:
    analysis = {"margin": {"test_accuracy": 0.005}, "spread": {"test_accuracy": 0.01}}
    study = {**SMALL, "seeds": 5, "analysis": analysis}
    plan = dict(make_plan(parse_study(study), MLP).to_json())
    print_plan(plan, name="small")
    text = capsys.readouterr().out
    effect = plan["power"]["detectable_effect"]
    assert f"finds a difference of {effect:.3g} with a chance of 80 % (" in text
    assert f"{plan['power']['seeds_for_margin']['test_accuracy']} seeds would find its margin" in text
    assert "scalars (primary)" in text and f"= {plan['num_trials']} trials" in text
    assert plan["collapse"]["not_excluded"] == pytest.approx(1 - 0.05**0.2)
    assert "rates up to 45 % possible; to exclude a collapse rate above 10 % take 29 seeds" in text
    assert "\ncost      unknown: no trial of mlp" in text and "about nothing" not in text
    assert text.index("cost") < text.index("power") < text.index("Contrasts") < text.index("Arms")


def test_a_plan_with_a_pilot_says_what_it_may_come_to(capsys: pytest.CaptureFixture[str]) -> None:
    study = {name: part for name, part in SMALL.items() if name != "seeds"}
    rule = {"pilot": 4, "max": 20, "margin": 0.01}
    plan = dict(make_plan(parse_study({**study, "analysis": {"resize": rule}}), MLP).to_json())
    print_plan(plan, name="small")
    text = " ".join(capsys.readouterr().out.split())
    assert "x 4 seeds = 16 trials" in text and "seeds starts with 4 seeds; the number is set once" in text
    assert "at most 20, then 80 trials in all" in text


def test_a_long_plan_is_cut_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    study = {**SMALL, "factors": {**SMALL["factors"], "depth": list(range(1, 51))}}
    plan = dict(make_plan(parse_study(study), MLP).to_json())
    print_plan(plan)
    cut = capsys.readouterr().out
    assert f"the first 12 of {len(plan['arms'])}: --all shows them" in cut and "standard deviations" in cut
    print_plan(plan, every=True)
    whole = capsys.readouterr().out
    assert all(arm["id"] in whole for arm in plan["arms"]) and "--all" not in whole


def test_studies(capsys: pytest.CaptureFixture[str]) -> None:
    progress = {"total": 4, "done": 3, "running": 0, "failed": 1, "reused": 0}
    links = {"mlflow": "http://m/#/experiments/1?a=b&c=[d]", "report": "http://r", "events": None}
    study = {"id": "01a2", "name": "[x]", "state": "done", "progress": progress, "links": links}
    study |= {"verdict": "better", "created_at": "2020-01-02T12:00:00Z"}
    study |= {"started_at": "2020-01-02T12:01:00Z", "finished_at": "2020-01-02T12:01:45Z"}
    print_studies([study], more=True)
    print_study(study)
    text = capsys.readouterr().out
    assert "01a2" in text and "[x]" in text and "3/4" in text and "--limit" in text
    assert all(part in text for part in ("2020-01-02", "45s", "better"))
    assert "4 total, 3 done, 1 failed" in text and "http://m/#/experiments/1?a=b&c=[d]" in text
    print_studies([])
    assert "no studies" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "integer", "minimum": 1, "maximum": 75}, ["whole number", "1 to 75"]),
        ({"type": "number", "exclusiveMinimum": 0}, ["number", "above 0"]),
        ({"type": "number", "minimum": 0, "exclusiveMaximum": 1}, ["at least 0, below 1"]),
        ({"type": ["array", "null"], "maximum": 1}, ["list or null", "at most 1"]),
        ({"type": "string", "enum": ["sgd", "adam"]}, ["word", "sgd, adam"]),
        ({"type": "boolean", "default": True}, ["true or false", "True"]),
    ],
)
def test_settings_are_told_as_a_person_says_them(
    schema: dict[str, Any],
    words: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    print_trainable({"name": "toy", "settings": {"properties": {"it": schema}}})
    text = capsys.readouterr().out
    assert all(each in text for each in words) and ".." not in text

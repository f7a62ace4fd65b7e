"""What reports say in rarer cases: no crossing, rules, holes that matter, searches without scores."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from ablations.plan.compile import compile_design
from ablations.report.build import build_report
from ablations.report.renderers import markdown
from ablations.study.parsing import parse_study
from tests.unit.ablations.report.example import (
    MANIFEST,
    PROVENANCE,
    SMALL,
    STUDY,
    example_design,
    example_records,
    example_report,
    judged,
)

RATED: dict[str, Any] = {
    **SMALL,
    "factors": {"scalars": ["none", "shared"], "depth": [1, 5, 25]},
    "fixed": {"epochs": 2},
}


def said(changes: dict[str, Any], change: Any = lambda record: record) -> str:
    """The Markdown report of a small study whose records are changed one by one."""
    design = example_design(changes)
    records = [change(record) for record in example_records(design)]
    results, effects = judged(design, records)
    parts = {"design": design, "effects": effects, "results": results, "records": records}
    return markdown.render(build_report(study_id="s", provenance=PROVENANCE, **parts))


def test_every_figure_of_a_report_is_found_folded_ones_too() -> None:
    report = example_report()
    names = [figure.name for figure in report.figures()]
    drawn = json.dumps(report.to_json()).count('"kind": "figure"')
    assert len(names) == drawn > 3 and len(set(names)) == len(names)


def with_accuracy(value: float) -> Any:
    return lambda record: replace(record, metrics={**record.metrics, "test_accuracy": value})


@pytest.mark.parametrize(("accuracy", "where"), [(0.95, "beyond 25"), (0.1, "before 1")])
def test_a_rate_that_crosses_nowhere(accuracy: float, where: str) -> None:
    text = said(RATED, with_accuracy(accuracy))
    assert "nowhere between the levels of depth" in text and where in text


def test_combinations_that_rules_exclude_and_equivalence_of_rates() -> None:
    margin = {"margin": {"collapsed": 0.3, "test_accuracy": 0.02}}
    text = said({**RATED, "exclude": [{"scalars": "shared", "depth": 25}], "analysis": margin})
    assert "1 excluded combination" in text and "exclude.0" in text
    assert "exact unconditional test on Tango's score" in text


def test_a_verdict_that_hangs_on_what_is_missing() -> None:
    def lose(record: Any) -> Any:
        if record.seed > 1:
            return record
        return replace(record, state="failed", reason="out of memory", metrics={}, curve={}, scalars=None)

    def better(record: Any) -> Any:
        arm = design.arm(record.arm_id)
        value = 0.8 + 0.1 * (arm.levels["scalars"] == "shared") + 0.001 * record.seed * len(arm.label)
        return lose(replace(record, metrics={**record.metrics, "test_accuracy": value}))

    design = example_design(RATED)
    text = said(RATED, better)
    assert "1 row would be decided otherwise with other values in the holes" in text
    assert "1 verdict that the finished seeds would give is withheld" in text
    assert re.search(r"depends on \d+ runs that failed", text)
    unrelated = {**RATED, "analysis": {**RATED.get("analysis", {}), "missing": "unrelated"}}
    text = said(unrelated, better)
    assert "1 verdict would change with other values in the holes" in text
    assert text.count("missing runs have nothing to do with the outcome") >= 2


def test_runs_that_collapsed_lead_the_answer() -> None:
    def collapse(record: Any) -> Any:
        arm = design.arm(record.arm_id)
        value = 0.1 if arm.levels["scalars"] == "none" and record.seed == 0 else 0.9
        return replace(record, metrics={**record.metrics, "test_accuracy": value})

    design = example_design(RATED)
    text = said(RATED, collapse)
    assert "Runs collapsed in" in text and "so rates and quantiles say more than means" in text
    assert "exclude, at 95 %, only rates above" in text


def test_a_search_without_a_score_says_so() -> None:
    tuning = {
        "candidates": 3,
        "space": {"lr": {"low": 1e-4, "high": 0.1, "log": True}},
        "metric": {"name": "val_accuracy"},
    }
    design = example_design({"factors": {}, "baseline": {}, "analysis": {}, "seeds": 1, "tuning": tuning})
    results, effects = judged(design, [])
    parts = {"design": design, "effects": effects, "results": results, "records": []}
    text = markdown.render(build_report(study_id="s", provenance=PROVENANCE, **parts))
    assert "No candidate has a score yet" in text


def test_a_test_is_called_exact_only_where_it_is() -> None:
    analysis = {"analysis": {"test": "sign_flip"}}
    few = said({**RATED, **analysis, "seeds": 20})
    assert "Exact sign-flip test" in few and "the exact sign-flip test" in few
    many = said({**RATED, **analysis, "seeds": 21})
    assert "xact sign-flip" not in many and "Sign-flip test with 65535 random flips" in many


@pytest.mark.parametrize(
    ("correction", "words"),
    [
        ("holm", "the chance of any false claim in the contrast"),
        ("bh", "the expected share of false ones among the claims"),
        ("none", "not adjusted"),
    ],
)
def test_methods_say_what_a_correction_keeps(correction: str, words: str) -> None:
    assert words in said({**RATED, "analysis": {"correction": correction}})


def test_the_largest_of_several_effects_has_an_interval_for_all_of_them() -> None:
    contrasts = {"contrasts": {"each": {"vary": "scalars", "within": ["depth"]}}}
    text = said({**RATED, "analysis": contrasts})
    assert "interval for all 3 rows at once" in text and "(Bonferroni)" in text
    assert "at once" not in said(RATED)


PILOT: dict[str, Any] = {
    **{name: part for name, part in RATED.items() if name != "seeds"},
    "analysis": {"resize": {"pilot": 6, "margin": 0.01, "max": 9}},
}


def sized(seeds: int, **told: Any) -> dict[str, Any]:
    """The study after its pilot has set so many seeds."""
    row = {"row": "shared against none", "pairs": 6, "missing": 0, "unknown": [], "enough": True}
    found = {"seeds": seeds, "spread": 0.00514, **row, **told}
    study = {**STUDY, **PILOT}
    return {**study, "analysis": {"resize": {**PILOT["analysis"]["resize"], "found": found}}}


def plain(changes: dict[str, Any]) -> str:
    """The same report of the whole study as given, seeds left out."""
    design = compile_design(parse_study({k: v for k, v in changes.items() if k != "seeds"}), MANIFEST)
    records = example_records(design)
    results, effects = judged(design, records)
    parts = {"design": design, "effects": effects, "results": results, "records": records}
    return markdown.render(build_report(study_id="s", provenance=PROVENANCE, **parts))


def test_a_report_of_a_pilot_tells_no_arm_from_another() -> None:
    text = plain({**STUDY, **PILOT})
    assert "Verdicts are withheld on 1 comparison" in text
    assert "Pilot of 6 seeds: no difference is shown and no verdict given before it has set" in text
    headings = [line for line in text.splitlines() if line.startswith("## ")]
    assert headings[:3] == ["## Answer", "## Failures", "## Methods"] and len(headings) == 4
    assert (
        "after a pilot of 6 seeds, whose runs count in the end, as many seeds as are needed so that" in text
    )
    assert "It set" not in text and not re.search(r"0\.[89]\d\d", text.partition("## Methods")[0])


def test_a_report_says_what_the_pilot_set_and_how() -> None:
    text = plain(sized(8))
    told = (
        "8 seeds, set once from the pilot of 6, blinded to which arm is which: a spread of 0.00514 in shared"
    )
    assert told in text and "It set 8 seeds from a spread of 0.00514 in shared against none." in text
    assert "Kieser and Friede" in text and "corrected for 1 row; at most 9" in text
    text = plain(sized(9, enough=False))
    assert "the most that there may be, though that chance asks for more" in text
    text = plain(sized(9, enough=False, spread=None, row="", pairs=0, unknown=["shared against none"]))
    assert "It set 9 seeds, the most that there may be, as no row of it had two complete pairs" in text

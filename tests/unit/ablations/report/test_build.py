"""Sections: which there are, what they say, and that none can sink the others."""

from dataclasses import replace

import numpy as np
import pytest

from ablations.report.build import build_report
from ablations.report.document.document import Callout, Fold, Kind, Paragraph, Table
from ablations.report.document.plots import Figure
from ablations.report.renderers import html, markdown
from ablations.results.results import Results
from tests.unit.ablations.report.example import (
    PROVENANCE,
    SMALL,
    example_design,
    example_records,
    example_report,
    judged,
    rng_of,
)


def section(report, name):
    return next(s for s in report.sections if s.id == name)


def words(report, name):
    return " ".join(b.text for b in section(report, name).blocks if isinstance(b, Paragraph))


def report_of(design, records, **changes):
    results, effects = judged(design, records)
    parts = {"results": results, "effects": effects, "records": records, **changes}
    return build_report(study_id="s", design=design, provenance=PROVENANCE, **parts)


def test_sections_in_their_order():
    names = [s.id for s in example_report().sections]
    wanted = ["answer", "effects", "other-contrasts", "against", "curves", "arms", "failures"]
    assert [name for name in names if name in wanted] == wanted
    assert names[-1] == "methods"


def test_question_and_answer_in_words():
    report = example_report()
    assert report.summary == (
        "Does scalars = shared or per_layer change test_accuracy against scalars = none"
        " where depth = 10 or 25, for each base, averaged over depth and beta_init?"
    )
    assert "Of 4 comparisons on test_accuracy, 2 are better than the baseline" in words(report, "answer")
    assert "per_layer is better than none on test_accuracy where base = relu" in words(report, "answer")


def test_study_with_one_comparison_is_answered_in_one_sentence():
    design = example_design(SMALL)
    answer = words(report_of(design, example_records(design)), "answer")
    assert answer.startswith("Runs collapsed in 1 comparison, so rates and quantiles say more than means.")
    assert "shared is better than none on test_accuracy (difference +" in answer
    assert "6 seeds" in answer


def test_diverged_and_lost_trials_are_told_beside_the_answer():
    titles = [b.title for b in section(example_report(), "answer").blocks if isinstance(b, Callout)]
    assert titles == ["1 trial diverged", "1 trial without a result"]


def test_failures_show_the_first_line_of_their_reason():
    causes, advice, *_ = (b for b in section(example_report(), "failures").blocks if isinstance(b, Table))
    assert causes.rows == (
        ("diverged", "loss is not finite at step 412", 1, 1),
        ("exception", "RuntimeError: DataLoader worker exited unexpectedly", 1, 1),
    )
    assert [row[0] for row in advice.rows] == ["diverged", "exception"]
    assert all(row[1] and row[2] for row in advice.rows)


def test_every_arm_is_in_the_table_with_its_seeds_and_holes():
    design = example_design()
    table = next(b for b in section(example_report(), "arms").blocks if isinstance(b, Table))
    names = [c.name for c in table.columns]
    assert len(table.rows) == len(design.arms)
    assert sum(row[names.index("holes")] for row in table.rows) == 1
    assert sum(row[names.index("diverged")] for row in table.rows) == 1
    results = Results.build(design, example_records(design))
    means = [row[names.index("test_accuracy")] for row in table.rows]
    assert means[0] == pytest.approx(results.values("test_accuracy")[0].mean(), abs=1e-12)
    assert (means.index(max(means)), names.index("test_accuracy")) in table.strong


def test_section_that_cannot_be_built_is_an_error_card_and_the_rest_stands():
    design = example_design()
    records = example_records(design)
    results, effects = judged(design, records)
    tables = {name: values for name, values in results.tables.items() if name != "test_loss"}
    report = report_of(design, records, results=replace(results, tables=tables), effects=effects)
    (card,) = section(report, "arms").blocks
    assert isinstance(card, Callout)
    assert card.tone == "error"
    assert "test_loss" in card.text
    assert any(isinstance(b, Table) for b in section(report, "effects").blocks)
    assert "This section could not be built" in html.render(report)
    assert "This section could not be built" in markdown.render(report)


def test_interim_report_has_estimates_but_no_p_values():
    report = example_report(final=False, keep=0.6)
    assert report.interim
    table = next(b for b in section(report, "effects").blocks if isinstance(b, Table))
    kinds = {c.kind for c in table.columns}
    assert Kind.DIFFERENCE in kinds
    assert not kinds & {Kind.P, Kind.VERDICT}


def test_report_before_the_first_result():
    design = example_design()
    results, effects = judged(design, [], final=False)
    report = build_report(
        study_id="s", design=design, effects=effects, results=results, records=[], provenance={}
    )
    assert not [b for s in report.sections for b in s.blocks if isinstance(b, Callout) and b.tone == "error"]
    html.render(report)


def test_study_without_baseline_names_its_best_arm_and_judges_nothing():
    design = example_design({**SMALL, "baseline": {}})
    report = report_of(design, example_records(design))
    assert "reaches the best mean test_accuracy" in words(report, "answer")
    assert "nothing is judged" in words(report, "answer")
    (card,) = section(report, "effects").blocks
    assert card.title == "No contrast"


def plain_search(**changes):
    tuning = {
        "candidates": 12,
        "space": {"lr": {"low": 1e-4, "high": 1e-1, "log": True}},
        "sampler": "random",
        **changes,
    }
    changes = {"factors": {}, "baseline": {}, "analysis": {}, "tuning": tuning, "seeds": 4}
    design = example_design(changes)
    arm = design.arms[0]
    measured = example_records(design)
    rng = rng_of("search")
    tried = []
    for candidate in range(12):
        lr = float(10 ** rng.uniform(-4, -1))
        score = 0.9 - (candidate - 7) ** 2 / 1000
        settings = {**arm.settings, "lr": 1e-4 if candidate == 7 else lr}
        tried.append(
            replace(
                measured[0],
                phase="tuning",
                candidate=candidate,
                seed=1_000_000,
                settings=settings,
                metrics={"val_accuracy": score, "test_accuracy": score},
            )
        )
    return design, [*tried, *measured]


def test_plain_search_reports_its_best_settings():
    design, records = plain_search()
    report = report_of(design, records)
    assert "The search chose lr = 0.0001." in words(report, "answer")
    best = next(b for b in section(report, "search").blocks if isinstance(b, Table))
    assert best.rows == (("0.0001", 0.9, 7, 12),)
    edge = next(b for b in section(report, "search").blocks if isinstance(b, Callout))
    assert edge.title == "The best value of lr lies on the edge of the space"
    text = html.render(report)
    assert 'id="search-val_accuracy-against-lr"' in text
    assert "could not be" not in text


def test_the_candidates_that_are_confirmed_stand_side_by_side():
    design, records = plain_search(confirm=3)
    report = report_of(design, records)
    lead = words(report, "answer")
    assert "The search chose lr = 0.0001." in lead and "Its mean test_accuracy is" in lead
    assert "reaches the best" not in lead  # which test data would have chosen
    best = next(b for b in section(report, "search").blocks if isinstance(b, Table))
    assert [column.name for column in best.columns][3] == "test_accuracy on fresh seeds"
    assert [(row[0], row[5]) for row in best.rows] == [(1, 7), (2, 6), (3, 8)]
    for row, arm in zip(best.rows, design.arms, strict=True):
        own = [r.metrics["test_accuracy"] for r in records if r.arm_id == arm.id and r.phase == "measuring"]
        assert row[3] == pytest.approx(np.mean(own)) and len(own) == 4


def test_a_search_is_drawn_as_a_step_at_each_better_candidate():
    design, records = plain_search()
    course, cloud = (b for b in section(report_of(design, records), "search").blocks if isinstance(b, Figure))
    (line,) = course.plot.panels[0].series
    assert len(line.points) == 12 and line.bold
    assert line.x[:5] == (0.0, 1.0, 1.0, 2.0, 2.0)
    assert list(line.centre) == sorted(line.centre) and line.centre[-1] == 0.9
    drawn = html.render(report_of(design, records))
    assert "mathdefault" not in drawn
    assert ">0.001<" in drawn and cloud.plot.x_log


def tried_in(design, like, repeats=(None,)):
    """Two candidates in every arm, the second the better one."""
    return [
        replace(
            like,
            arm_id=arm.id,
            seed=1_000_000 + (repeat or 0),
            metrics={"val_accuracy": 0.5 + candidate / 10},
            phase="tuning",
            candidate=candidate,
            repeat=repeat,
            settings={**arm.settings, "lr": (0.1, 0.2)[candidate]},
        )
        for repeat in repeats
        for candidate in range(2)
        for arm in design.arms
    ]


def test_arms_that_share_a_search_are_told_from_arms_searched_alone():
    tuning = {"candidates": 2, "space": {"lr": [0.1, 0.2]}, "sampler": "random", "per": ["base"]}
    design = example_design({"tuning": tuning})
    measured = example_records(design)
    report = report_of(design, [*tried_in(design, measured[0]), *measured])
    assert "tried 2 candidates in each of its arms" in words(report, "search")
    best = next(b for b in section(report, "search").blocks if isinstance(b, Table))
    assert [column.name for column in best.columns][:2] == ["base", "lr"]
    bases = sorted({str(arm.levels["base"]) for arm in design.arms})
    assert sorted(row[0] for row in best.rows) == bases
    assert {row[1] for row in best.rows} == {"0.2"}


def test_searches_for_each_seed_are_listed_by_it_and_condition_nothing():
    tuning = {"candidates": 2, "space": {"lr": [0.1, 0.2]}, "sampler": "random", "repeats": 3}
    design = example_design({"tuning": tuning, "seeds": [4, 6, 9]})
    measured = example_records(design)
    report = report_of(design, [*tried_in(design, measured[0], repeats=(0, 1, 2)), *measured])
    assert "Every seed has searches of its own." in words(report, "search")
    assert "hold the luck of the search too" in markdown.render(report)
    assert "onditional on these tuned settings" not in markdown.render(report)
    blocks = section(report, "search").blocks
    fold = next((b for b in blocks if isinstance(b, Fold)), None)
    (table,) = fold.blocks if fold else [b for b in blocks if isinstance(b, Table)]
    assert table.columns[0].name == "seed"
    assert {row[0] for row in table.rows} == {4, 6, 9}
    assert len(table.rows) == 3 * len(design.arms)


def test_what_is_said_above_a_table_is_not_said_again_in_each_row():
    tuning = {"candidates": 2, "space": {"lr": [0.1, 0.2]}, "sampler": "random"}
    design = example_design({**SMALL, "tuning": tuning})
    blocks = section(report_of(design, example_records(design)), "effects").blocks
    notes = [b.title for b in blocks if isinstance(b, Callout)]
    assert any(title.startswith("Conditional on these tuned settings") for title in notes)
    table = next(b for b in blocks if isinstance(b, Table))
    assert not any("onditional on" in str(cell) for row in table.rows for cell in row)


def test_exploratory_effects_are_folded_and_without_verdict():
    blocks = section(example_report(), "exploratory").blocks
    folds = [b for b in blocks if isinstance(b, Fold)]
    assert [fold.title.split(" on ")[1] for fold in folds] == ["test_accuracy", "collapsed", "test_loss"]
    for fold in folds:
        (table,) = fold.blocks
        assert Kind.VERDICT not in {c.kind for c in table.columns}


def test_five_hundred_rows_stay_readable():
    changes = {
        "factors": {
            "scalars": ["none", "shared", "per_layer"],
            "base": ["relu"],
            "depth": list(range(1, 251)),
        },
        "seeds": 3,
        "analysis": {"contrasts": {"each": {"vary": "scalars", "within": ["depth"]}}},
        "metrics": [{"name": "test_accuracy"}],
    }
    design = example_design(changes)
    report = report_of(design, example_records(design))
    blocks = section(report, "effects").blocks
    shown = next(b for b in blocks if isinstance(b, Table))
    fold = next(b for b in blocks if isinstance(b, Fold))
    rest = next(b for b in fold.blocks if isinstance(b, Table))
    assert len(shown.rows) + len(rest.rows) == 500
    assert len(shown.rows) <= 40


def test_provenance_holds_what_is_needed_to_run_again():
    from ablations.study.documents import loads_yaml
    from ablations.study.parsing import parse_study

    facts, code = example_report().provenance.blocks
    assert ("study", "0192f0aa51b87c0e") in facts.rows
    assert ("versions.torch", "2.9.1+cpu") in facts.rows
    assert parse_study(loads_yaml(code.text)) == example_design().study


def with_rows(effects, **changes):
    """The effects with fields of every row of the primary contrast replaced."""
    contrasts = tuple(
        replace(c, rows=tuple(replace(row, **changes) for row in c.rows)) if c.primary else c
        for c in effects.contrasts
    )
    return replace(effects, contrasts=contrasts)


def test_withheld_verdicts_are_told_with_their_reason():
    design = example_design(SMALL)
    records = example_records(design)
    _, effects = judged(design, records)
    withheld = replace(with_rows(effects, verdict=None), notes=("extended after its results were known",))
    report = report_of(design, records, effects=withheld)
    assert "Verdicts are withheld on 1 comparison" in words(report, "answer")
    titles = [b.title for b in section(report, "answer").blocks if isinstance(b, Callout)]
    assert titles == ["Extended after its results were known"]


def test_a_study_whose_trials_all_failed_has_no_result():
    design = example_design(SMALL)
    records = [replace(record, state="failed", metrics={}, curve={}) for record in example_records(design)]
    _, effects = judged(design, records)
    report = report_of(design, records, effects=effects)
    assert words(report, "answer").startswith("There is no result on test_accuracy")
    assert "cannot be told from" not in words(report, "answer")
    html.render(report)


def test_margin_equivalence_and_seeds_needed_are_shown():
    margin = {"margin": {"test_accuracy": 0.5}}
    report = example_report({"analysis": margin, "seeds": 5})
    assert "\N{PLUS-MINUS SIGN}0.5 count as none" in words(report, "effects")
    html.render(report)
    narrow = example_report({"analysis": {"margin": {"test_accuracy": 0.001}}, "seeds": 3})
    table = next(b for b in section(narrow, "effects").blocks if isinstance(b, Table))
    column = [c.name for c in table.columns].index("seeds to settle")
    assert all(row[column] is None or row[column] > 3 for row in table.rows)
    assert any(row[column] is not None for row in table.rows)


def test_rates_of_single_arms_name_their_test():
    analysis = {"contrasts": {"each": {"vary": "scalars", "within": ["depth"]}}, "primary": "each"}
    factors = {"scalars": ["none", "shared"], "depth": [10, 25]}
    metrics = [{"name": "collapsed", "of": "test_accuracy", "below": 0.8}]
    report = example_report({"factors": factors, "analysis": analysis, "metrics": metrics})
    assert "McNemar's exact test" in words(report, "effects")
    assert "McNemar's exact test" in words(report, "methods")
    html.render(report)


def test_arms_that_the_primary_contrast_finds_better_are_marked():
    table = next(b for b in section(example_report(), "arms").blocks if isinstance(b, Table))
    names = [c.name for c in table.columns]
    marked = {tuple(table.rows[row][names.index(n)] for n in ("base", "depth")) for row, _ in table.dagger}
    assert marked == {("relu", "10"), ("relu", "25")}
    assert {column for _, column in table.dagger} == {names.index("test_accuracy")}
    assert all(table.rows[row][names.index("scalars")] != "none" for row, _ in table.dagger)

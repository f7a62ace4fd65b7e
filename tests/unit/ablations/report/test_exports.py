"""LaTeX and CSV: the same numbers, and names that cannot break out."""

import csv
import doctest
import io
import re
import shutil
import subprocess

import pytest

from ablations.design.search import RANK
from ablations.report.renderers import latex, sheets
from tests.unit.ablations.report.example import SMALL, example_design, example_records, example_report, judged
from tests.unit.ablations.studies import SMALL as PLAIN
from tests.unit.ablations.studies import design_of
from tests.unit.ablations.trials import record_of


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_trials_are_written_in_full():
    design = example_design()
    records = example_records(design)
    rows = rows_of(sheets.trials(design, records))
    assert len(rows) == 400
    for row, record in zip(rows, records, strict=True):
        assert int(row["seed"]) == record.seed
        assert row["factor.depth"] == str(record.settings["depth"])
        if record.state == "done":
            assert float(row["test_accuracy"]) == record.metrics["test_accuracy"]
        else:
            assert row["test_accuracy"] == ""
            assert row["reason"] == record.reason


def test_rates_and_what_is_read_at_a_step_stand_with_their_trial():
    metrics = [{"name": "val_accuracy", "at": [2]}, {"name": "low", "of": "val_accuracy/2", "below": 0.5}]
    design = design_of(PLAIN, metric=..., metrics=metrics)
    curve = {"val_accuracy": [[1, 0.1], [2, 0.4]]}
    done = record_of(design.arms[0], 0, {"test_accuracy": 0.9}, curve=curve)
    failed = record_of(design.arms[0], 1, {}, state="failed", curve=curve)
    first, second = rows_of(sheets.trials(design, [done, failed]))
    assert (first["test_accuracy"], first["val_accuracy/2"], first["low"]) == ("0.9", "0.4", "1.0")
    assert (second["test_accuracy"], second["val_accuracy/2"], second["low"]) == ("", "", "")


def test_every_trial_has_the_settings_that_it_trained_with():
    design = design_of(PLAIN)
    own = {"lr": 0.01, "optimizer": "sgd", "hidden": [8, 4], "momentum": 0.9}
    first = record_of(design.arms[0], 0, {"test_accuracy": 0.9}, settings=own)
    second = record_of(design.arms[0], 1, {"test_accuracy": 0.9}, settings={"lr": 0.02})
    rows = rows_of(sheets.trials(design, [first, second]))
    names = [f"setting.{name}" for name in sorted(own)]
    assert [[row[name] for name in names] for row in rows] == [
        ["[8, 4]", "0.01", "0.9", "sgd"],
        ["", "0.02", "", ""],
    ]


def test_a_candidate_is_labelled_with_no_rank():
    tuning = {"space": {"lr": {"low": 1e-4, "high": 1e-1, "log": True}}, "candidates": 4, "confirm": 2}
    design = design_of(PLAIN, factors=..., baseline=..., tuning=tuning)
    arm = next(arm for arm in design.arms if arm.levels[RANK] == 1)
    tried = record_of(arm, 0, {"val_accuracy": 0.8}, phase="tuning", candidate=3, settings={"lr": 0.02})
    told = record_of(arm, 0, {"test_accuracy": 0.9}, settings={"lr": 0.02})
    first, second = rows_of(sheets.trials(design, [tried, told]))
    assert (first["arm"], first[f"factor.{RANK}"], first["candidate"]) == ("", "", "3")
    assert (second["arm"], second[f"factor.{RANK}"], second["candidate"]) == (arm.label, "1", "")
    assert first["setting.lr"] == second["setting.lr"] == "0.02"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", " ="])
def test_no_cell_is_taken_for_a_formula_and_numbers_stay_numbers(start):
    design = design_of(PLAIN)
    said = f"{start}HYPERLINK(1)"
    lost = record_of(design.arms[0], 0, {"test_accuracy": -0.5}, state="failed", reason=said)
    (row,) = rows_of(sheets.trials(design, [lost]))
    assert row["reason"] == f"'{said}".replace("\r", "\n")
    done = record_of(design.arms[0], 0, {"test_accuracy": -0.5}, state="done")
    (row,) = rows_of(sheets.trials(design, [done]))
    assert row["test_accuracy"] == "-0.5"


def test_effects_are_those_of_the_json():
    design = example_design()
    _, found = judged(design, example_records(design))
    rows = rows_of(sheets.effects(found))
    wanted = [row for contrast in found.contrasts for row in contrast.rows]
    wanted += [*found.exploratory, *found.interactions]
    assert [float(row["estimate"]) for row in rows] == [row.estimate for row in wanted]
    assert [row["verdict"] for row in rows if row["kind"] == "primary"] == [
        row.verdict for row in found.contrasts[0].rows
    ]


def test_latex_tables_are_balanced_and_hold_the_effects():
    text = latex.render(example_report())
    assert text.count(r"\begin{longtable}") == text.count(r"\end{longtable}") == 2
    unescaped = re.sub(r"\\[{}]", "", text)
    assert unescaped.count("{") == unescaped.count("}")
    assert "+0.34 & {[+0.14, +0.53]} & 0.011 & 10 & better" in text  # neither p nor holes has room
    assert r"\textbf{0.9686} $\pm$ 0.0081" in text
    assert "standard deviation over seeds" in text
    assert text.count(r"$^\dagger$") == 8
    for table in text.split(r"\begin{longtable}")[1:]:
        width = len(re.match(r"\{([lr]+)\}", table)[1])
        body = table.split(r"\endfoot")[1]
        lines = [line for line in body.splitlines() if line.endswith(r"\\")]
        assert {len(re.split(r"(?<!\\)&", line)) for line in lines} == {width}


def test_names_cannot_break_out_of_latex():
    assert doctest.testmod(latex).failed == 0
    hostile = r"\input{secret} $x$ & 100% #1 ~^_"
    contrast = {"vary": "scalars", "within": ["depth"], "over": ["beta_init"]}
    analysis = {"contrasts": {hostile: contrast}, "primary": hostile}
    assert r"\input" not in latex.render(example_report({**SMALL, "name": hostile, "analysis": analysis}))
    assert r"\input" not in latex.escape(hostile)


def test_latex_is_set_by_pdflatex_whatever_is_in_a_name():
    assert (
        latex.escape("\N{GREEK SMALL LETTER BETA}=1 \N{GREEK CAPITAL LETTER DELTA}") == r"$\beta$=1 $\Delta$"
    )
    assert (
        latex.escape("a \N{MULTIPLICATION SIGN} b \N{CJK UNIFIED IDEOGRAPH-6DF1}") == r"a $\times$ b U+6DF1"
    )
    assert (
        latex.escape("\N{GREEK CAPITAL LETTER ALPHA}\N{LATIN SMALL LETTER E WITH ACUTE}")
        == "A\N{LATIN SMALL LETTER E WITH ACUTE}"
    )
    assert latex.render(example_report()).isascii()


@pytest.mark.skipif(
    shutil.which("pdflatex") is None,
    reason="needs pdflatex, as apt-get install texlive-latex-recommended gives it",
)
@pytest.mark.parametrize("name", ["small", r"\input{secret} $x$ & 100% #1 ~^_ \N{GREEK SMALL LETTER BETA}"])
def test_pdflatex_sets_tables_within_the_page(name, tmp_path):
    contrast = {"vary": "scalars", "within": ["depth"], "over": ["beta_init"]}
    report = example_report({**SMALL, "name": name, "analysis": {"contrasts": {name: contrast}}})
    text = latex.render(report)
    page = (
        rf"\documentclass{{article}}\usepackage{{booktabs,longtable}}\begin{{document}}{text}\end{{document}}"
    )
    (tmp_path / "page.tex").write_text(page, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Overfull" not in done.stdout

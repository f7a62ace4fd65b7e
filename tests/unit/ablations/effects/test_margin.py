"""Verdicts about the margin: each is said where it holds, rarely where not, and alike in every view."""

import json
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ablations.contrasts.contrast import compile_contrasts
from ablations.effects.effect import EffectRow
from ablations.effects.interval import Interval
from ablations.effects.judge import judge
from ablations.effects.margin import about_margin
from ablations.report.document.document import Paragraph
from ablations.report.evidence import Measure
from ablations.report.renderers.html import _badge
from ablations.report.sections.answer import _claim
from ablations.results.results import Results
from service.cli.tables import print_effects
from service.worker.mlflow.summary import effects_table
from tests.unit.ablations.studies import SMALL, design_of
from tests.unit.ablations.trials import record_of

MARGIN = 1.0
DESIGN = design_of(
    SMALL, factors={"scalars": ["none", "shared"]}, seeds=10, analysis={"margin": {"test_accuracy": MARGIN}}
)
ASKED = compile_contrasts(DESIGN)


def judged(differences: np.ndarray) -> EffectRow:
    """The row of a study whose seeds differ by so much."""
    records = [
        record_of(arm, seed, {"test_accuracy": float(value) if arm.levels["scalars"] == "shared" else 0.0})
        for arm in DESIGN.arms
        for seed, value in enumerate(differences)
    ]
    return judge(ASKED, Results.build(DESIGN, records), final=True).contrasts[0].rows[0]


def around(centre: float, spread: float) -> np.ndarray:
    return centre + spread * np.linspace(-1, 1, 10)


@pytest.mark.parametrize(
    ("centre", "spread", "words"),
    [
        (3.0, 1.0, "better by more than the margin"),
        (-3.0, 1.0, "worse by more than the margin"),
        (0.5, 0.2, "better, but by less than the margin"),
        (-0.5, 0.2, "worse, but by less than the margin"),
        (1.0, 1.0, "better, perhaps by less than the margin"),
        (0.0, 0.5, "equivalent"),
        (0.6, 1.6, "not worse"),
        (0.0, 5.0, "inconclusive"),
    ],
)
def test_each_verdict_about_the_margin(centre: float, spread: float, words: str) -> None:
    assert judged(around(centre, spread)).words == words


@pytest.mark.parametrize(("true", "wrong"), [(-MARGIN, ("not worse", "better")), (MARGIN, ("beyond",))])
def test_claims_about_the_margin_are_rarely_wrong(true: float, wrong: tuple[str, ...]) -> None:
    """At the margin itself; at most half of alpha by the interval, here with 5 standard errors."""
    rng, num_studies, num_wrong = np.random.default_rng(4), 400, 0
    for _ in range(num_studies):
        row = judged(rng.normal(true, 1, 10))
        num_wrong += bool({row.verdict, row.margin_side} & set(wrong))
    assert num_wrong / num_studies <= 0.025 + 5 * (0.025 * 0.975 / num_studies) ** 0.5


def random_row(rng: np.random.Generator, like: EffectRow) -> EffectRow:
    """A row with any verdict that there is, on either scale."""
    estimate, half = float(rng.normal()), float(rng.exponential())
    ends = Interval(estimate=estimate, low=estimate - half, high=estimate + half)
    verdict = str(rng.choice(["better", "worse", "equivalent", "inconclusive"]))
    row = replace(
        like,
        estimate=ends.estimate,
        low=ends.low,
        high=ends.high,
        simultaneous=ends,
        ratio=ends.exponential() if rng.integers(2) else None,
        verdict=verdict,  # type: ignore[arg-type]
        margin_side=None,
        notes=(),
    )
    margin = float(rng.exponential()) if rng.integers(2) else None
    return about_margin(ASKED.contrasts[0], row, margin, inside=bool(rng.integers(2)), coarse=False)


def test_every_view_of_2000_random_rows_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    rng, like = np.random.default_rng(11), judged(around(3.0, 1.0))
    rows = [random_row(rng, like) for _ in range(2000)]
    family: dict[str, Any] = {
        "name": "x", "primary": True, "metric": "m", "test": "paired_t", "correction": "holm", "alpha": 0.05,
        "family_size": len(rows), "notes": [],
        "rows": json.loads(json.dumps([row.to_json() for row in rows])),
    }  # fmt: skip
    effects = {"interim": False, "contrasts": [family], "exploratory": []}
    print_effects(effects)
    lines = [line for line in capsys.readouterr().out.splitlines() if "shared - none" in line]
    note = [line for line in effects_table(effects).splitlines() if line.startswith("| shared")]
    measure = Measure(
        name="m", goal="maximize", rate=False, log=False, unit="", worst=None, at="end", meaning=""
    )
    assert len(lines) == len(note) == len(rows)
    for row, line, noted, plain in zip(rows, lines, note, family["rows"], strict=True):
        said = row.words or ""
        assert plain["verdict_words"] == said
        assert line.rstrip().endswith(said), line
        assert f"**{said}**" in noted
        claim = Paragraph(phrases=tuple(_claim(row, measure))).text
        assert re.sub(r" none|,(?= on)", "", claim).count("margin") == (
            row.margin_side is not None or row.verdict == "not worse"
        )
        assert ("less than" in claim) == ("less than" in said) and said in _badge(said)
        factor = row.ratio is not None
        assert ("factor" in line) == ("factor" in noted) == factor

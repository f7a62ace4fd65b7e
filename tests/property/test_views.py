"""Headline, tables, figures, page, JSON, LaTeX, terminal and MLflow's note agree in verdict and unit."""

from collections.abc import Iterator
from dataclasses import fields, replace

import pytest

from ablations.effects.effect import EffectRow, Effects
from service.cli import tables
from tests.property.results import Found, found_at
from tests.property.views import WORDS, Views, disagreements, views_of
from tests.thorough import tries

NUM_RESULTS, NUM_PARTS = tries(400, 2000), 8
OTHER = {"better": "worse", "worse": "better"}


@pytest.fixture(autouse=True)
def wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """No line of a table is broken, so that it can be read back."""
    monkeypatch.setattr(tables, "PIPE_WIDTH", 2000)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(NUM_PARTS))
def test_every_view_of_random_results_says_the_same(part: int) -> None:
    judged = 0
    for seed in range(part, NUM_RESULTS, NUM_PARTS):
        found = found_at(seed)
        views = views_of(found, found.effects)
        if views is not None:
            wrong = disagreements(found, found.effects, views)
            assert not wrong, (seed, wrong)
            judged += any(row.verdict for row in views.json)
    assert judged > NUM_RESULTS / NUM_PARTS / 3


def test_random_results_have_every_verdict_unit_and_end() -> None:
    seen: set[str] = set()
    for seed in range(400):
        found = found_at(seed)
        primary = next((c for c in found.effects.contrasts if c.primary), None)
        seen |= {found.effects.standing.state, found.design.study.design}
        for row in primary.rows if primary else ():
            seen |= {row.words or "none", row.shown_unit, "reason" if row.reason else "", *row.notes}
            seen |= {"mixed"} if row.mixed else set()
    assert set(WORDS.values()) <= seen
    assert {"factor", "points", "s", "", "mixed", "reason", "none"} <= seen
    assert {"done", "failed", "running", "paused", "cancelled", "queued"} <= seen
    assert {"factorial", "one_factor", "leave_one_out", "listed"} <= seen


def altered(effects: Effects, change: str) -> Effects:
    """The same effects with each row of the primary contrast said otherwise."""
    families = tuple(
        replace(c, rows=tuple(_altered(row, change) for row in c.rows)) if c.primary else c
        for c in effects.contrasts
    )
    return replace(effects, contrasts=families)


def _altered(row: EffectRow, change: str) -> EffectRow:
    if change == "verdict":
        other = "better" if row.verdict == "worse" else "worse"
        return replace(row, verdict=other, margin_side=None, reason=None)  # type: ignore[arg-type]
    return replace(row, ratio=None, rate=False, unit="furlongs")


def decided() -> Iterator[Found]:
    """Some results with one row that is decided on a log scale, and some with several."""
    for seed in range(3000):
        found = found_at(seed)
        primary = next((c for c in found.effects.contrasts if c.primary), None)
        if primary and primary.scale == "log" and any(r.verdict in OTHER for r in primary.rows):
            yield found


@pytest.mark.parametrize("change", ["verdict", "unit"])
def test_a_view_that_says_otherwise_is_caught(change: str) -> None:
    found = next(decided())
    views, others = (views_of(found, effects) for effects in (found.effects, altered(found.effects, change)))
    assert views is not None and others is not None and not disagreements(found, found.effects, views)
    for field in fields(Views):
        mutated = replace(views, **{field.name: getattr(others, field.name)})
        if field.name == "counts" and (change == "unit" or views.counts is None):
            continue
        assert disagreements(found, found.effects, mutated), field.name

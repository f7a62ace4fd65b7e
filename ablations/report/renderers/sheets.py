"""Trials and effects as CSV, for spreadsheets and other programs."""

import csv
import io
import json
from collections.abc import Iterable, Sequence

from ablations.design.design import Design
from ablations.design.search import RANK
from ablations.effects.effect import EffectRow, Effects
from ablations.errors import Json
from ablations.results.results import TrialRecord

EFFECT_NUMBERS = ("estimate", "low", "high", "p", "p_adjusted", "n", "holes", "unit", "verdict", "reason")
PREDICTIONS = ("prediction_low", "prediction_high")
FORMULAS, BREAKS = ("=", "+", "-", "@"), ("\t", "\r", "\n")
"""What makes a cell a formula in some spreadsheet, and what such a program may skip before it."""
FACTORS = {"factor": "estimate", "factor_low": "low", "factor_high": "high"}


def trials(design: Design, records: Sequence[TrialRecord]) -> str:
    """One line a trial: levels as `factor.NAME`, settings as `setting.NAME`, state, every metric.

    Settings are those that the trial trained with, a candidate's and a bundle's among them. Empty is what is
    not there: a setting that does not apply, a metric without a value.
    """
    arms = {arm.id: arm for arm in design.arms}
    factors = [factor.name for factor in design.factors]
    measured = [record.metrics_with(design.readings) for record in records]
    settings = list(dict.fromkeys(name for record in records for name in sorted(record.settings)))
    metrics = list(dict.fromkeys(name for own in measured for name in sorted(own)))
    head = ["arm_id", "arm", *(f"factor.{name}" for name in factors), "phase", "candidate", "repeat", "seed"]
    rows = []
    for record, own in zip(records, measured, strict=True):
        arm = arms.get(record.arm_id)
        levels = arm.levels if arm is not None else {}
        if record.phase == "tuning" and RANK in levels:
            arm, levels = None, {}  # its rank is what the search is for
        rows.append(
            [
                record.arm_id,
                arm.label if arm is not None else None,
                *(levels.get(name) for name in factors),
                record.phase,
                record.candidate,
                record.repeat,
                record.seed,
                *(_plain(record.settings.get(name)) for name in settings),
                record.state,
                record.attempts,
                *(own.get(name) for name in metrics),
                record.reason,
            ]
        )
    head += [f"setting.{name}" for name in settings]
    return _written([*head, "state", "attempts", *metrics, "reason"], rows)


def effects(found: Effects) -> str:
    """One line a row of effects, declared contrasts first; strata as `within.NAME`.

    On a log scale `estimate`, `low` and `high` are logarithms, and `factor` and its ends what people read.
    Where a factor is random, the ends of the prediction for its next level follow, on the estimate's scale.
    """
    rows: list[tuple[str, EffectRow]] = [
        ("primary" if contrast.primary else "declared", row)
        for contrast in found.contrasts
        for row in contrast.rows
    ]
    rows += [("exploratory", row) for row in found.exploratory]
    rows += [("interaction", row) for row in found.interactions]
    strata = list(dict.fromkeys(name for _, row in rows for name in row.within))
    head = ["kind", "contrast", "metric", *(f"within.{name}" for name in strata), "of", "against"]
    ahead = PREDICTIONS if any(row.population for _, row in rows) else ()
    lines = []
    for kind, row in rows:
        plain = row.to_json()
        coming = row.population.prediction if row.population else None
        lines.append(
            [
                kind,
                row.contrast,
                row.metric,
                *(row.within.get(name) for name in strata),
                row.of,
                row.against,
                *(plain[name] for name in EFFECT_NUMBERS),
                *(None if row.ratio is None else row.ratio.to_json()[end] for end in FACTORS.values()),
                *((coming and coming.low, coming and coming.high) if ahead else ()),
            ]
        )
    return _written([*head, *EFFECT_NUMBERS, *FACTORS, *ahead], lines)


def _written(head: Sequence[str], rows: Iterable[Sequence[Json]]) -> str:
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(head)
    writer.writerows([_text(cell) for cell in row] for row in rows)
    return target.getvalue()


def _plain(value: Json) -> Json:
    """A setting in one cell: lists as JSON."""
    return json.dumps(value) if isinstance(value, list | dict) else value


def _text(cell: Json) -> Json:
    """Numbers in full, truth values as in JSON; what a spreadsheet would compute behind an apostrophe."""
    if isinstance(cell, bool):
        return str(cell).lower()
    if not isinstance(cell, str) or _is_number(cell):
        return cell
    # The writer puts no quotes around a carriage return alone, which readers take for the end of the row.
    cell = cell.replace("\r\n", "\n").replace("\r", "\n")
    return f"'{cell}" if cell.lstrip()[:1] in FORMULAS or cell[:1] in BREAKS else cell


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True

"""Results of every kind, drawn at random: designs, scales, margins, tests, holes, divergence, and ends."""

import math
import random
from dataclasses import dataclass, replace
from typing import Any

from ablations.contrasts.contrast import compile_contrasts, mark_post_hoc
from ablations.design.design import Design
from ablations.effects.effect import Effects
from ablations.effects.judge import judge
from ablations.effects.standing import State
from ablations.results.environments import Environment
from ablations.results.results import Results, TrialRecord
from tests.unit.ablations.studies import SMALL, design_of
from tests.unit.ablations.trials import record_of

FACTORS: dict[str, list[Any]] = {"scalars": ["none", "shared", "per_layer"], "depth": [1, 5, 10]}
RATE = {"name": "collapsed", "of": "test_accuracy", "below": 0.75}
METRICS: dict[str, list[dict[str, Any]]] = {
    "accuracy": [{"name": "test_accuracy"}],
    "seconds": [{"name": "seconds"}],
    "loss": [{"name": "train_loss"}],
    "seconds, log": [{"name": "seconds", "scale": "log"}],
    "rate": [RATE, {"name": "test_accuracy"}],
    "two": [{"name": "train_loss"}, {"name": "test_accuracy"}, RATE],
}
MARGINS: dict[str, list[Any]] = {
    "test_accuracy": [0.02, 0.1],
    "seconds": [1.0, 10],
    "collapsed": [0.1, 0.6],
    "train_loss": ["5 %", "factor 1.3"],
}
ON_LOG = ["2 %", "factor 1.2"]
CONTRASTS: list[dict[str, Any]] = [
    {"vary": "scalars", "over": ["depth"]},
    {"vary": "scalars", "within": ["depth"]},
    {"vary": "scalars", "interaction": "depth"},
    {"vary": "depth", "trend": "linear", "within": ["scalars"]},
]
STATES: tuple[State, ...] = ("done", "done", "done", "done", "running", "paused", "cancelled", "queued")
ENVIRONMENTS = [Environment(parts={"torch": version}) for version in ("2.9", "2.10")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A study, what was measured, and what was judged of it."""

    design: Design
    records: list[TrialRecord]
    results: Results
    effects: Effects


def found_at(seed: int) -> Found:
    """The results with this number."""
    draw = random.Random(seed)
    design = design_of(SMALL, **_study(draw))
    state = draw.choice(STATES)
    records = _records(draw, design, state)
    results = Results.build(design, records)
    asked = compile_contrasts(design)
    if draw.random() < 0.1:
        asked = mark_post_hoc(asked, replace(asked, contrasts=()))
    final = state == "done"
    if final and not any(record.state in ("done", "diverged") for record in records):
        state = "failed"
    effects = judge(asked, results, final=final, extended=draw.random() < 0.05, state=state)
    return Found(design=design, records=records, results=results, effects=effects)


def _study(draw: random.Random) -> dict[str, Any]:
    kind = draw.choice(list(METRICS))
    design = draw.choice(["factorial", "factorial", "factorial", "one_factor", "leave_one_out", "listed"])
    num_seeds = draw.choice([2, 3, 5, 6, 8, 12, 20])
    analysis: dict[str, Any] = {
        "alpha": draw.choice([0.05, 0.05, 0.01]),
        "test": draw.choice(["paired_t", "sign_flip", "wilcoxon"]),
        "correction": draw.choice(["holm", "bh", "none"]),
        "missing": draw.choice(["related", "unrelated"]),
    }
    if draw.random() < 0.6:
        choices = {**MARGINS, **({"seconds": ON_LOG} if kind == "seconds, log" else {})}
        analysis["margin"] = {each["name"]: draw.choice(choices[each["name"]]) for each in METRICS[kind]}
    if draw.random() < 0.1 and num_seeds > 3:
        analysis["looks"] = draw.choice([[3, num_seeds], [num_seeds], [num_seeds, num_seeds + 5]])
    factors = {name: levels[: draw.choice([2, 3])] for name, levels in FACTORS.items()}
    study: dict[str, Any] = {
        "metric": ..., "metrics": METRICS[kind], "factors": factors, "seeds": num_seeds, "analysis": analysis,
        "design": design,
    }  # fmt: skip
    if design == "factorial":
        analysis["contrasts"] = {"it": draw.choice(CONTRASTS), "other": CONTRASTS[0]}
        analysis["primary"] = "it"
        factors["depth"] = FACTORS["depth"] if "trend" in analysis["contrasts"]["it"] else factors["depth"]
    elif design == "leave_one_out":
        parts = {"scalars": ["shared"], "dropout": [0.1], "augment": [True]}
        study |= {"baseline": ..., "factors": parts, "leave_one_out": {"components": list(parts)}}
    elif design == "one_factor":
        study["baseline"] = {"scalars": "none", "depth": 1}
    elif design == "listed":
        study["arms"] = [{"scalars": level, "depth": 1} for level in factors["scalars"]]
        study["arms"] += [{"scalars": level, "depth": 5} for level in ("none", "shared")]
    return study


def _records(draw: random.Random, design: Design, state: State) -> list[TrialRecord]:
    size = draw.choice([0.0, 0.3, 1.0, 4.0, 15.0])
    noise = draw.choice([0.0, 1.0, 1.0, 1.0])
    lost = draw.choice([0.0, 0.0, 0.1, 0.4, 1.0])
    dead = draw.choice(design.arms).id if draw.random() < 0.1 else None
    fates = ["failed", "cancelled"] if draw.random() < 0.3 else ["failed"]
    fates += ["diverged"] * draw.choice([0, 1])
    mixed = draw.random() < 0.08
    shift = {arm.id: draw.choice([-1, 0, 1]) * size for arm in design.arms}
    keep = 1.0 if state == "done" else draw.choice([0.0, 0.5, 1.0]) if state != "queued" else 0.0
    records = []
    for arm in design.arms:
        for seed in design.seeds:
            if draw.random() >= keep:
                continue
            gone = arm.id == dead or draw.random() < 0.3 * lost or lost == 1.0
            how = draw.choice(fates) if gone else "done"
            value = shift[arm.id] + noise * (draw.gauss(0, 1) + 0.3 * seed)
            record = record_of(arm, seed, {} if gone else _metrics(value), state=how)
            if mixed:
                record = replace(record, environment=ENVIRONMENTS[int(seed >= 2)])
            records.append(record)
    return records


def _metrics(value: float) -> dict[str, float | None]:
    return {
        "test_accuracy": 0.75 + 0.01 * value,
        "train_loss": math.exp(0.02 * value),
        "seconds": 60.0 * math.exp(0.02 * value),
    }

"""A made-up depth study with a planted collapse, and the report of it.

    python -m tests.unit.ablations.report.example FOLDER

writes report.html, report.md and report.json to look at;

    python -m tests.unit.ablations.report.example --golden

renews the golden Markdown report.
"""

import json
import sys
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from math import exp
from pathlib import Path
from typing import Any

import numpy as np

from ablations.contrasts.contrast import compile_contrasts
from ablations.design.arm import Arm
from ablations.design.design import Design
from ablations.effects.judge import Effects, judge
from ablations.manifest import Manifest, Metric, Setting
from ablations.plan.compile import compile_design
from ablations.report.build import build_report
from ablations.report.document.document import Report
from ablations.report.renderers import html, markdown
from ablations.results.results import Results, TrialRecord
from ablations.study.parsing import parse_study

GOLDEN = Path(__file__).parents[3] / "golden" / "report.md"
LEARNED = ("shared", "per_layer")
MANIFEST = Manifest(
    name="mlp-classifier",
    summary="A multilayer perceptron on images.",
    code="nowhere:train",
    settings=(
        Setting(name="dataset", kind="str", default="digits-5k", choices=("digits-5k", "mnist")),
        Setting(name="scalars", kind="str", default="none", choices=("none", *LEARNED)),
        Setting(name="base", kind="str", default="relu"),
        Setting(name="beta_init", kind="float", default=0.0, when={"scalars": LEARNED}),
        Setting(name="depth", kind="int", default=1, low=1),
        Setting(name="width", kind="int", default=64, low=1),
        Setting(name="epochs", kind="int", default=5, low=1),
        Setting(name="lr", kind="float", default=1e-3, low=0, open_low=True),
    ),
    metrics=(
        Metric(
            name="test_accuracy", goal="maximize", worst=0.0, help="share of test images classified right"
        ),
        Metric(name="test_loss", goal="minimize", worst=10.0, help="cross-entropy on the test images"),
        Metric(name="val_accuracy", goal="maximize", worst=0.0, curve=True),
        Metric(name="val_loss", goal="minimize", worst=10.0, curve=True),
    ),
    steps_setting="epochs",
)
STUDY: dict[str, Any] = {
    "name": "depth-collapse",
    "trainable": "mlp-classifier",
    "factors": {
        "scalars": ["none", "shared", "per_layer"],
        "base": ["relu", "mish"],
        "beta_init": [0.0, 0.5],
        "depth": [1, 5, 10, 25],
    },
    "baseline": {"scalars": "none"},
    "fixed": {"dataset": "digits-5k", "width": 64, "epochs": 15, "lr": 1e-3},
    "seeds": 10,
    "metrics": [
        {"name": "test_accuracy", "goal": "maximize", "at": "end"},
        {"name": "collapsed", "of": "test_accuracy", "below": 0.80},
        {"name": "test_loss"},
    ],
    "analysis": {
        "contrasts": {
            "deep": {
                "vary": "scalars",
                "where": {"depth": {"ge": 10}},
                "within": ["base"],
                "over": ["depth", "beta_init"],
            },
            "shallow": {
                "vary": "scalars",
                "where": {"depth": [1, 5]},
                "within": ["base"],
                "over": ["depth", "beta_init"],
            },
        },
        "primary": "deep",
    },
    "tags": {"team": "vision"},
}
SMALL: dict[str, Any] = {
    "factors": {"scalars": ["none", "shared"], "beta_init": [0.0, 0.5], "depth": [1, 25]},
    "baseline": {"scalars": "none"},
    "analysis": {},
    "seeds": 6,
}
PROVENANCE: dict[str, Any] = {
    "versions": {"ablate": "0.1.0", "torch": "2.9.1+cpu", "python": "3.11.9", "numpy": "2.4.6"},
    "hardware": {"device": "cpu", "class": "x86_64-avx2", "threads": 1},
    "trials": {"done": 398, "failed": 1, "diverged": 1, "seconds": 1834.2},
    "finished": "2026-11-24T16:31:07Z",
}


def example_design(changes: Mapping[str, Any] | None = None) -> Design:
    """The study, with top-level fields replaced."""
    return compile_design(parse_study({**STUDY, **(changes or {})}), MANIFEST)


def rng_of(*parts: object) -> np.random.Generator:
    """A generator that depends on these parts alone."""
    return np.random.default_rng(zlib.crc32(repr(parts).encode()))


def planted(arm: Arm, seed: int) -> float:
    """Accuracy at the end: falls with depth, collapses when deep and static, less so with learned scalars."""
    depth = int(str(arm.settings.get("depth", 1)))
    learned = arm.settings.get("scalars", "none") in LEARNED
    own = rng_of("arm", arm.id, seed)
    block = float(rng_of("seed", seed).normal(0, 0.006))
    top = 0.952 + 0.006 * (arm.settings.get("base") == "mish") - 0.0018 * depth
    top += 0.004 * learned + 0.004 * (arm.settings.get("scalars") == "per_layer")
    risk = 0.0 if depth < 10 else 0.45 if depth < 25 else 0.95
    if learned:
        risk *= 0.4 if arm.settings.get("beta_init") == 0.0 else 0.05
    if own.uniform() < risk * (0.3 if arm.settings.get("base") == "mish" else 1.0):
        return float(np.clip(own.normal(0.25, 0.1), 0.09, 0.6))
    return float(min(0.999, top + block + own.normal(0, 0.005)))


def curve_to(
    final: float, steps: int, start: float, rng: np.random.Generator
) -> list[tuple[float, float | None]]:
    """A saturating curve that ends near its final value."""
    pace = 2.0 + rng.uniform(0, 1)
    return [
        (step, float(final + (start - final) * exp(-step / pace) + rng.normal(0, 0.004)))
        for step in range(1, steps + 1)
    ]


def scalars_of(arm: Arm, steps: int, rng: np.random.Generator) -> dict[str, Any] | None:
    """Learned alpha and beta by epoch and layer: early layers turn linear."""
    if arm.settings.get("scalars") not in LEARNED:
        return None
    depth = int(str(arm.settings["depth"]))
    layers = depth if arm.settings["scalars"] == "per_layer" else 1
    beta_0 = float(str(arm.settings["beta_init"]))
    where = np.linspace(1, 0, layers) if layers > 1 else np.array([0.5])
    done = np.arange(1, steps + 1)[:, None] / steps
    alpha = 1 - 0.25 * where * done + rng.normal(0, 0.01, (steps, layers))
    beta = beta_0 + (0.7 - beta_0) * where * done**0.7 + rng.normal(0, 0.01, (steps, layers))
    return {"alpha": alpha.tolist(), "beta": beta.tolist(), "steps": list(range(1, steps + 1))}


def record_of(arm: Arm, seed: int) -> TrialRecord:
    """One finished trial."""
    final = planted(arm, seed)
    steps = int(str(arm.settings.get("epochs", 5)))
    rng = rng_of("curve", arm.id, seed)
    loss = float(-np.log(max(final - 0.02, 0.05)))
    return TrialRecord(
        arm_id=arm.id,
        seed=seed,
        phase="measuring",
        candidate=None,
        repeat=None,
        state="done",
        attempts=1,
        settings=dict(arm.settings),
        metrics={"test_accuracy": final, "test_loss": loss, "val_accuracy": final, "val_loss": loss},
        reason=None,
        curve={
            "val_accuracy": tuple(curve_to(final, steps, 0.1, rng)),
            "val_loss": tuple(curve_to(loss, steps, 2.3, rng)),
        },
        scalars=scalars_of(arm, steps, rng),
        seconds=4.2,
        device="cpu",
    )


def example_records(design: Design) -> list[TrialRecord]:
    """Every trial of the design; where it is large enough, one diverged and one failed."""
    records = [record_of(arm, seed) for arm in design.arms for seed in design.seeds]
    if len(records) > 200:
        lost = {"metrics": {}, "curve": {}, "scalars": None}
        records[37] = replace(records[37], state="diverged", reason="loss is not finite at step 412", **lost)
        reason = "RuntimeError: DataLoader worker exited unexpectedly\n  File ..."
        records[191] = replace(records[191], state="failed", attempts=3, reason=reason, **lost)
    return records


def judged(design: Design, records: Sequence[TrialRecord], *, final: bool = True) -> tuple[Results, Effects]:
    """Results and effects of these records."""
    results = Results.build(design, records)
    return results, judge(compile_contrasts(design), results, final=final)


def example_report(
    changes: Mapping[str, Any] | None = None, *, final: bool = True, keep: float = 1.0
) -> Report:
    """The report of the study; `keep` is the share of trials that have finished."""
    if changes is None:
        return _plain_report(final, keep)
    return _report(example_design(changes), final, keep)


@cache
def _plain_report(final: bool, keep: float) -> Report:
    return _report(example_design(), final, keep)


def _report(design: Design, final: bool, keep: float) -> Report:
    records = example_records(design)
    records = records[: round(keep * len(records))]
    results, effects = judged(design, records, final=final)
    return build_report(
        study_id="0192f0aa51b87c0e",
        design=design,
        effects=effects,
        results=results,
        records=records,
        provenance=PROVENANCE,
    )


def write(folder: Path) -> None:
    """Write the report in three formats."""
    report = example_report()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.html").write_text(html.render(report), encoding="utf-8")
    (folder / "report.md").write_text(markdown.render(report), encoding="utf-8")
    (folder / "report.json").write_text(json.dumps(report.to_json(), indent=1), encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1] == "--golden":
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(markdown.render(example_report()), encoding="utf-8")
    else:
        write(Path(sys.argv[1]))

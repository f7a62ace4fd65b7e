"""Conditions of a study, and the sentences that each of them brings to its report, plan and note."""

import contextlib
import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from types import SimpleNamespace
from typing import Any

from ablations.contrasts.contrast import compile_contrasts, mark_post_hoc
from ablations.design.arm import Arm
from ablations.design.design import Design
from ablations.effects.judge import judge
from ablations.effects.standing import State
from ablations.plan.plan import make_plan
from ablations.report import build as building
from ablations.report.build import build_report
from ablations.report.document.document import Report
from ablations.report.renderers import markdown, sheets
from ablations.report.sections import arms as arms_section
from ablations.report.sections.versions import environment_facts
from ablations.results.environments import Environment
from ablations.results.results import Results, TrialRecord
from ablations.study.parsing import parse_study
from service.cli import tables
from service.cli.plan_table import print_plan
from service.cli.tables import print_effects
from service.worker.mlflow.summary import note_of
from tests.unit.ablations.report.example import MANIFEST, SMALL, STUDY, example_design, example_records

Changes = dict[str, Any]
Value = Callable[[Arm, int], float | str | None]
"""A trial's value, or how it ended without one; None where it was not run."""
PLAIN: Changes = {**SMALL, "factors": {"scalars": ["none", "shared"], "depth": [1, 25]}}
EACH: Changes = {"contrasts": {"it": {"vary": "scalars", "within": ["depth"]}}}
ONE: Changes = {**PLAIN, "factors": {"scalars": ["none", "shared"]}}
LOSS = [{"name": "test_loss", "scale": "log"}]
RATE = [{"name": "low", "of": "test_accuracy", "below": 0.5}, {"name": "test_accuracy"}]
SPACE = {"lr": {"low": 1e-4, "high": 0.1, "log": True}, "width": [8, 16]}
TUNING: Changes = {"candidates": 3, "space": SPACE, "sampler": "random"}


def records_of(
    design: Design, value: Value | None = None, metric: str = "test_accuracy"
) -> list[TrialRecord]:
    """The example's trials, with a value or a fate of ours."""
    arms = {arm.id: arm for arm in design.arms}
    found = []
    for record in example_records(design):
        if value is None:
            found.append(record)
            continue
        ended = value(arms[record.arm_id], record.seed)
        if isinstance(ended, str):
            found.append(replace(record, state=ended, metrics={}, curve={}, scalars=None))  # type: ignore[arg-type]
        elif ended is not None:
            found.append(replace(record, metrics={**record.metrics, metric: ended}))
    return found


def searched(design: Design, records: Sequence[TrialRecord], *, repeats: int = 1) -> list[TrialRecord]:
    """The trials of a search in every arm, the last candidate on the edge of the space the best."""
    return [
        replace(
            records[0],
            arm_id=arm.id,
            phase="tuning",
            candidate=candidate,
            repeat=repeat if repeats > 1 else None,
            seed=1_000_000 + 10 * repeat + again,
            settings={**arm.settings, "lr": 0.1 if candidate == 2 else 0.01, "width": 8},
            metrics={"val_accuracy": 0.5 + candidate / 10},
        )
        for arm in (design.arms if design.study.factors else design.arms[:1])
        for candidate in range(3)
        for repeat in range(repeats)
        for again in range(design.study.tuning.seeds if design.study.tuning else 1)
    ]


def report_of(
    changes: Changes,
    value: Value | None = None,
    *,
    metric: str = "test_accuracy",
    state: State = "done",
    extended: bool = False,
    looks: tuple[int, ...] | None = None,
    post_hoc: bool = False,
    search: int = 0,
    change: Callable[[TrialRecord], TrialRecord] = lambda record: record,
) -> str:
    """Everything that is said of a study: report, terminal and note."""
    design = example_design(changes)
    records = [change(record) for record in records_of(design, value, metric)]
    if search:
        records = [*searched(design, records, repeats=search), *records]
    results, asked = Results.build(design, records), compile_contrasts(design)
    if post_hoc:
        asked = mark_post_hoc(asked, replace(asked, contrasts=()))
    if looks is not None:
        asked = replace(asked, looks=looks)
    final = state in ("done", "failed")
    effects = judge(asked, results, final=final, extended=extended, state=state)
    provenance = environment_facts([record.environment for record in records])
    parts = {"design": design, "effects": effects, "results": results, "records": records}
    plain = json.loads(json.dumps(effects.to_json()))
    report = build_report(study_id="s", provenance=provenance, **parts)
    study: Any = SimpleNamespace(name="it", state=state)
    told = [note_of(study, plain, "http://there"), sheets.effects(effects), markdown.render(report)]
    printed = captured(lambda: print_effects(plain), lambda: print_effects(plain, exploratory=True))
    return "\n".join([*said_in(report), printed, *told])


def said_in(report: Report) -> Iterator[str]:
    """Every text of a report."""
    yield from strings(report.to_json())
    yield report.label


def strings(data: Any) -> Iterator[str]:
    """Every text in JSON."""
    if isinstance(data, str):
        yield data
    elif isinstance(data, dict):
        yield from (text for item in data.values() for text in strings(item))
    elif isinstance(data, list):
        yield from (text for item in data for text in strings(item))


def captured(*prints: Callable[[], object]) -> str:
    """What is printed to a wide terminal."""
    target, width = io.StringIO(), tables.PIPE_WIDTH
    tables.PIPE_WIDTH = 2000
    try:
        with contextlib.redirect_stdout(target):
            for each in prints:
                each()
    finally:
        tables.PIPE_WIDTH = width
    return target.getvalue()


def plan_of(changes: Changes, *, every: bool = True) -> str:
    """Everything that is said of a plan."""
    plan = make_plan(parse_study({**STUDY, **changes}), MANIFEST).to_json()
    plain = json.loads(json.dumps(plan))
    plain["arms"][0]["size"] = {"hidden": 64}
    return "\n".join([*strings(plain), captured(lambda: print_plan(plain, name="it", every=every))])


def is_learned(arm: Arm) -> bool:
    return arm.levels.get("scalars") != "none"


def apart(by: float, spread: float = 0.01) -> Value:
    """Arms that lie so far apart, with some spread of their difference, in no steps."""

    def value(arm: Arm, seed: int) -> float:
        noise = spread * (2 * ((seed + 1) * 0.618 % 1) - 1)
        return 0.8 + 0.01 * (seed * 0.377 % 1) + (by + noise) * is_learned(arm)

    return value


def lost(how: str, seeds: Sequence[int], by: float = 0.1) -> Value:
    """The same, with seeds of the learned arm that ended otherwise."""
    return lambda arm, seed: how if is_learned(arm) and seed in seeds else apart(by)(arm, seed)


def collapsing(seeds: Sequence[int], *, learned: bool, level: float) -> Value:
    """Some seeds of one side end at 0, its others at this level, the other side at 0.8."""

    def value(arm: Arm, seed: int) -> float:
        if is_learned(arm) != learned:
            return 0.8 + 0.001 * (seed % 3)
        return 0.0 if seed in seeds else level + 0.001 * (seed % 2)

    return value


def in_versions(
    parts: Sequence[dict[str, str]], *, by_arm: bool = False
) -> Callable[[TrialRecord], TrialRecord]:
    """Seeds from 2 on, or every second trial of each, ran with the second version."""

    def change(record: TrialRecord) -> TrialRecord:
        second = (
            (record.seed + by_arm * len(record.arm_id + str(record.settings))) % 2
            if by_arm
            else record.seed > 1
        )
        found = parts[int(second)]
        return replace(record, environment=Environment(parts=found) if found else None)

    return change


@dataclass(frozen=True, slots=True)
class Case:
    """A condition, and the sentences it brings."""

    when: str
    text: Callable[[], str]
    says: tuple[str, ...]


CODE = "code:trainable:mlp-classifier"
MARGIN = {"analysis": {"margin": {"test_accuracy": 0.05}}}
MANY: Changes = {"factors": {"scalars": ["none", "shared"], "depth": list(range(1, 31))}, "analysis": {}}
CROSS: Changes = {
    "factors": {"scalars": ["none", "shared"], "base": ["relu", "mish"], "depth": [1, 5, 25]},
    "analysis": {},
}
INTERIM = ": 12 of 24 trials have a result. "


def half(arm: Arm, seed: int) -> float | None:
    """Three of six seeds were run."""
    return apart(0.1)(arm, seed) if seed < 3 else None


def several_reasons(arm: Arm, seed: int) -> float | str | None:
    """Missing runs at one depth, none at all at another, and no difference at the others."""
    depth = arm.levels["depth"]
    if is_learned(arm) and (depth == 1 or (depth == 25 and seed > 3)):
        return "failed"
    return apart(0.3 if depth == 25 else 0.0, 0.01 if depth == 25 else 0.2)(arm, seed)


CASES: tuple[Case, ...] = (
    # How far a study came.
    Case(
        "it waits, nothing was run",
        lambda: report_of(PLAIN, lambda *_: None, state="queued"),
        (
            "The study waits to run: 0 of 24 trials have a result. Estimates may move; p-values and verdicts come"
            " at its end only.",
            "The comparison on test_accuracy cannot be estimated yet",
        ),
    ),
    Case(
        "it waits, several rows",
        lambda: report_of({**PLAIN, "analysis": EACH}, lambda *_: None, state="queued"),
        ("None of the 2 comparisons on test_accuracy can be estimated yet",),
    ),
    Case(
        "it runs",
        lambda: report_of(PLAIN, half, state="running"),
        (
            f"The study is still running{INTERIM}Estimates may move; p-values and verdicts come at its end only.",
            "The estimate: shared against none on test_accuracy (difference +0.",
        ),
    ),
    Case(
        "one trial has a result",
        lambda: report_of(
            ONE, lambda arm, seed: 0.5 if seed == 0 and is_learned(arm) else None, state="running"
        ),
        ("1 of 12 trials has a result",),
    ),
    Case(
        "it is paused",
        lambda: report_of(PLAIN, half, state="paused"),
        (
            f"The study is paused{INTERIM}Estimates may move; p-values and verdicts come only after it is resumed"
            " and has ended.",
        ),
    ),
    Case(
        "it was cancelled",
        lambda: report_of(PLAIN, half, state="cancelled"),
        (
            f"The study was cancelled{INTERIM}It ended before its time, so there are no p-values and no verdicts.",
        ),
    ),
    Case(
        "it failed",
        lambda: report_of(PLAIN, lambda *_: "failed", state="failed"),
        ("There is no result on test_accuracy. The study failed: 0 of 24 trials have a result.", "no data"),
    ),
    Case(
        "it is done, with holes",
        lambda: report_of(PLAIN, half),
        ("The study is done, with 12 of 24 trials without a result.",),
    ),
    Case(
        "no pair of trials has a result",
        lambda: report_of(ONE, lost("failed", range(6))),
        ("There is no result on test_accuracy: no arm and its baseline have both been measured on a seed.",),
    ),
    Case(
        "a declared look is reached",
        lambda: report_of({**ONE, "analysis": {"looks": [3, 6]}}, half, state="running"),
        ("The verdicts are those of the declared look at 3 seeds.",),
    ),
    Case(
        "the last of two looks",
        lambda: report_of({**ONE, "analysis": {"looks": [3, 6]}}, apart(0.1)),
        ("look 2 of 2: alpha is split between the looks",),
    ),
    Case(
        "more seeds than looks",
        lambda: report_of(ONE, apart(0.1), looks=(3, 5)),
        (
            "6 seeds are no declared look (3, 5): no verdict",
            "Verdicts are withheld on 1 comparison; the reason is given below.",
        ),
    ),
    Case(
        "extended after its results",
        lambda: report_of(ONE, apart(0.1), extended=True),
        (
            "Extended after results were known, without a look declared at the start: no verdict",
            "Verdicts are withheld on 1 comparison; the reason is given below.",
        ),
    ),
    Case(
        "asked after its results",
        lambda: report_of({**PLAIN, "metrics": STUDY["metrics"]}, post_hoc=True),
        ("Post hoc: this contrast was added after results existed", ", post hoc)"),
    ),
    # What is decided of one row.
    Case(
        "better",
        lambda: report_of(ONE, apart(0.1)),
        (
            "shared is better than none on test_accuracy (difference +0.09",
            "\N{DAGGER} on a side that the primary contrast finds better than its baseline.",
        ),
    ),
    Case(
        "worse",
        lambda: report_of(ONE, apart(-0.1)),
        ("shared is worse than none on test_accuracy (difference \N{MINUS SIGN}0.1",),
    ),
    Case(
        "undecided",
        lambda: report_of(ONE, apart(0.0, 0.1)),
        ("shared cannot be told from none on test_accuracy",),
    ),
    Case(
        "better by more than the margin",
        lambda: report_of({**ONE, **MARGIN}, apart(0.1)),
        (
            "shared is better than none by more than the margin on test_accuracy",
            "better by more than the margin",
            "Declared margins: 0.05 in test_accuracy",
            "Differences within \N{PLUS-MINUS SIGN}0.05 count as none.",
        ),
    ),
    Case(
        "worse by less than the margin",
        lambda: report_of({**ONE, **MARGIN}, apart(-0.02)),
        ("shared is worse than none, but by less than the margin, on test_accuracy",),
    ),
    Case(
        "better, perhaps by less",
        lambda: report_of({**ONE, **MARGIN}, apart(0.05)),
        ("shared is better than none, perhaps by less than the margin, on test_accuracy",),
    ),
    Case(
        "equivalent",
        lambda: report_of({**ONE, **MARGIN}, apart(0.0)),
        ("shared is equivalent to none on test_accuracy",),
    ),
    Case(
        "not worse",
        lambda: report_of({**ONE, **MARGIN}, apart(0.03, 0.06)),
        ("shared is not worse than none by more than the margin on test_accuracy",),
    ),
    Case(
        "undecided, with a margin",
        lambda: report_of({**ONE, **MARGIN}, apart(0.0, 0.2)),
        ("seeds that would settle the row, from its spread and the margin", "seeds to settle"),
    ),
    Case(
        "a log scale",
        lambda: report_of(
            {**ONE, "metrics": LOSS, "analysis": {"margin": {"test_loss": "5 %"}}},
            apart(0.2),
            metric="test_loss",
        ),
        (
            "on test_loss (factor 1.2",
            "Factors between 1/1.05 and 1.05 count as no difference.",
            "The scale of test_loss is logarithmic",
        ),
    ),
    Case(
        "a rate",
        lambda: report_of({**ONE, "metrics": RATE, "analysis": {"margin": {"low": 0.1}}}, apart(-0.4)),
        (
            "on low (difference +100 points",
            "Differences within \N{PLUS-MINUS SIGN}10 points count as none.",
            "Differences of rates are in points",
            "Equivalence of rates is tested by an exact unconditional test",
        ),
    ),
    # What is decided of several rows.
    Case(
        "several rows are decided",
        lambda: report_of({**PLAIN, "analysis": EACH}, apart(0.1)),
        (
            "Of 2 comparisons on test_accuracy, 2 are better than the baseline.",
            "The largest decided effect: ",
            "(Bonferroni)",
            "interval for all 2 rows at once",
        ),
    ),
    Case(
        "some rows are decided",
        lambda: report_of(
            {**PLAIN, "analysis": EACH},
            lambda arm, seed: apart(0.1 if arm.levels["depth"] == 1 else 0.0, 0.05)(arm, seed),
        ),
        (
            "1 is better than the baseline; 1 remains inconclusive.",
            " Inconclusive: shared against none where depth = 25.",
        ),
    ),
    Case(
        "most rows are undecided",
        lambda: report_of(
            {**PLAIN, "factors": {"scalars": ["none", "shared"], "depth": [1, 5, 25]}, "analysis": EACH},
            lambda arm, seed: apart(0.1 if arm.levels["depth"] == 1 else 0.0, 0.04)(arm, seed),
        ),
        ("; 2 remain inconclusive",),
    ),
    Case(
        "no row is decided",
        lambda: report_of({**PLAIN, "analysis": EACH}, apart(0.0, 0.1)),
        (
            "No difference can be told from chance in any of the 2 comparisons on test_accuracy.",
            "The largest estimate: ",
        ),
    ),
    Case(
        "a row has no data",
        lambda: report_of(
            {**PLAIN, "analysis": EACH},
            lambda arm, seed: (
                "failed" if arm.levels == {"scalars": "shared", "depth": 25} else apart(0.1)(arm, seed)
            ),
        ),
        ("no seed has a value on both sides", "no data"),
    ),
    Case(
        "a row has no data and the others are sure",
        lambda: report_of(
            {**PLAIN, "analysis": {**EACH, "missing": "unrelated"}},
            lambda arm, seed: (
                "failed" if arm.levels == {"scalars": "shared", "depth": 25} else apart(0.1)(arm, seed)
            ),
        ),
        ("1 is better than the baseline; 1 has no data.",),
    ),
    Case(
        "each row mixes versions",
        lambda: report_of(
            {**PLAIN, "analysis": EACH}, apart(0.1), change=in_versions([{CODE: "a" * 64}, {CODE: "b" * 64}])
        ),
        (
            "Nothing is decided in any of the 2 comparisons on test_accuracy: the trials of each did not all run with"
            " the same code, data and kind of machine.",
            "mlp-classifier's code changed between seeds 0-1 and 2-5",
            "2 comparisons without a verdict: trials ran with several versions",
        ),
    ),
    Case(
        "one row mixes versions",
        lambda: report_of(
            {**PLAIN, "analysis": EACH},
            apart(0.0, 0.1),
            change=lambda r: (
                in_versions([{"torch": "2.9"}, {"torch": "2.10"}])(r)
                if r.settings["depth"] == 1
                else replace(r, environment=Environment(parts={"torch": "2.9"}))
            ),
        ),
        (
            "the trials of 1 did not all run with the same code, data and kind of machine; 1 does not stand out from"
            " chance.",
            "the version of torch changed between",
        ),
    ),
    Case(
        "one comparison mixes versions",
        lambda: report_of(ONE, apart(0.1), change=in_versions([{"numerics": "a"}, {"numerics": "b"}])),
        ("shared cannot be compared with none on test_accuracy", "the numerics changed between"),
    ),
    Case(
        "versions are mixed within seeds",
        lambda: report_of(
            ONE,
            apart(0.1),
            change=lambda r: replace(
                r,
                environment=Environment(
                    parts={
                        "threads": "1" if r.settings["scalars"] == "none" else "2",
                        "hardware": str(r.seed % 2),
                        "data:digits": str(r.seed > 1),
                        "code:activation:mish": str(r.seed > 2),
                    }
                ),
            ),
        ),
        (
            "the number of threads changed between 6 trials of seeds 0-5 and",
            "the hardware class changed",
            "dataset digits changed",
            "activation mish's code changed",
        ),
    ),
    Case(
        "a version is unknown",
        lambda: report_of(
            ONE,
            apart(0.1),
            change=lambda r: r if r.seed else replace(r, environment=Environment(parts={"torch": "2.9"})),
        ),
        ("the code and data behind 10 of its 12 trials are unknown",),
    ),
    Case(
        "one version is unknown",
        lambda: report_of(
            ONE,
            apart(0.1),
            change=lambda r: (
                r
                if r.seed == 0 and r.settings["scalars"] == "none"
                else replace(r, environment=Environment(parts={"torch": "2.9"}))
            ),
        ),
        (
            "the code and data behind one of its 12 trials are unknown",
            "what 1 trial ran with was not recorded",
        ),
    ),
    Case(
        "versions differ only between rows",
        lambda: report_of(
            {**PLAIN, "analysis": EACH},
            apart(0.1),
            change=lambda r: replace(r, environment=Environment(parts={CODE: str(r.settings["depth"])})),
        ),
        ("Trials ran with several versions",),
    ),
    # Missing and lost runs.
    Case(
        "a verdict hangs on runs that failed",
        lambda: report_of(ONE, lost("failed", (4, 5))),
        (
            "shared cannot be judged against none on test_accuracy",
            "depends on 2 runs that failed",
            "1 row would be decided otherwise with other values in the holes",
            "1 verdict that the finished seeds would give is withheld",
            "2 of 6 seeds are left out, as an arm has no value there",
            "better, with the missing runs of shared at",
            "2 trials without a result",
            "Failed and cancelled trials are holes",
        ),
    ),
    Case(
        "a verdict hangs on runs that were cancelled",
        lambda: report_of(ONE, lost("cancelled", (4, 5))),
        ("depends on 2 runs that were cancelled",),
    ),
    Case(
        "a verdict hangs on runs of both kinds",
        lambda: report_of(
            ONE,
            lambda arm, seed: (
                {4: "failed", 5: "cancelled"}.get(seed, apart(0.1)(arm, seed))
                if is_learned(arm)
                else apart(0.1)(arm, seed)
            ),
        ),
        ("depends on 2 runs without a value",),
    ),
    Case(
        "an undecided row could be decided",
        lambda: report_of(
            ONE,
            lambda arm, seed: (
                "failed"
                if seed == 5 and is_learned(arm)
                else apart(0.02, 0.01)(arm, seed)
                if seed < 4
                else 0.8
            ),
        ),
        ("would be decided otherwise with other values in the holes",),
    ),
    Case(
        "a verdict hangs on holes of another row",
        lambda: report_of(
            {**PLAIN, "analysis": EACH},
            lambda arm, seed: (
                ("failed" if is_learned(arm) and seed > 3 else apart(0.3)(arm, seed))
                if arm.levels["depth"] == 25
                else apart(0.03, 0.04)(arm, seed)
            ),
        ),
        ("depends on 2 runs that failed in other rows",),
    ),
    Case(
        "both sides have holes",
        lambda: report_of(
            ONE, lambda arm, seed: "failed" if seed == 5 - is_learned(arm) else apart(0.1)(arm, seed)
        ),
        (" and of none at ",),
    ),
    Case(
        "failures are declared unrelated",
        lambda: report_of({**ONE, "analysis": {"missing": "unrelated"}}, lost("failed", (4, 5))),
        (
            "1 verdict would change with other values in the holes",
            "It stands all the same: the study declares that missing runs",
        ),
    ),
    Case(
        "failures are declared unrelated, several rows",
        lambda: report_of({**PLAIN, "analysis": {**EACH, "missing": "unrelated"}}, lost("failed", (4, 5))),
        ("They stand all the same",),
    ),
    Case(
        "several verdicts hang on holes",
        lambda: report_of({**PLAIN, "analysis": EACH}, lost("failed", (4, 5))),
        (
            "2 verdicts that the finished seeds would give are withheld",
            "Nothing is decided in any of the 2 comparisons on test_accuracy: 2 depend on runs that are missing.",
        ),
    ),
    Case(
        "rows without a verdict for several reasons",
        lambda: report_of(
            {**PLAIN, "factors": {"scalars": ["none", "shared"], "depth": [1, 5, 10, 25]}, "analysis": EACH},
            several_reasons,
        ),
        ("1 depends on runs that are missing; 1 has no data; 2 do not stand out from chance",),
    ),
    Case(
        "too few seeds for any family",
        lambda: report_of({**ONE, "analysis": {"alpha": 1e-6, "test": "sign_flip"}}, apart(0.1)),
        ("no result of 6 seeds could be significant in this family; no number of seeds could",),
    ),
    Case(
        "runs diverged",
        lambda: report_of(ONE, lost("diverged", (5,))),
        (
            "1 trial diverged",
            "Each counts as the declared worst value (0) and is part of every mean it belongs to.",
        ),
    ),
    Case(
        "one trial failed without a reason",
        lambda: report_of(ONE, lost("failed", (5,))),
        ("no reason was recorded", "The trial"),
    ),
    Case("two trials failed", lambda: report_of(ONE, lost("failed", (4, 5))), ("Each of the 2 trials",)),
    Case(
        "only one seed is whole",
        lambda: report_of(ONE, lambda arm, seed: apart(0.1)(arm, seed) if seed == 0 else "failed"),
        ("fewer than two seeds: no interval and no test",),
    ),
    # Tests that cannot find anything.
    Case(
        "all differences are equal",
        lambda: report_of({**ONE, "seeds": 4}, apart(0.1, 0.0)),
        (
            "all differences are equal, so there is no t test: p is the sign-flip test's, which 4 seeds cannot bring below 0.12",
        ),
    ),
    Case(
        "differences spread less than a step",
        lambda: report_of(
            {**ONE, "seeds": 4}, lambda arm, seed: 0.5 + 0.01 * (is_learned(arm) + (seed == 1))
        ),
        ("all differences are equal",),
    ),
    Case(
        "too few seeds for the family",
        lambda: report_of({**PLAIN, "seeds": 5, "analysis": {**EACH, "test": "sign_flip"}}, apart(0.1)),
        ("no result of 5 seeds could be significant in this family; 7 seeds could",),
    ),
    # Collapse.
    Case(
        "a collapse is not excluded",
        lambda: report_of(ONE, apart(0.1)),
        (
            "6 seeds of shared without a collapse: rates of collapse up to 39 % are not excluded, from 11 % on the"
            " verdict on the mean would turn",
        ),
    ),
    Case(
        "a verdict that no rate would turn",
        lambda: report_of({**ONE, "seeds": 20}, collapsing(range(20), learned=False, level=0.5)),
        ("and no rate would turn the verdict",),
    ),
    Case(
        "a verdict that rests on collapses",
        lambda: report_of({**ONE, "seeds": 20}, collapsing(range(9), learned=True, level=0.9)),
        (
            "20 seeds of none without a collapse: rates of collapse up to 14 % are not excluded",
            "9 of 20 seeds of shared collapsed, without which it would be ahead: below 11 % the verdict on the mean would turn",
            "Runs collapsed in 1 comparison, so rates and quantiles say more than means.",
            "shared in 9 of 20 runs (median",
        ),
    ),
    Case(
        "the better side collapsed, too",
        lambda: report_of(
            {**ONE, "seeds": 20},
            lambda arm, seed: (
                0.0 if seed == 0 and is_learned(arm) else 0.9 if is_learned(arm) else 0.3 + 0.01 * (seed % 3)
            ),
        ),
        ("1 of 20 seeds of shared collapsed: rates of collapse up to",),
    ),
)


@contextlib.contextmanager
def limit(name: str, value: int) -> Iterator[None]:
    """A limit of the table of arms made small."""
    before = getattr(arms_section, name)
    setattr(arms_section, name, value)
    try:
        yield
    finally:
        setattr(arms_section, name, before)


def many_arms(most: int) -> str:
    with limit("MAX_ARMS", most):
        return report_of({**MANY, "factors": {**MANY["factors"], "depth": list(range(1, 61))}, "seeds": 2})


def broken() -> str:
    """A report one of whose sections cannot be built."""

    def fail(_: Any) -> Any:
        raise RuntimeError("on purpose")

    before = building.SECTIONS
    building.SECTIONS = (("answer", "Answer", fail), *before[1:])  # type: ignore[misc]
    try:
        return report_of(ONE)
    finally:
        building.SECTIONS = before  # type: ignore[misc]


def searched_for(tuning: Changes, repeats: int = 1, **changes: Any) -> str:
    study = {**PLAIN, "tuning": {**TUNING, **tuning}, "seeds": 3, **changes}
    return report_of(study, search=repeats)


STEEP: Changes = {
    "factors": {"scalars": ["none", "shared"], "depth": [1, 5, 10]},
    "analysis": {},
    "seeds": 4,
    "metrics": [{"name": "test_accuracy"}, {"name": "low", "of": "test_accuracy", "below": 0.5}],
}


def by_depth(at: int) -> Value:
    """Good up to this depth, and bad beyond."""
    return lambda arm, _: 0.9 if int(str(arm.levels["depth"])) <= at else 0.1


def in_some(num: int) -> Value:
    """Good in all of so many of four seeds at first, in one fewer at last."""
    return lambda arm, seed: 0.9 if seed < num - (arm.levels["depth"] == 10) else 0.1


ALONE: Changes = {"factors": {}, "baseline": {}, "analysis": {}}
OVER = {"contrasts": {"it": {"vary": "scalars", "over": ["depth"]}}}
MORE_CASES: tuple[Case, ...] = (
    # The question, and answers where nothing is compared.
    Case(
        "read where validation was best",
        lambda: report_of({**ONE, "metrics": [{"name": "test_accuracy", "at": "best_validation"}]}),
        ("read at the best validation score, higher is better.",),
    ),
    Case(
        "no baseline",
        lambda: report_of({**PLAIN, "baseline": {}}),
        (
            "How does test_accuracy depend on depth and scalars?",
            " reaches the best mean ",
            "No contrast was declared, so nothing is judged.",
            "No baseline and no contrast was declared: nothing is compared.",
            "the study names no baseline",
        ),
    ),
    Case(
        "no factors",
        lambda: report_of({**ALONE, "seeds": 3}),
        (
            "What test_accuracy does this recipe reach?",
            "The mean test_accuracy is ",
            " (standard deviation ",
            "the recipe",
            " without factors",
        ),
    ),
    Case(
        "no factors, nothing has finished",
        lambda: report_of({**ALONE, "seeds": 3}, lambda *_: None, state="queued"),
        ("No trial has finished yet.", "nothing has been measured yet"),
    ),
    Case(
        "where, within and over",
        lambda: report_of({"factors": STUDY["factors"], "seeds": 3}),
        (
            "Does scalars = shared or per_layer change test_accuracy against scalars = none where depth = 10 or 25, for each base, averaged over depth and beta_init?",
            "Verdicts belong to the primary contrast on the first metric of the study alone.",
            "averaged over depth and beta_init",
        ),
    ),
    # The whole example.
    Case(
        "many arms",
        lambda: many_arms(2000),
        (
            "The 20 best of 120 arms by mean test_accuracy.",
            "All 120 arms",
            "20 further rows in the HTML, CSV and JSON reports.",
        ),
    ),
    Case("more arms than are listed", lambda: many_arms(70), ("The first 70 arms",)),
    Case(
        "a section that cannot be built",
        broken,
        ("This section could not be built", "RuntimeError: on purpose"),
    ),
    Case(
        "curves, scalars, every metric",
        lambda: report_of(
            {
                "seeds": 3,
                "analysis": {},
                "factors": {**STUDY["factors"], "depth": [1, 5, 10]},
                "metrics": STUDY["metrics"],
            }
        ),
        (
            "Curves of other metrics",
            "Lines are shares of seeds.",
            "Dots are single seeds.",
            "Other metrics against depth",
            "Learned linearity by layer and epoch, mean over seeds.",
            "Scalars at the end, by arm",
            "alpha and beta by layer",
            "Linearity of ",
        ),
    ),
    Case(
        "nothing failed",
        lambda: report_of(ONE),
        ("None: 12 trials finished and nothing failed or diverged.",),
    ),
    Case(
        "no curves",
        lambda: report_of(ONE, change=lambda r: replace(r, curve={}, scalars=None)),
        ("No curves were recorded",),
    ),
    Case("many rows", lambda: report_of({**MANY, "seeds": 3, "analysis": EACH}), ("The other 6 rows",)),
    Case(
        "one row too many",
        lambda: report_of(
            {
                **MANY,
                "factors": {**MANY["factors"], "depth": list(range(1, 26))},
                "seeds": 3,
                "analysis": EACH,
            }
        ),
        ("The other row",),
    ),
    Case(
        "one simple effect",
        lambda: report_of(
            {
                **PLAIN,
                "metrics": [{"name": "test_accuracy"}],
                "analysis": {
                    "contrasts": {"it": {"vary": "scalars", "over": ["depth"], "where": {"depth": 1}}}
                },
            }
        ),
        ("1 exploratory simple effect: --exploratory shows it",),
    ),
    # Tests and corrections by name.
    Case(
        "Wilcoxon",
        lambda: report_of({**ONE, "analysis": {"test": "wilcoxon"}}, apart(0.1)),
        (
            "Exact Wilcoxon signed-rank test",
            "Estimates and intervals are Hodges and Lehmann's",
            "summarised over seeds with Hodges and Lehmann's estimate",
        ),
    ),
    Case(
        "sign-flip at many seeds",
        lambda: report_of({**ONE, "seeds": 21, "analysis": {"test": "sign_flip"}}, apart(0.1)),
        ("the sign-flip test with 65535 random flips",),
    ),
    Case(
        "sign-flip at few seeds",
        lambda: report_of({**ONE, "analysis": {"test": "sign_flip", "correction": "bh"}}, apart(0.1)),
        (
            "the exact sign-flip test",
            "Benjamini-Hochberg correction",
            "adjusted by the Benjamini-Hochberg method",
        ),
    ),
    Case(
        "no correction",
        lambda: report_of({**ONE, "analysis": {"correction": "none"}}, apart(0.1)),
        ("no correction", "not adjusted, so that each row"),
    ),
    Case(
        "seeds between those simulated",
        lambda: report_of({**ONE, "seeds": 7}, apart(0.1)),
        ("Measured, not assumed: in ",),
    ),
    # Searches.
    Case(
        "a search of its own for every arm",
        lambda: searched_for({}),
        (
            "Conditional on these tuned settings: they were searched for once",
            "Each search tried 3 candidates with the random sampler and kept the one with the highest mean val_accuracy over 1 tuning seed.",
            "The best value of lr lies on the edge of the space",
            "So it is in 4 of 4 searches",
            "Before it was measured, every arm got the same budget of 3 candidates",
        ),
    ),
    Case(
        "arms share a search",
        lambda: searched_for({"per": ["depth"]}),
        (
            "Before they were measured, every combination of depth shared 3 candidates",
            " in each of its arms",
            " and these arms",
        ),
    ),
    Case(
        "all arms share a search",
        lambda: searched_for({"per": []}),
        (
            "Before they were measured, all arms together shared",
            "The search tried 3 candidates in each of its 4 arms",
        ),
    ),
    Case(
        "a search for each seed",
        lambda: searched_for({"repeats": 3}, repeats=3),
        ("Every seed has searches of its own, so that the intervals", " Every seed has searches of its own."),
    ),
    Case("many searches", lambda: searched_for({}, factors=MANY["factors"]), ("The best of 60 searches",)),
    Case(
        "a plain search",
        lambda: searched_for({"confirm": 2}, **{**ALONE}),
        (
            "Which settings give the best test_accuracy?",
            "The search chose lr = 0.1, width = 8.",
            "Its mean test_accuracy is",
            "Before anything was measured a search tried",
            "kept the 2 different ones",
            "test_accuracy on fresh seeds",
            "The course of the search: dots are candidates",
            "val_accuracy of every candidate against its lr.",
        ),
    ),
    Case(
        "a plain search with several tuning seeds",
        lambda: searched_for({"seeds": 2}, **{**ALONE}),
        ("dots are trials of candidates, the line is the best mean val_accuracy so far.",),
    ),
    Case(
        "a plain search for each seed",
        lambda: searched_for({"repeats": 3, "confirm": 2}, repeats=3, **{**ALONE}),
        ("test_accuracy with this seed",),
    ),
    Case(
        "a search without scores",
        lambda: report_of({**ALONE, "seeds": 2, "tuning": TUNING}, lambda *_: None, state="queued"),
        ("No candidate has a score yet",),
    ),
    # Interactions and the shape of a design.
    Case(
        "interactions on a log scale",
        lambda: report_of({**CROSS, "seeds": 3, "metrics": LOSS}),
        (
            "How the effect of scalars on test_loss changes with the other factors: factors within a seed",
            "geometric means over seeds of paired factors",
            "of logarithms to either side",
        ),
    ),
    Case(
        "interactions, averaged",
        lambda: report_of(
            {
                "seeds": 2,
                "factors": {
                    "scalars": ["none", "shared"],
                    "base": ["relu", "mish"],
                    "depth": [1, 5, 25],
                    "width": [8, 16],
                },
                "analysis": {},
            }
        ),
        ("Averaged over, not drawn apart: ", "means over seeds of paired differences"),
    ),
    Case(
        "many levels are compared",
        lambda: report_of(
            {
                "seeds": 2,
                "factors": {"base": [f"b{i}" for i in range(10)], "depth": [1, 2]},
                "baseline": {"base": "b0"},
                "analysis": {},
            }
        ),
        ("Drawn are the first 6 of 9 levels of base that were compared", "2 further levels are not drawn"),
    ),
    Case(
        "one level more than is drawn",
        lambda: report_of(
            {
                "seeds": 2,
                "factors": {"base": [f"b{i}" for i in range(9)], "depth": [1, 2]},
                "baseline": {"base": "b0"},
                "analysis": {},
            }
        ),
        ("1 further level is not drawn",),
    ),
    Case(
        "several factors are judged",
        lambda: report_of({**CROSS, "seeds": 2, "baseline": {"scalars": "none", "base": "relu"}}),
        ("The effects of base are not drawn here; their rows stand below.",),
    ),
    Case(
        "too many levels to draw",
        lambda: report_of(
            {
                "seeds": 2,
                "factors": {"scalars": ["none", "shared"], "depth": list(range(1, 43))},
                "analysis": {},
            }
        ),
        ("Not drawn: depth (42 levels) would take more than the 40 columns that can be read.",),
    ),
    Case(
        "a long numeric factor",
        lambda: report_of(
            {
                "seeds": 2,
                "factors": {
                    "base": ["relu", "mish"],
                    "scalars": ["none", "shared"],
                    "width": list(range(1, 9)),
                },
                "baseline": {"base": "relu"},
                "analysis": {},
            }
        ),
        ("some levels of width only",),
    ),
    Case(
        "more panels than can be read",
        lambda: report_of(
            {
                "seeds": 2,
                "factors": {
                    "base": ["relu", "mish"],
                    "scalars": ["none", "shared", "per_layer"],
                    "dataset": ["digits-5k", "mnist"],
                    "width": [8, 16],
                    "epochs": [1, 2],
                },
                "baseline": {"base": "relu"},
                "analysis": {},
            }
        ),
        ("averaged over ",),
    ),
    Case(
        "an interaction is asked",
        lambda: report_of(
            {
                **CROSS,
                "seeds": 3,
                "analysis": {
                    "contrasts": {"it": {"vary": "scalars", "interaction": "depth", "over": ["base"]}}
                },
            }
        ),
        ("it",),
    ),
    Case(
        "combinations are excluded",
        lambda: report_of({**CROSS, "seeds": 3, "exclude": [{"scalars": "shared", "depth": 25}]}),
        (
            "2 excluded combinations",
            "levels left out, as their combinations are incomplete: depth = 25",
            "8 of 10 arms, the balanced part of the design",
        ),
    ),
    Case(
        "some factors apply to some arms only",
        lambda: report_of({"seeds": 3, "factors": STUDY["factors"], "analysis": {}}),
        (
            " of levels came to the same training",
            "beta_init, where it applies",
            "interactions of three factors or more",
        ),
    ),
    Case(
        "an arm lacks a seed",
        lambda: report_of(
            {**CROSS, "seeds": 3},
            lambda arm, seed: (
                None
                if seed == 0 and arm.levels == {"scalars": "none", "base": "relu", "depth": 1}
                else 0.5 + 0.1 * is_learned(arm)
            ),
        ),
        ("1 of these arms lacks seeds: an arm's mean is over the seeds it has",),
    ),
    Case(
        "arms lack seeds",
        lambda: report_of(
            {**CROSS, "seeds": 3},
            lambda arm, seed: None if seed == 0 and not is_learned(arm) else 0.5 + 0.1 * is_learned(arm),
        ),
        ("6 of these arms lack seeds",),
    ),
    Case(
        "one factor at a time",
        lambda: report_of(
            {
                **CROSS,
                "seeds": 3,
                "design": "one_factor",
                "baseline": {"scalars": "none", "base": "relu", "depth": 1},
            }
        ),
        ("no complete cross of two factors holds half of the arms: no shares are given",),
    ),
    Case(
        "all arms alike",
        lambda: report_of({**CROSS, "seeds": 3}, lambda *_: 0.5),
        ("No shares for test_accuracy: all of these arms have the same mean.",),
    ),
    Case(
        "one factor alone matters",
        lambda: report_of({**CROSS, "seeds": 3}, lambda arm, _: 0.5 + 0.1 * is_learned(arm)),
        (" others, each below 0.1 %",),
    ),
    # Crossings of a rate.
    Case(
        "a rate rises with depth",
        lambda: report_of(STEEP, by_depth(5)),
        ("The rate low crosses 50 % at depth", "Between levels the rate is interpolated linearly.", "rising"),
    ),
    Case(
        "a rate crosses in many courses",
        lambda: report_of(
            {**STEEP, "factors": {**STEEP["factors"], "base": ["relu", "mish"], "width": [8, 16]}},
            by_depth(5),
        ),
        (", and in 5 more courses",),
    ),
    Case(
        "a rate that is high everywhere",
        lambda: report_of(STEEP, lambda *_: 0.1),
        ("The rate low crosses 50 % nowhere between the levels of depth.", "above from the first on"),
    ),
    Case(
        "a rate that is low everywhere", lambda: report_of(STEEP, lambda *_: 0.9), ("below at every level",)
    ),
    Case(
        "a rate that is low and falls",
        lambda: report_of(
            {
                **STEEP,
                "metrics": [{"name": "test_accuracy"}, {"name": "high", "of": "test_accuracy", "above": 0.5}],
            },
            in_some(1),
        ),
        ("below from the first on",),
    ),
    Case(
        "a rate that is high and falls",
        lambda: report_of(
            {
                **STEEP,
                "metrics": [{"name": "test_accuracy"}, {"name": "high", "of": "test_accuracy", "above": 0.5}],
            },
            in_some(3),
        ),
        ("above at every level",),
    ),
    Case(
        "seeds that cross nowhere or before",
        lambda: report_of(
            {**STEEP, "seeds": 5},
            lambda arm, seed: 0.1 if seed < 2 or (seed == 2 and arm.levels["depth"] == 10) else 0.9,
        ),
        ("open on both sides",),
    ),
    Case(
        "seeds cross at different places",
        lambda: report_of(
            STEEP, lambda arm, seed: 0.1 if int(str(arm.levels["depth"])) > (2, 4, 9, 30)[seed % 4] else 0.9
        ),
        (" or more",),
    ),
)


def note_before_results() -> str:
    """MLflow's note of a study that has no effects yet."""
    study: Any = SimpleNamespace(name="it", state="queued")
    return note_of(study, None, "http://there")


PLANS: tuple[Case, ...] = (
    Case(
        "a note before there are results",
        note_before_results,
        ("The study is queued; its answer will stand here.", "[Full report](http://there)"),
    ),
    Case(
        "a plan",
        lambda: plan_of({}),
        (
            "rows of one are corrected together",
            "matched pairs",
            "applies where scalars is shared or per_layer",
            "in standard deviations of the paired difference",
            " exploratory rows, without verdict",
        ),
    ),
    Case(
        "a plan with settings that go together",
        lambda: plan_of(
            {
                **PLAIN,
                "factors": {
                    "scalars": ["none", "shared"],
                    "start": {"low": {"beta_init": 0.1}, "high": {"beta_init": 0.2}},
                },
            }
        ),
        ("applies where one of its settings does",),
    ),
    Case(
        "a plan that no seeds would help",
        lambda: plan_of({**ONE, "analysis": {"alpha": 1e-6, "test": "sign_flip"}}),
        ("; no number of seeds would do",),
    ),
    Case(
        "a plan with a stated spread and margin",
        lambda: plan_of(
            {**ONE, "analysis": {"spread": {"test_accuracy": 0.01}, "margin": {"test_accuracy": 0.01}}}
        ),
        (
            "stated in analysis.spread",
            "seeds would find its margin",
            "whose paired differences spread by 0.01",
        ),
    ),
    Case(
        "a plan with a tiny margin",
        lambda: plan_of(
            {**ONE, "analysis": {"spread": {"test_accuracy": 1.0}, "margin": {"test_accuracy": 1e-6}}}
        ),
        ("over a million seeds would find its margin",),
    ),
    Case(
        "a plan of a rate",
        lambda: plan_of({**ONE, "seeds": 20, "metrics": RATE}),
        ("by McNemar's test, where all seeds that disagree on low do so on one side", "a difference of"),
    ),
    Case(
        "a plan with looks", lambda: plan_of({**ONE, "analysis": {"looks": [3, 6]}}), (" at each of 2 looks",)
    ),
    Case(
        "a plan that can find nothing",
        lambda: plan_of({**ONE, "seeds": 4, "analysis": {"test": "sign_flip"}}),
        (
            "no result of 4 seeds can be significant by the sign-flip test",
            "with 4 seeds and 1 row is 0.125, above 0.05; 6 seeds would do",
        ),
    ),
    Case(
        "a plan that can find nothing by ranks",
        lambda: plan_of({**PLAIN, "seeds": 4, "analysis": {**EACH, "test": "wilcoxon"}}),
        ("the signed-rank test", "with 4 seeds and 2 rows is"),
    ),
    Case(
        "a plan without a question",
        lambda: plan_of({**PLAIN, "baseline": {}}),
        ("the study asks no question",),
    ),
    Case(
        "a plan with few seeds",
        lambda: plan_of({**ONE, "seeds": 3}),
        ("3 seeds: intervals will be wide, and rest on the differences being normal",),
    ),
    Case(
        "a plan with settings without effect",
        lambda: plan_of(
            {
                **ONE,
                "factors": {"scalars": ["none", "shared"], "lr": [0.1, 0.2]},
                "fixed": {"lr": 0.1, "beta_init": 0.5},
                "exclude": [{"scalars": "shared"}],
                "baseline": {},
            }
        ),
        (
            "fixed.lr is overridden by the factor lr",
            "fixed.beta_init applies to no arm",
            "scalars has 2 levels and varies in no two arms",
        ),
    ),
    Case(
        "a plan whose arms do not match",
        lambda: plan_of(
            {
                "factors": {"scalars": ["none", "shared", "per_layer"], "depth": [1, 5]},
                "analysis": {},
                "exclude": [{"scalars": "shared", "depth": 1}, {"scalars": "none", "depth": 5}],
            }
        ),
        ("scalars: no arm with scalars=shared matches one with none",),
    ),
    Case(
        "a plan with a search",
        lambda: plan_of({**PLAIN, "fixed": {"lr": 0.1}, "tuning": {**TUNING, "space": SPACE}}),
        (
            "tuned once: the effects hold for these tuned settings",
            "fixed.lr is overridden by the search",
            " to measure + ",
        ),
    ),
    Case(
        "a plan with a small space",
        lambda: plan_of({**PLAIN, "tuning": {**TUNING, "space": {"lr": [0.1]}}}),
        ("3 candidates for a space of 1 point",),
    ),
    Case(
        "a plan whose search does nothing for some",
        lambda: plan_of({**PLAIN, "tuning": {**TUNING, "space": {"beta_init": {"low": 0.0, "high": 1.0}}}}),
        ("nothing that is searched applies to 2 arms, among them [",),
    ),
    Case(
        "a plan whose search does nothing for one",
        lambda: plan_of({**ONE, "tuning": {**TUNING, "space": {"beta_init": {"low": 0.0, "high": 1.0}}}}),
        ("nothing that is searched applies to 1 arm: [",),
    ),
    Case(
        "a plan of many arms",
        lambda: plan_of(
            {**MANY, "analysis": EACH, "exclude": [{"depth": i, "scalars": "shared"} for i in range(1, 15)]},
            every=False,
        ),
        (": --all shows them", "... 30 in all"),
    ),
)
EVERY = (*CASES, *MORE_CASES, *PLANS)


@cache
def text_of(place: int) -> str:
    """What is said where a condition holds."""
    return EVERY[place].text()

"""Every arm with its numbers, and every trial that gave none."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from ablations.design.arm import Arm
from ablations.identity import canonical
from ablations.manifest import Scalar
from ablations.report.document.document import Block, Cell, Column, Fold, Kind, Paragraph, Table
from ablations.report.document.numbers import compact, count, decimals_each
from ablations.report.evidence import Evidence, Measure
from ablations.results.failures import FAILURES, classify, count_classes
from ablations.results.results import TrialRecord

MAX_OPEN_ARMS = 60
MAX_ARMS = 2000
MAX_REASON = 240
LOST = ("failed", "diverged", "cancelled")


def arms(evidence: Evidence) -> list[Block]:
    """Means and standard deviations over seeds; the best mean of each metric is bold."""
    order = list(evidence.design.arms)
    if len(order) <= MAX_OPEN_ARMS:
        return [arms_table(evidence, order)]
    values = evidence.results.values(evidence.main.name)
    means = [_mean(row) for row in values]
    sign = -1.0 if evidence.main.goal == "maximize" else 1.0
    ranked = sorted(order, key=lambda arm: _rank(means[evidence.results.arm_index[arm.id]], sign))
    best = ranked[: MAX_OPEN_ARMS // 3]
    shown = order[:MAX_ARMS]
    title = (
        f"All {count(len(order), 'arm')}"
        if len(shown) == len(order)
        else f"The first {count(MAX_ARMS, 'arm')}"
    )
    return [
        Paragraph(
            phrases=(f"The {len(best)} best of {count(len(order), 'arm')} by mean {evidence.main.name}.",)
        ),
        arms_table(evidence, best),
        Fold(title=title, blocks=(arms_table(evidence, shown),)),
    ]


def _rank(mean: float | None, sign: float) -> tuple[bool, float]:
    return mean is None, sign * (mean or 0.0)


def arms_table(evidence: Evidence, chosen: Sequence[Arm]) -> Table:
    """One row an arm: levels, n, holes, then mean and spread of every metric."""
    factors = [f.name for f in evidence.varying]
    index = [evidence.results.arm_index[arm.id] for arm in chosen]
    diverged = Counter(r.arm_id for r in evidence.measuring if r.state == "diverged")
    columns = [Column(name=name, kind=Kind.NAME) for name in factors]
    cells: list[list[Cell]] = [[_level(arm, name) for name in factors] for arm in chosen]
    if not factors:
        columns, cells = [Column(name="arm")], [["the recipe"] for _ in chosen]
    strong: set[tuple[int, int]] = set()
    for measure in evidence.measures:
        found = [evidence.summaries[arm.id].readings[measure.name] for arm in chosen]
        means = [each.mean for each in found]
        best = _best(means, measure)
        strong |= {(row, len(columns)) for row in best}
        columns += _measure_columns(measure, [each.sd for each in found])
        for row, each in enumerate(found):
            more = [each.sd, each.median, each.interquartile_mean]
            cells[row] += [each.mean] if measure.rate else [each.mean, *more]
    finished = np.isfinite(evidence.results.values(evidence.main.name)[index]).sum(axis=1)
    num_seeds = len(evidence.design.seeds)
    columns += [Column(name="n", kind=Kind.COUNT, help="seeds with a result")]
    for row, num in enumerate(finished):
        cells[row] += [int(num)]
    if any(num < num_seeds for num in finished):
        columns.append(Column(name="holes", kind=Kind.COUNT, help="seeds without a result"))
        for row, num in enumerate(finished):
            cells[row] += [num_seeds - int(num)]
    if diverged:
        columns.append(Column(name="diverged", kind=Kind.COUNT, help="seeds counted as the worst value"))
        for row, arm in enumerate(chosen):
            cells[row] += [diverged[arm.id]]
    better = _found_better(evidence)
    dagger = frozenset((row, len(factors) or 1) for row, arm in enumerate(chosen) if arm.id in better)
    caption = (
        "\N{DAGGER} on a side that the primary contrast finds better than its baseline." if dagger else ""
    )
    return Table(
        columns=tuple(columns),
        rows=tuple(tuple(row) for row in cells),
        caption=caption,
        strong=frozenset(strong),
        dagger=dagger,
    )


def _found_better(evidence: Evidence) -> set[str]:
    """Arms on the `of` side of a row that the primary contrast calls better."""
    judged = evidence.primary
    if judged is None or judged.metric != evidence.main.name or judged.shape != "difference":
        return set()
    found = {_key(row.of, row.against, row.within): row.verdict for row in judged.rows}
    return {
        arm
        for row in evidence.question(judged).rows
        if found.get(_key(row.of, row.against, row.within)) == "better"
        for arm, weight in row.weights.items()
        if weight > 0
    }


def _key(of: Scalar, against: Scalar, within: Mapping[str, Scalar]) -> str:
    """A row's name: the same in the question and in what was found, however many rows either has."""
    return canonical([of, against, dict(within)])


def _measure_columns(measure: Measure, spreads: Sequence[float | None]) -> list[Column]:
    if measure.rate:
        return [Column(name=measure.name, kind=Kind.PERCENT, help=measure.meaning)]
    decimals = decimals_each(spreads)
    help_text = f"mean over seeds. {measure.meaning}".strip()
    return [
        Column(name=measure.label, kind=Kind.NUMBER, decimals=decimals, help=help_text),
        Column(
            name="sd",
            kind=Kind.NUMBER,
            decimals=decimals,
            help=f"standard deviation of {measure.name} over seeds",
        ),
        Column(name="median", kind=Kind.NUMBER, decimals=decimals, help=f"median of {measure.name}"),
        Column(
            name="IQM",
            kind=Kind.NUMBER,
            decimals=decimals,
            help=f"interquartile mean of {measure.name}: without its lowest and highest quarter of seeds",
        ),
    ]


def _level(arm: Arm, name: str) -> str | None:
    return compact(arm.levels[name]) if name in arm.levels else None


def _mean(row: np.ndarray) -> float | None:
    known = row[~np.isnan(row)]
    return float(known.mean()) if len(known) else None


def _best(means: Sequence[float | None], measure: Measure) -> list[int]:
    known = [m for m in means if m is not None]
    if len(known) < 2 or len(set(known)) == 1:
        return []
    best = max(known) if measure.goal == "maximize" else min(known)
    rows = [row for row, mean in enumerate(means) if mean == best]
    return rows if len(rows) <= max(1, len(means) // 4) else []


def failures(evidence: Evidence) -> list[Block]:
    """Trials that failed, diverged or were cancelled: first why, then each."""
    lost = [r for r in evidence.records if r.state in LOST]
    if not lost:
        finished = sum(r.state == "done" for r in evidence.records)
        return [
            Paragraph(phrases=(f"None: {count(finished, 'trial')} finished and nothing failed or diverged.",))
        ]
    groups: dict[tuple[str, str], list[TrialRecord]] = defaultdict(list)
    for record in lost:
        groups[class_name(record), first_line(record.reason)].append(record)
    labels = {arm.id: arm.label for arm in evidence.design.arms}
    ranked = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    causes = Table(
        columns=(
            Column(name="class"),
            Column(name="reason"),
            Column(name="trials", kind=Kind.COUNT),
            Column(name="arms", kind=Kind.COUNT),
        ),
        rows=tuple(
            (name, reason, len(members), len({m.arm_id for m in members}))
            for (name, reason), members in ranked
        ),
    )
    every = Table(
        columns=(
            Column(name="arm", kind=Kind.NAME),
            Column(name="seed", kind=Kind.COUNT),
            Column(name="phase"),
            Column(name="state"),
            Column(name="attempts", kind=Kind.COUNT),
            Column(name="reason"),
        ),
        rows=tuple(
            (labels.get(r.arm_id, r.arm_id), r.seed, r.phase, r.state, r.attempts, first_line(r.reason))
            for r in lost
        ),
    )
    each = f"Each of the {count(len(lost), 'trial')}" if len(lost) > 1 else "The trial"
    return [causes, advice_table(lost), Fold(title=each, blocks=(every,))]


def advice_table(lost: Sequence[TrialRecord]) -> Table:
    """What each class of failure among these trials means, and what to do about it."""
    found = [FAILURES[name] for name in count_classes((record.state, record.reason) for record in lost)]
    return Table(
        columns=(Column(name="class"), Column(name="what happened"), Column(name="what to do")),
        rows=tuple((failure.name, failure.means, failure.advice) for failure in found),
    )


def class_name(record: TrialRecord) -> str:
    """The class of a trial's failure."""
    failure = classify(record.state, record.reason)
    return record.state if failure is None else failure.name


def first_line(reason: str | None) -> str:
    """The first line of a reason, cut to a readable length."""
    lines = (reason or "").strip().splitlines()
    text = lines[0] if lines else "no reason was recorded"
    return text if len(text) <= MAX_REASON else f"{text[: MAX_REASON - 1]}\N{HORIZONTAL ELLIPSIS}"

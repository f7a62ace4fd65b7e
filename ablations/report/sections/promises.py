"""How well intervals and tests keep their promises at the seeds at hand, as measured by simulation."""

from collections.abc import Sequence

from ablations.report.document.document import Block, Cell, Column, Fold, Kind, Paragraph, Table
from ablations.report.document.numbers import count, listing, number
from ablations.stats.calibration import Calibrated, Calibration, load_calibration

COVERAGE = {
    "t": "t interval",
    "bootstrap": "BCa bootstrap",
    "newcombe": "Newcombe",
    "crossing": "place of crossing",
}
SIZE = {
    "paired_t": "paired t",
    "sign_flip": "sign-flip",
    "wilcoxon": "Wilcoxon",
    "mcnemar": "McNemar",
    "tost": "equivalence",
}
NORMAL = "normal"


def promises(num_seeds: int) -> list[Block]:
    """A sentence for this number of seeds, and the whole table folded."""
    table = load_calibration()
    return [Paragraph(phrases=(_sentence(table, num_seeds),)), _fold(table)]


def _sentence(table: Calibration, num_seeds: int) -> str:
    """What was measured at this number of seeds, or at the numbers on either side of it."""
    measured = sorted({row.num_seeds for row in table.rows})
    if num_seeds in measured:
        near = [num_seeds]
    else:
        near = [*[n for n in measured if n < num_seeds][-1:], *[n for n in measured if n > num_seeds][:1]]
    rows = {row.errors: row for row in table.rows if row.num_seeds == near[0]}
    at = listing([str(n) for n in near])
    head = (
        f"Measured, not assumed: in {count(table.num_studies, 'simulated study', 'simulated studies')} with"
        f" normal errors at {at} seeds, 95 % intervals held the truth in"
        f" {_shares(table, near, NORMAL, 't', size=False)} of cases (t) and"
        f" {_shares(table, near, NORMAL, 'bootstrap', size=False)} (BCa bootstrap); tests at 5 % raised a"
        " false alarm in "
    )
    tests = [f"{_shares(table, near, NORMAL, name, size=True)} ({SIZE[name]})" for name in rows[NORMAL].size]
    others = [
        f"{_shares(table, near, errors, 't', size=False)} with {errors} errors"
        for errors in rows
        if errors != NORMAL and "t" in rows[errors].coverage
    ]
    rates = [
        f"{_shares(table, near, errors, name, size=True)} ({SIZE[name]})"
        for errors, row in rows.items()
        if "mcnemar" in row.size
        for name in row.size
    ]
    return (
        f"{head}{listing(tests)} of cases. The t interval held it in {listing(others)}. On rates the tests"
        f" raised one in {listing(rates)}."
    )


def _shares(table: Calibration, near: Sequence[int], errors: str, name: str, *, size: bool) -> str:
    """The share at each of these numbers of seeds."""
    found = []
    for num_seeds in near:
        row = next(r for r in table.rows if r.num_seeds == num_seeds and r.errors == errors)
        found.append(number(100 * (row.size if size else row.coverage)[name], 1))
    return f"{listing(found)} %"


def _fold(table: Calibration) -> Fold:
    columns = (
        Column(name="seeds", kind=Kind.COUNT),
        Column(name="errors"),
        *(_percent(f"{title}, held", f"95 % intervals of the {title}") for title in COVERAGE.values()),
        *(_percent(f"{title}, alarms", f"false alarms of {title} at 5 %") for title in SIZE.values()),
    )
    caption = (
        f"In %, over {count(table.num_studies, 'study', 'studies')} each, with standard errors of"
        f" {number(100 * table.standard_error, 2)} at 5 and 95 %. Equivalence is tested with a difference"
        " just as large as the margin; that of rates by the exact test."
    )
    rows = tuple(_row(row) for row in table.rows)
    title = "Coverage of intervals and size of tests at few seeds"
    return Fold(title=title, blocks=(Table(columns=columns, rows=rows, caption=caption),))


def _percent(name: str, meaning: str) -> Column:
    return Column(name=name, kind=Kind.NUMBER, decimals=1, help=meaning)


def _row(row: Calibrated) -> tuple[Cell, ...]:
    shares = [row.coverage.get(name) for name in COVERAGE] + [row.size.get(name) for name in SIZE]
    return (row.num_seeds, row.errors, *(None if share is None else 100 * share for share in shares))

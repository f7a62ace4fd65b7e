"""A result as every view shows it, read back from what is printed, and where views disagree."""

import contextlib
import io
import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ablations.effects.effect import Effects
from ablations.report.document.document import Block, Fold, Paragraph, Report, Section, Table, VerdictCounts
from ablations.report.document.numbers import compact
from ablations.report.document.plots import Figure, Forest
from ablations.report.evidence import Evidence
from ablations.report.renderers import html, latex, markdown
from ablations.report.sections.answer import answer
from ablations.report.sections.comparisons import contrast
from service.cli.tables import print_effects
from service.web.pages import draw_effects
from service.worker.mlflow.summary import effects_table
from tests.property.grids import Tables, latex_grid, markdown_grid, terminal_grid
from tests.property.results import Found

# What a verdict is called, and how a sentence says it: written down here a second time, on purpose.
WORDS: dict[tuple[str | None, str | None], str] = {
    ("better", None): "better",
    ("better", "beyond"): "better by more than the margin",
    ("better", "within"): "better, but by less than the margin",
    ("better", "open"): "better, perhaps by less than the margin",
    ("worse", None): "worse",
    ("worse", "beyond"): "worse by more than the margin",
    ("worse", "within"): "worse, but by less than the margin",
    ("worse", "open"): "worse, perhaps by less than the margin",
    ("equivalent", None): "equivalent",
    ("not worse", None): "not worse",
    ("inconclusive", None): "inconclusive",
    ("no data", None): "no data",
}


SENTENCES = {
    "is better than A by more than the margin on": "better by more than the margin",
    "is better than A, but by less than the margin, on": "better, but by less than the margin",
    "is better than A, perhaps by less than the margin, on": "better, perhaps by less than the margin",
    "is better than A on": "better",
    "is worse than A by more than the margin on": "worse by more than the margin",
    "is worse than A, but by less than the margin, on": "worse, but by less than the margin",
    "is worse than A, perhaps by less than the margin, on": "worse, perhaps by less than the margin",
    "is worse than A on": "worse",
    "is equivalent to A on": "equivalent",
    "is not worse than A by more than the margin on": "not worse",
    "cannot be told from A on": "inconclusive",
    "cannot be judged against A on": "inconclusive",
    "cannot be compared with A on": "inconclusive",
}


# Also said of a row without data.
UNCOMPARED = "cannot be compared with A on"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What a view says of one row: its verdict, the effect and its unit; None where it says nothing."""

    verdict: str | None
    number: float | None
    unit: str
    shown: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Views:
    """What each view says of the rows of the primary contrast, in its order, and the headline's text."""

    json: list[Row]
    document: list[Row]
    page: list[Row]
    markdown: list[Row]
    latex: list[Row]
    terminal: list[Row]
    mlflow: list[Row]
    web: list[Row]
    forest: list[Row]
    headline: str
    counts: dict[str, int] | None


def views_of(found: Found, effects: Effects) -> Views | None:
    """Every view of these effects; None where the study has no primary contrast with rows."""
    evidence = Evidence(design=found.design, effects=effects, results=found.results, records=found.records)
    primary = evidence.primary
    if primary is None or not primary.rows:
        return None
    blocks = contrast(evidence, primary)
    order = [
        i for stratum in dict.fromkeys(str(dict(row.within)) for row in primary.rows)
        for i, row in enumerate(primary.rows) if str(dict(row.within)) == stratum
    ]  # fmt: skip
    report = _report(evidence, [block for block in blocks if not isinstance(block, Figure)])
    plain: dict[str, Any] = json.loads(json.dumps(effects.to_json(), allow_nan=False))
    family = next(c for c in plain["contrasts"] if c["primary"])
    alone = {**plain, "contrasts": [family], "exploratory": []}

    def placed(rows: list[Row]) -> list[Row]:
        """Rows of a report's table in the order of the contrast."""
        return [rows[order.index(i)] for i in range(len(order))]

    lead = [b for b in answer(evidence) if isinstance(b, Paragraph)]
    counts = [b for b in answer(evidence) if isinstance(b, VerdictCounts)]
    page = Tables(html.render(report).split('<section id="effects">')[1])
    return Views(
        json=[_of_json(row) for row in family["rows"]],
        document=placed(_of_document(next(b for b in blocks if isinstance(b, Table)))),
        page=placed(_of_grid(page.tables[0])),
        markdown=placed(_of_grid(markdown_grid(markdown.render(report).split("## Effects")[1]))),
        latex=placed(_of_grid(latex_grid(latex.render(report)))),
        terminal=_of_grid(terminal_grid(_printed(alone))),
        mlflow=_of_grid(markdown_grid(effects_table(alone))),
        web=_of_grid(Tables(draw_effects(alone)).tables[0]),
        forest=placed(list(_of_forest(blocks))),
        headline="\n".join(block.text for block in lead),
        counts=dict(counts[0].counts) if counts else None,
    )


def _report(evidence: Evidence, effects: Sequence[Block]) -> Report:
    sections = (
        Section(id="answer", title="Answer", blocks=tuple(answer(evidence))),
        Section(id="effects", title="Effects", blocks=tuple(_without_figures(effects))),
    )
    end = Section(id="provenance", title="Provenance", blocks=())
    return Report(title="t", summary="s", interim=False, sections=sections, provenance=end)


def _without_figures(blocks: Sequence[Block]) -> Iterator[Block]:
    for block in blocks:
        if isinstance(block, Fold):
            yield replace(block, blocks=tuple(_without_figures(block.blocks)))
        elif not isinstance(block, Figure):
            yield block


def _printed(effects: Mapping[str, Any]) -> str:
    target = io.StringIO()
    with contextlib.redirect_stdout(target):
        print_effects(effects)
    return target.getvalue()


def _of_json(row: Mapping[str, Any]) -> Row:
    return Row(
        verdict=row["verdict_words"], number=row["shown"]["estimate"], unit=row["shown"]["unit"], shown="JSON"
    )


def _of_document(table: Table) -> list[Row]:
    names = [column.name for column in table.columns]
    place = next(i for i, name in enumerate(names) if name == "factor" or name.startswith("difference"))
    at = names.index("verdict") if "verdict" in names else None
    unit = _unit_of_heading(names[place])
    return [Row(verdict=None if at is None else row[at], number=row[place], unit=unit) for row in table.rows]


def _of_forest(blocks: Sequence[Block]) -> Iterator[Row]:
    for block in blocks:
        if isinstance(block, Figure) and isinstance(block.plot, Forest):
            factors, label = block.plot.factors, block.plot.x_label
            unit = "factor" if label.startswith("factor ") and factors else _unit_of_heading(label)
            yield from (Row(verdict=row.verdict, number=row.estimate, unit=unit) for row in block.plot.rows)
            return


def _unit_of_heading(heading: str) -> str:
    if heading == "factor":
        return "factor"
    found = re.search(r"\[(.+)\]$", heading)
    return found[1] if found else ""


def _of_grid(grid: list[list[str]]) -> list[Row]:
    """Rows of a table of text: the effect under its heading, the verdict under its own."""
    head, *rows = grid
    names = [name.lower() for name in head]
    place = next(i for i, name in enumerate(names) if name.startswith(("factor", "difference", "effect")))
    at = names.index("verdict") if "verdict" in names else None
    return [
        Row(
            verdict=None if at is None else _plain_verdict(row[at]),
            shown=row[place],
            **_effect_in(row[place], head[place]),
        )
        for row in rows
    ]


def _plain_verdict(cell: str) -> str | None:
    """The verdict in a cell, without the reason and the remarks behind it."""
    text = cell.replace("*", "").strip()
    if text.startswith(("- (", "-: ")):
        return None
    known = sorted((words for words in WORDS.values() if text.startswith(words)), key=len)
    if not known:
        return None if text in ("", "-", "–", "--") else text
    rest = text.removeprefix(known[-1])
    return known[-1] if not rest or rest.startswith((" (", ":")) else text


def _effect_in(cell: str, heading: str) -> dict[str, Any]:
    """The number in a cell, and the unit there or in the heading."""
    text = cell.replace("\N{MINUS SIGN}", "-").replace("$-$", "-").strip()
    found = re.match(r"(factor )?([+-]?[\d.]+(?:e[+-]?\d+)?)(?: ([^\d\[\s].*))?$", text)
    if found is None:
        return {"number": None, "unit": _unit_of_heading(heading.split(",")[0]) or _unit_beside(text)}
    unit = "factor" if found[1] else (found[3] or "").strip()
    return {"number": float(found[2]), "unit": unit or _unit_of_heading(heading)}


def _unit_beside(text: str) -> str:
    """The unit of an effect that has no number."""
    return "factor" if text.startswith("factor") else text.lstrip("-–").strip()


def disagreements(found: Found, effects: Effects, views: Views) -> list[str]:
    """Where a view says another verdict or unit than the JSON's raw numbers do, or a wrong number."""
    plain: dict[str, Any] = json.loads(json.dumps(effects.to_json()))
    family = next(c for c in plain["contrasts"] if c["primary"])
    wanted = [_wanted(found, family, row) for row in family["rows"]]
    wrong = []
    for name in ("json", "document", "page", "markdown", "latex", "terminal", "mlflow", "web"):
        said: list[Row] = getattr(views, name)
        if len(said) != len(wanted):
            wrong.append(f"{name}: {len(said)} rows instead of {len(wanted)}")
        for i, (row, want) in enumerate(zip(said, wanted, strict=False)):
            if row.verdict != want.verdict:
                wrong.append(f"{name}, row {i}: {row.verdict!r} instead of {want.verdict!r}")
            if want.number is not None and row.unit != want.unit:
                wrong.append(f"{name}, row {i}: unit {row.unit!r} instead of {want.unit!r} ({row.shown})")
            if not _alike(row, want):
                wrong.append(f"{name}, row {i}: {row.number} ({row.shown}) instead of {want.number}")
    for i, (row, plain_row) in enumerate(zip(views.forest, family["rows"], strict=True)):
        if (row.verdict, row.unit) != (plain_row["verdict"], wanted[i].unit) or not _alike(row, wanted[i]):
            wrong.append(f"forest, row {i}: {row} instead of {plain_row['verdict']}, {wanted[i]}")
    return [*wrong, *_of_headline(family, wanted, views)]


def _wanted(found: Found, family: Mapping[str, Any], row: Mapping[str, Any]) -> Row:
    reading = found.results.reading(family["metric"])
    estimate = row["estimate"]
    verdict = None if row["verdict"] is None else WORDS[row["verdict"], row["margin_side"]]
    if reading.scale == "log":
        return Row(verdict=verdict, number=None if estimate is None else math.exp(estimate), unit="factor")
    if reading.kind == "rate":
        return Row(verdict=verdict, number=None if estimate is None else 100 * estimate, unit="points")
    return Row(verdict=verdict, number=estimate, unit=reading.unit)


def _alike(row: Row, want: Row) -> bool:
    """Whether a number is that which is wanted, up to the digits it is shown with."""
    if row.number is None or want.number is None:
        return row.number is want.number
    if not row.shown or row.shown == "JSON":
        return math.isclose(row.number, want.number, rel_tol=1e-12)
    digits = re.search(r"\.(\d+)", row.shown)
    exponent = re.search(r"e([+-]?\d+)", row.shown.replace("\N{MINUS SIGN}", "-"))
    last = 10.0 ** (-len(digits[1] if digits else "") + int(exponent[1] if exponent else 0))
    return abs(row.number - want.number) <= 0.5001 * last or math.isclose(
        row.number, want.number, rel_tol=6e-4
    )


def _of_headline(family: Mapping[str, Any], wanted: Sequence[Row], views: Views) -> list[str]:
    text, against = views.headline, sorted({compact(row["against"]) for row in family["rows"]})
    verdicts = [want.verdict for want in wanted]
    claims = {said: words for said, words in SENTENCES.items() if re.search(_pattern(said, against), text)}
    if UNCOMPARED in claims and "no data" in verdicts:
        claims[UNCOMPARED] = "no data"
    wrong = []
    if not any(verdicts) and claims:
        wrong.append(f"headline: claims {claims} where nothing is judged: {text}")
    if not any(verdicts):
        return wrong
    if len(wanted) == 1 and (verdicts[0] != "no data" or family["rows"][0]["estimate"] is not None):
        if list(claims.values()) != [verdicts[0]]:
            wrong.append(f"headline: {claims} instead of {verdicts[0]!r}: {text}")
    elif set(claims.values()) - set(verdicts):
        wrong.append(f"headline: {claims}, and rows are {verdicts}: {text}")
    if views.counts is not None and views.counts != Counter(verdicts):
        wrong.append(f"counts: {views.counts} instead of {Counter(verdicts)}")
    if views.counts is not None:
        wrong += _of_summary(text, Counter(v for v in verdicts if v))
    return wrong + _of_figures(text, wanted)


def _of_summary(text: str, verdicts: Counter[str]) -> list[str]:
    """The first sentence counts each verdict as often as it stands."""
    first = text.splitlines()[-2]
    decided = {words: num for words, num in verdicts.items() if words not in ("inconclusive", "no data")}
    if not decided:
        silent = ("No difference can be told from chance", "Nothing is decided")
        return (
            [] if any(each in text for each in silent) else [f"headline: {text!r} where nothing is decided"]
        )
    missing = [
        f"headline: not {num} {words}: {first}"
        for words, num in decided.items()
        if not re.search(rf"\b{num} (?:is|are) {re.escape(words)}(?=,| and|;|\.| than)", first)
    ]
    left = verdicts["inconclusive"]
    if left and not re.search(rf"; {left} remains? inconclusive", first):
        missing.append(f"headline: not {left} inconclusive: {first}")
    return missing


def _of_figures(text: str, wanted: Sequence[Row]) -> list[str]:
    """Every effect in brackets is that of a row, in its unit."""
    wrong = []
    for number, unit in re.findall(r"\(((?:factor|difference) [^ ,)]+)((?: [^,)]+)?)[,)]", text):
        kind, value = number.split(" ")
        shown = value.replace("\N{MINUS SIGN}", "-")
        if shown == "\N{EN DASH}":
            continue
        said = Row(
            verdict=None,
            number=float(shown),
            unit="factor" if kind == "factor" else unit.strip(),
            shown=value,
        )
        if not any(said.unit == want.unit and _alike(said, want) for want in wanted):
            wrong.append(f"headline: {number}{unit} is no row's: {text}")
    return wrong


def _pattern(sentence: str, against: Sequence[str]) -> str:
    """A sentence about any of these."""
    names = "|".join(map(re.escape, against))
    return re.escape(sentence).replace(r"\ A", rf"\ (?:{names})")

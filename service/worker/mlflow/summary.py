"""The answer of a study as MLflow shows it: a note in Markdown, and the summary run's artifacts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ablations.plan.plan import Plan
from service.ledger.studies import StudyRow
from service.worker.mlflow.tracker import as_json

REPORT_FILES = {
    "html": "report.html",
    "md": "report.md",
    "json": "report.json",
    "latex": "report.tex",
    "csv": "effects.csv",
    "csv-trials": "trials.csv",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StudySummary:
    """What the summary run holds."""

    note: str
    artifacts: Mapping[str, bytes]


def summary_of(
    study: StudyRow,
    *,
    effects: Mapping[str, Any],
    reports: Mapping[str, str],
    figures: Sequence[tuple[str, bytes]] = (),
    plan: Plan,
    report_url: str,
) -> StudySummary:
    """Spec, plan, report, figures and the table of effects."""
    artifacts = {
        "spec.json": as_json(dict(study.spec)),
        "plan.json": as_json(plan.to_json()),
        "effects.json": as_json(effects),
        "effects.md": effects_table(effects).encode(),
    }
    for format, text in reports.items():
        artifacts[REPORT_FILES.get(format, f"report.{format}")] = text.encode()
    for name, body in figures:
        artifacts[f"figures/{name}"] = body
    return StudySummary(note=note_of(study, effects, report_url), artifacts=artifacts)


def note_of(study: StudyRow, effects: Mapping[str, Any] | None, report_url: str) -> str:
    """The answer first: the rows of the primary contrast, then the others, then where the report lies."""
    lines = [f"## {study.name}", ""]
    contrasts = [] if effects is None else sorted(effects["contrasts"], key=lambda c: not c["primary"])
    if effects is None:
        lines.append(f"The study is {study.state}; its answer will stand here.")
    elif not contrasts:
        lines.append(f"The study is {study.state}; it declares no contrast.")
    if standing := ((effects or {}).get("standing") or {}).get("words"):
        lines += [standing, ""]
    for contrast in contrasts:
        lines += [_heading(contrast), "", *_table(contrast), ""]
    return "\n".join([*lines, "", f"[Full report]({report_url})"])


def effects_table(effects: Mapping[str, Any]) -> str:
    """All contrasts as Markdown tables."""
    parts: list[str] = []
    for contrast in effects["contrasts"]:
        parts += [_heading(contrast), "", *_table(contrast), ""]
    return "\n".join(parts)


def _heading(contrast: Mapping[str, Any]) -> str:
    role = "primary, " if contrast["primary"] else ""
    return (
        f"**{contrast['name']}** on {contrast['metric']} ({role}{contrast['test']}, {contrast['correction']})"
    )


def _table(contrast: Mapping[str, Any]) -> Iterable[str]:
    yield "| of | against | within | difference | interval | adjusted p | seeds | verdict |"
    yield "|---|---|---|---|---|---|---|---|"
    for row in contrast["rows"]:
        within = ", ".join(f"{name}={value}" for name, value in (row.get("within") or {}).items())
        cells = (
            str(row["of"]),
            str(row["against"]),
            within,
            *_effect(row),
            "-" if row["p_adjusted"] is None else f"{row['p_adjusted']:.3g}",
            str(row["n"]),
            _verdict(row),
        )
        yield f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _verdict(row: Mapping[str, Any]) -> str:
    """The verdict, why there is none, and what stands beside it."""
    said = [*([row["reason"]] if row.get("reason") else []), *(row.get("notes") or ())]
    return (f"**{row.get('verdict_words') or row['verdict']}**" if row["verdict"] else "-") + (
        f" ({'; '.join(said)})" if said else ""
    )


def _effect(row: Mapping[str, Any]) -> tuple[str, str]:
    """The effect and its interval: a factor where the scale is logarithmic, else a difference."""
    if ratio := row.get("ratio"):
        estimate, low, high = (_factor(ratio[name]) for name in ("estimate", "low", "high"))
        return f"factor {estimate}", f"[{low}, {high}]"
    return _number(row["estimate"]), f"[{_number(row['low'])}, {_number(row['high'])}]"


def _factor(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:+.4g}"

"""The answer of a study as MLflow shows it: a note in Markdown, and the summary run's artifacts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ablations.effects.wording import FACTOR, effect_text, shown_of, words_of
from ablations.report.renderers.markdown import escape, pipe_table
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
    figures: Mapping[str, bytes] | None = None,
    plan: bytes | None,
    report_url: str,
) -> StudySummary:
    """Spec, plan, report, figures and the table of effects."""
    artifacts = {
        "spec.json": as_json(dict(study.spec)),
        **({} if plan is None else {"plan.json": plan}),
        "effects.json": as_json(effects),
        "effects.md": effects_table(effects).encode(),
    }
    for format, text in reports.items():
        artifacts[REPORT_FILES.get(format, f"report.{format}")] = text.encode()
    artifacts |= figure_artifacts(figures or {})
    return StudySummary(note=note_of(study, effects, report_url), artifacts=artifacts)


def figure_artifacts(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Where the files of figures lie in the summary's run."""
    return {f"figures/{name}": body for name, body in files.items()}


def note_of(study: StudyRow, effects: Mapping[str, Any] | None, report_url: str) -> str:
    """The answer first: the rows of the primary contrast, then the others, then where the report lies."""
    lines = [f"## {escape(study.name)}", ""]
    contrasts = [] if effects is None else sorted(effects["contrasts"], key=lambda c: not c["primary"])
    if effects is None:
        lines.append(f"The study is {study.state}; its answer will stand here.")
    elif not contrasts:
        lines.append(f"The study is {study.state}; it declares no contrast.")
    if standing := ((effects or {}).get("standing") or {}).get("words"):
        lines += [escape(standing), ""]
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
    how = escape(f"on {contrast['metric']} ({role}{contrast['test']}, {contrast['correction']})")
    return f"**{escape(contrast['name'])}** {how}"


def _table(contrast: Mapping[str, Any]) -> list[str]:
    names = ("of", "against", "within", "effect", "interval", "adjusted p", "seeds", "verdict")
    return pipe_table(names, map(_cells, contrast["rows"]))


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    within = ", ".join(f"{name}={value}" for name, value in (row.get("within") or {}).items())
    return (
        escape(str(row["of"])),
        escape(str(row["against"])),
        escape(within),
        *_effect(row),
        "-" if row["p_adjusted"] is None else f"{row['p_adjusted']:.3g}",
        str(row["n"]),
        _verdict(row),
    )


def _verdict(row: Mapping[str, Any]) -> str:
    """The verdict, why there is none, and what stands beside it."""
    said = [*([row["reason"]] if row.get("reason") else []), *(row.get("notes") or ())]
    verdict = f"**{escape(words_of(row) or '')}**" if row["verdict"] else "-"
    return f"{verdict} ({escape('; '.join(said))})" if said else verdict


def _effect(row: Mapping[str, Any]) -> tuple[str, str]:
    """The effect with its unit, and its interval."""
    shown = shown_of(row)
    signed = shown["unit"] != FACTOR
    estimate, low, high = (_number(shown[name], signed=signed) for name in ("estimate", "low", "high"))
    return effect_text(estimate, shown["unit"]), f"[{low}, {high}]"


def _number(value: float | None, *, signed: bool) -> str:
    if value is None:
        return "-"
    return f"{value:+.4g}" if signed else f"{value:.4g}"

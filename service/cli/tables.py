"""Answers of the service as tables for a terminal."""

import io
import math
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ablations.effects.wording import FACTOR, effect_text, shown_of, words_of
from ablations.paper.presets import Preset

PIPE_WIDTH = 140
ROOMY = 110
"""From this width on a table of studies shows whole ids."""
SHORT_ID = 12
"""Digits of an id that tell the millisecond it was made in."""
INTERIM = "interim: nothing has been judged yet"
VERDICT_STYLE = {
    "better": "bold green",
    "worse": "bold red",
    "equivalent": "bold cyan",
    "not worse": "bold cyan",
}
STATE_STYLE = {"done": "green", "failed": "red", "cancelled": "yellow", "paused": "yellow", "running": "cyan"}
KINDS = {
    "integer": "whole number",
    "string": "word",
    "boolean": "true or false",
    "array": "list",
    "object": "mapping",
}
"""Types as a person says them."""


def print_effects(effects: Mapping[str, Any], *, exploratory: bool = False) -> None:
    """Every contrast as a table with its verdicts."""
    console = make_console()
    standing = (effects.get("standing") or {}).get("words")
    if standing or effects["interim"]:
        console.print(f"[yellow]{escape(standing or INTERIM)}[/yellow]")
    for contrast in effects["contrasts"]:
        console.print(_effect_table(_title(contrast), contrast["rows"], alpha=contrast["alpha"]))
        for note in contrast.get("notes") or ():
            console.print(f"[yellow]{escape(str(note))}[/yellow]")
        for row in contrast["rows"]:
            said = [note for note in row.get("notes") or () if note not in (contrast.get("notes") or ())]
            if said and row["verdict"]:
                within = "".join(f", {name} {level}" for name, level in (row.get("within") or {}).items())
                told = f"{row['of']} - {row['against']}{within}: {'; '.join(said)}"
                console.print(f"[dim]{escape(told)}[/dim]", soft_wrap=True)
    rows = effects.get("exploratory") or []
    if exploratory and rows:
        console.print(_effect_table("Exploratory: simple effects, unadjusted, no verdict", rows))
    elif rows:
        what = "effect: --exploratory shows it" if len(rows) == 1 else "effects: --exploratory shows them"
        console.print(f"[dim]{len(rows)} exploratory simple {what}[/dim]")
    if not effects["contrasts"]:
        why = "nothing has been measured yet" if effects["interim"] else "the study names no baseline"
        console.print(f"no contrasts: {why}")


def print_study(study: Mapping[str, Any]) -> None:
    """One study: state, counts, links."""
    console = make_console()
    state = study["state"]
    style = STATE_STYLE.get(state, "")
    said = f"{state}: {study['verdict']}" if study["verdict"] else state
    console.print(f"[bold]{escape(study['name'])}[/bold]  {study['id']}  [{style or 'default'}]{said}[/]")
    counts = study["progress"]
    console.print(", ".join(f"{count} {name}" for name, count in counts.items() if count or name == "total"))
    if study.get("waits_for"):
        console.print(f"[yellow]waits for {escape(str(study['waits_for']))}[/yellow]")
    if study.get("error"):
        console.print(f"[red]{escape(str(study['error']))}[/red]")
    if study.get("publish_error"):
        console.print(f"[yellow]MLflow lacks something: {escape(str(study['publish_error']))}[/yellow]")
    for name, link in (study.get("links") or {}).items():
        if link:
            console.print(f"{name}: {link}", soft_wrap=True, markup=False)


def print_studies(studies: Sequence[Mapping[str, Any]], *, more: bool = False) -> None:
    """Studies, one a row; where there is little room, ids are cut to what still tells them apart."""
    console = make_console()
    short = {study["id"][:SHORT_ID] for study in studies}
    cut = SHORT_ID if console.width < ROOMY and len(short) == len(studies) else None
    table = make_table(None)
    table.add_column("id", no_wrap=True)
    table.add_column("name", min_width=10, overflow="fold")
    for column in ("submitted", "took"):
        table.add_column(column, no_wrap=True)
    for column in ("done", "failed"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("outcome", min_width=len("inconclusive"), overflow="fold")
    for study in studies:
        counts, state = study["progress"], study["state"]
        table.add_row(
            study["id"][:cut],
            escape(study["name"]),
            local_time(study["created_at"]),
            _took(study),
            f"{counts['done']}/{counts['total']}",
            f"[red]{counts['failed']}[/red]" if counts["failed"] else "",
            f"[{STATE_STYLE.get(state, 'default')}]{study['verdict'] or state}[/]",
        )
    console.print(table if studies else "no studies")
    if more:
        console.print("[dim]there are more: --limit shows up to 500[/dim]")


def _took(study: Mapping[str, Any]) -> str:
    """How long it has run, or ran."""
    if study["started_at"] is None:
        return ""
    started = datetime.fromisoformat(study["started_at"])
    ended = datetime.fromisoformat(study["finished_at"]) if study["finished_at"] else datetime.now(UTC)
    return duration(max(0.0, (ended - started).total_seconds()))


def duration(seconds: float) -> str:
    """`45s`, `3m20s`, `2h05m`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"


def local_time(stamp: str) -> str:
    """A time of an answer on the clock of this machine; the year only where it is another."""
    time = datetime.fromisoformat(stamp).astimezone()
    return time.strftime("%m-%d %H:%M" if time.year == datetime.now().year else "%Y-%m-%d")


def print_presets(presets: Iterable[Preset]) -> None:
    """The studies that come with the package; what one asks stands once, before its scales."""
    table = make_table(None)
    for column in ("preset", "scale", "what"):
        table.add_column(column, no_wrap=column != "what")
    last = None
    for preset in presets:
        if preset.name != last:
            table.add_row(f"[bold]{preset.name}[/bold]", "", escape(preset.title))
        table.add_row("", preset.scale, f"[dim]{escape(preset.about)}[/dim]")
        last = preset.name
    make_console().print(table)


def print_trainables(trainables: Iterable[Mapping[str, Any]], broken: Iterable[Mapping[str, Any]]) -> None:
    """What can be trained, one a row, and which plugins could not be loaded."""
    table = make_table(None)
    table.add_column("trainable", no_wrap=True)
    table.add_column("summary")
    for trainable in trainables:
        table.add_row(trainable["name"], escape(str(trainable.get("summary", ""))))
    console = make_console()
    console.print(table)
    for plugin in broken:
        told = f"{plugin['name']} ({plugin['group']}): {plugin['reason']}"
        console.print(f"[yellow]not loaded[/yellow] {escape(told)}", soft_wrap=True)


def print_trainable(trainable: Mapping[str, Any]) -> None:
    """One trainable's settings and metrics."""
    console = make_console()
    console.print(f"[bold]{trainable['name']}[/bold]: {escape(str(trainable.get('summary', '')))}")
    table = make_table("Settings")
    for column in ("name", "type", "default", "allowed", "what"):
        table.add_column(column)
    for name, setting in trainable["settings"]["properties"].items():
        table.add_row(
            name,
            _kind(setting.get("type", "")),
            number_text(setting.get("default")),
            escape(_allowed(setting)),
            escape(str(setting.get("description") or "")),
        )
    console.print(table)
    table = make_table("Metrics")
    for column in ("name", "goal", "worst", "unit"):
        table.add_column(column)
    for metric in trainable.get("metrics") or ():
        table.add_row(
            metric["name"], metric["goal"], number_text(metric.get("worst")), str(metric.get("unit") or "")
        )
    console.print(table)


def _effect_table(title: str, rows: Sequence[Mapping[str, Any]], *, alpha: float | None = None) -> Table:
    """Rows with their verdicts, or simple effects, which have none and no level of their own."""
    table, verdicts = make_table(title), alpha is not None
    within = sorted({name for row in rows for name in row.get("within") or {}})
    factors = any("factor" in row for row in rows)
    for column in (*(["factor"] if factors else []), "of - against", *within):
        table.add_column(column)
    numbers = (
        "effect",
        "interval" if alpha is None else f"{100 * (1 - alpha):.4g}% interval",
        "p adjusted" if verdicts else "p",
        "n",
    )
    for column in numbers:
        table.add_column(column, justify="right", no_wrap=True)
    if verdicts:
        table.add_column("verdict")
    for row in rows:
        cells = [escape(str(row.get("factor", "")))] if factors else []
        cells.append(escape(f"{row['of']} - {row['against']}"))
        cells += [escape(str((row.get("within") or {}).get(name, ""))) for name in within]
        cells += [
            *_effect_cells(row),
            p_text(row["p_adjusted"] if verdicts else row.get("p")),
            f"{row['n']}" + _holes(row.get("holes") or 0),
        ]
        cells[-3] = escape(cells[-3])
        if verdicts:
            verdict = row["verdict"] or "-"
            why = f": {escape(row['reason'])}" if row.get("reason") else ""
            said = words_of(row) or "-"
            cells.append(f"[{VERDICT_STYLE.get(verdict, 'default')}]{said}{why}[/]")
        table.add_row(*cells)
    return table


def _holes(number: int) -> str:
    return f" ({number} hole{'s' if number > 1 else ''})" if number else ""


def _effect_cells(row: Mapping[str, Any]) -> tuple[str, str]:
    """The effect with its unit, and its interval."""
    shown = shown_of(row)
    signed = shown["unit"] != FACTOR
    low, high = (number_text(shown[end], signed=signed) for end in ("low", "high"))
    return effect_text(number_text(shown["estimate"], signed=signed), shown["unit"]), f"[{low}, {high}]"


def _title(contrast: Mapping[str, Any]) -> str:
    role = "primary, " if contrast["primary"] else ""
    size = contrast["family_size"]
    return escape(
        f"{contrast['name']} on {contrast['metric']} ({role}{contrast['test']}, {contrast['correction']}"
        f" over {size} {'row' if size == 1 else 'rows'}, alpha {contrast['alpha']:g})"
    )


def make_table(title: str | None) -> Table:
    """An empty table in the house's style."""
    return Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold", pad_edge=False)


def print_findings(findings: Iterable[Mapping[str, Any]]) -> None:
    """What a look at an installation found, and what to do."""
    table = Table("", "found", "do", box=box.SIMPLE_HEAD)
    styles = {"ok": "green", "note": "yellow", "fault": "bold red"}
    for finding in findings:
        style = styles[finding["health"]]
        words = map(escape, (finding["subject"], finding["seen"], finding["advice"]))
        table.add_row(*words, style=None if style == "green" else style)
    make_console().print(table)


def make_console() -> Console:
    """A console as wide as the terminal or COLUMNS says, or wide enough for a pipe, without padding there."""
    if sys.stdout.isatty():
        return Console(highlight=False)
    # A pipe has no width; a table cut to 80 columns would lose words for nothing.
    width = None if os.environ.get("COLUMNS", "").isdecimal() else PIPE_WIDTH
    return Console(highlight=False, width=width, file=_Unpadded())


class _Unpadded(io.StringIO):
    """Standard output without the spaces that fill lines up."""

    def write(self, text: str) -> int:
        sys.stdout.write(re.sub(r" +(?=\n)", "", text))
        return len(text)

    def flush(self) -> None:
        sys.stdout.flush()


def _allowed(setting: Mapping[str, Any]) -> str:
    if setting.get("enum"):
        return ", ".join(map(str, setting["enum"]))
    low = setting.get("minimum", setting.get("exclusiveMinimum"))
    high = setting.get("maximum", setting.get("exclusiveMaximum"))
    if low is None and high is None:
        return ""
    least, most = (
        ("above" if "exclusiveMinimum" in setting else "at least"),
        ("below" if "exclusiveMaximum" in setting else "at most"),
    )
    if low is not None and high is not None and least == "at least" and most == "at most":
        return f"{number_text(low)} to {number_text(high)}"
    ends = [f"{least} {number_text(low)}"] if low is not None else []
    return ", ".join(ends + ([f"{most} {number_text(high)}"] if high is not None else []))


def _kind(types: Any) -> str:
    """A type of JSON Schema, or several, as a person says it."""
    several = types if isinstance(types, list) else [types]
    return " or ".join(KINDS.get(name, str(name)) for name in several)


def p_text(value: float | None) -> str:
    """A p-value, `-` where there is none."""
    if value is None:
        return "-"
    return f"{value:.1e}" if 0 < value < 0.001 else f"{value:.3f}"


def number_text(value: Any, *, signed: bool = False) -> str:
    """A number as short as it may be; anything else as it stands."""
    if value is None:
        return "-"
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return str(value)
    return f"{value:+.4g}" if signed else f"{value:.6g}"

"""Answers of the service as tables for a terminal."""

import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ablations.paper.presets import Preset

PIPE_WIDTH = 140
INTERIM = "interim: nothing has been judged yet"
VERDICT_STYLE = {"better": "bold green", "worse": "bold red", "equivalent": "bold cyan"}
STATE_STYLE = {"done": "green", "failed": "red", "cancelled": "yellow", "paused": "yellow", "running": "cyan"}


def print_effects(effects: Mapping[str, Any], *, exploratory: bool = False) -> None:
    """Every contrast as a table with its verdicts."""
    console = make_console()
    standing = (effects.get("standing") or {}).get("words")
    if standing or effects["interim"]:
        console.print(f"[yellow]{escape(standing or INTERIM)}[/yellow]")
    for contrast in effects["contrasts"]:
        console.print(_effect_table(_title(contrast), contrast["rows"], verdicts=True))
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
        console.print(
            _effect_table("Exploratory: simple effects, unadjusted, no verdict", rows, verdicts=False)
        )
    elif rows:
        console.print(f"[dim]{len(rows)} exploratory simple effects: --exploratory shows them[/dim]")
    if not effects["contrasts"]:
        why = "nothing has been measured yet" if effects["interim"] else "the study names no baseline"
        console.print(f"no contrasts: {why}")


def print_study(study: Mapping[str, Any]) -> None:
    """One study: state, counts, links."""
    console = make_console()
    state = study["state"]
    style = STATE_STYLE.get(state, "")
    console.print(f"[bold]{escape(study['name'])}[/bold]  {study['id']}  [{style or 'default'}]{state}[/]")
    counts = study["progress"]
    console.print(", ".join(f"{count} {name}" for name, count in counts.items() if count or name == "total"))
    if study.get("error"):
        console.print(f"[red]{escape(str(study['error']))}[/red]")
    if study.get("publish_error"):
        console.print(f"[yellow]MLflow lacks something: {escape(str(study['publish_error']))}[/yellow]")
    for name, link in (study.get("links") or {}).items():
        if link:
            console.print(f"{name}: {link}", soft_wrap=True, markup=False)


def print_studies(studies: Sequence[Mapping[str, Any]], *, more: bool = False) -> None:
    """Studies, one a row."""
    table = make_table(None)
    for column in ("id", "name", "state", "trials"):
        table.add_column(column, no_wrap=column == "id")
    for study in studies:
        counts, state = study["progress"], study["state"]
        table.add_row(
            study["id"],
            escape(study["name"]),
            f"[{STATE_STYLE.get(state, 'default')}]{state}[/]",
            f"{counts['done']}/{counts['total']}",
        )
    console = make_console()
    console.print(table if studies else "no studies")
    if more:
        console.print("[dim]there are more: --limit shows up to 500[/dim]")


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
            str(setting.get("type", "")),
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


def _effect_table(title: str, rows: Sequence[Mapping[str, Any]], *, verdicts: bool) -> Table:
    table = make_table(title)
    within = sorted({name for row in rows for name in row.get("within") or {}})
    factors = any("factor" in row for row in rows)
    for column in (*(["factor"] if factors else []), "of - against", *within):
        table.add_column(column)
    numbers = (
        "difference",
        "95% interval" if verdicts else "interval",
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
            f"{row['n']}" + (f" ({row['holes']} holes)" if row.get("holes") else ""),
        ]
        cells[-3] = escape(cells[-3])
        if verdicts:
            verdict = row["verdict"] or "-"
            why = f": {escape(row['reason'])}" if row.get("reason") else ""
            said = row.get("verdict_words") or verdict
            cells.append(f"[{VERDICT_STYLE.get(verdict, 'default')}]{said}{why}[/]")
        table.add_row(*cells)
    return table


def _effect_cells(row: Mapping[str, Any]) -> tuple[str, str]:
    """The effect and its interval: a factor where the scale is logarithmic, else a difference."""
    ratio = row.get("ratio")
    shown, signed = ratio or row, ratio is None
    ends = f"[{number_text(shown['low'], signed=signed)}, {number_text(shown['high'], signed=signed)}]"
    if ratio is not None:
        return f"factor {number_text(ratio['estimate'])}", ends
    return f"{number_text(row['estimate'], signed=True)}{_unit(row)}", ends


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
    """A console as wide as the terminal, or wide enough for a pipe."""
    # A pipe has no width; a table cut to 80 columns would lose words for nothing.
    return Console(highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH)


def _allowed(setting: Mapping[str, Any]) -> str:
    if setting.get("enum"):
        return ", ".join(map(str, setting["enum"]))
    low = setting.get("minimum", setting.get("exclusiveMinimum"))
    high = setting.get("maximum", setting.get("exclusiveMaximum"))
    if low is None and high is None:
        return ""
    return f"{'' if low is None else number_text(low)} .. {'' if high is None else number_text(high)}"


def _unit(row: Mapping[str, Any]) -> str:
    return f" {row['unit']}" if row.get("unit") else ""


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

"""Answers of the service as tables for a terminal."""

import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ablations.presets import Preset

PIPE_WIDTH = 140
SIZES = {"hidden": "inner width", "num_parameters": "parameters"}
VERDICT_STYLE = {"better": "bold green", "worse": "bold red", "equivalent": "bold cyan"}
STATE_STYLE = {"done": "green", "failed": "red", "cancelled": "yellow", "running": "cyan"}


def print_plan(plan: Mapping[str, Any], *, name: str = "") -> None:
    """What a study will do."""
    console = _console()
    arms = plan["arms"]
    console.print(
        f"[bold]{escape(name)}[/bold]: {len(arms)} arms, {plan['num_trials']} trials"
        f"{_cost(plan.get('cost') or {})}"
    )
    if arms:
        table = _table("Arms")
        table.add_column("arm")
        table.add_column("id", style="dim")
        sizes = list(dict.fromkeys(name for arm in arms for name in arm.get("size") or {}))
        for name in sizes:
            table.add_column(SIZES.get(name, name), justify="right")
        for arm in arms:
            size = arm.get("size") or {}
            cells = (f"{size[name]:,}" if name in size else "-" for name in sizes)
            table.add_row(escape(_arm_label(arm)), str(arm.get("id", "")), *cells)
        console.print(table)
    if plan.get("excluded"):
        table = _table("Excluded")
        table.add_column("levels")
        table.add_column("reason")
        for row in plan["excluded"]:
            table.add_row(escape(_levels(row["levels"])), escape(str(row["reason"])))
        console.print(table)
    if plan.get("contrasts"):
        console.print(_contrast_table(plan["contrasts"]))
    power = plan.get("power") or {}
    if power.get("detectable_effect") is not None:
        console.print(
            f"smallest detectable effect: {_number(power['detectable_effect'])} ({power.get('basis')})"
        )
    for warning in plan.get("warnings") or ():
        console.print(f"[yellow]warning:[/yellow] {escape(str(warning))}")


def print_effects(effects: Mapping[str, Any], *, exploratory: bool = False) -> None:
    """Every contrast as a table with its verdicts."""
    console = _console()
    if effects["interim"]:
        console.print(
            "[yellow]interim: estimates only; p-values and verdicts come when the study is done[/yellow]"
        )
    for contrast in effects["contrasts"]:
        console.print(_effect_table(_title(contrast), contrast["rows"], verdicts=True))
    rows = effects.get("exploratory") or []
    if exploratory and rows:
        console.print(
            _effect_table("Exploratory: simple effects, unadjusted, no verdict", rows, verdicts=False)
        )
    elif rows:
        console.print(f"[dim]{len(rows)} exploratory simple effects: --exploratory shows them[/dim]")
    if not effects["contrasts"]:
        console.print("no contrasts: the study names no baseline, or nothing has been measured yet")


def print_study(study: Mapping[str, Any]) -> None:
    """One study: state, counts, links."""
    console = _console()
    state = study["state"]
    style = STATE_STYLE.get(state, "")
    console.print(f"[bold]{escape(study['name'])}[/bold]  {study['id']}  [{style or 'default'}]{state}[/]")
    counts = study["progress"]
    console.print(", ".join(f"{count} {name}" for name, count in counts.items() if count or name == "total"))
    if study.get("error"):
        console.print(f"[red]{escape(str(study['error']))}[/red]")
    for name, link in (study.get("links") or {}).items():
        if link:
            console.print(f"{name}: {link}", soft_wrap=True, markup=False)


def print_studies(studies: Sequence[Mapping[str, Any]], *, more: bool = False) -> None:
    """Studies, one a row."""
    table = _table(None)
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
    console = _console()
    console.print(table if studies else "no studies")
    if more:
        console.print("[dim]there are more: --limit shows up to 500[/dim]")


def print_presets(presets: Iterable[Preset]) -> None:
    """The studies that come with the package; what one asks stands once, before its scales."""
    table = _table(None)
    for column in ("preset", "scale", "what"):
        table.add_column(column, no_wrap=column != "what")
    last = None
    for preset in presets:
        if preset.name != last:
            table.add_row(f"[bold]{preset.name}[/bold]", "", escape(preset.title))
        table.add_row("", preset.scale, f"[dim]{escape(preset.about)}[/dim]")
        last = preset.name
    _console().print(table)


def print_trainables(trainables: Iterable[Mapping[str, Any]]) -> None:
    """What can be trained, one a row."""
    table = _table(None)
    table.add_column("trainable", no_wrap=True)
    table.add_column("summary")
    for trainable in trainables:
        table.add_row(trainable["name"], escape(str(trainable.get("summary", ""))))
    _console().print(table)


def print_trainable(trainable: Mapping[str, Any]) -> None:
    """One trainable's settings and metrics."""
    console = _console()
    console.print(f"[bold]{trainable['name']}[/bold]: {escape(str(trainable.get('summary', '')))}")
    table = _table("Settings")
    for column in ("name", "type", "default", "allowed", "what"):
        table.add_column(column)
    for name, setting in trainable["settings"]["properties"].items():
        table.add_row(
            name,
            str(setting.get("type", "")),
            _number(setting.get("default")),
            escape(_allowed(setting)),
            escape(str(setting.get("description") or "")),
        )
    console.print(table)
    table = _table("Metrics")
    for column in ("name", "goal", "worst", "unit"):
        table.add_column(column)
    for metric in trainable.get("metrics") or ():
        table.add_row(
            metric["name"], metric["goal"], _number(metric.get("worst")), str(metric.get("unit") or "")
        )
    console.print(table)


def _effect_table(title: str, rows: Sequence[Mapping[str, Any]], *, verdicts: bool) -> Table:
    table = _table(title)
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
            f"{_number(row['estimate'], signed=True)}{_unit(row)}",
            f"[{_number(row['low'], signed=True)}, {_number(row['high'], signed=True)}]",
            _p(row["p_adjusted"] if verdicts else row.get("p")),
            f"{row['n']}" + (f" ({row['holes']} holes)" if row.get("holes") else ""),
        ]
        cells[-3] = escape(cells[-3])
        if verdicts:
            verdict = row["verdict"] or "-"
            cells.append(f"[{VERDICT_STYLE.get(verdict, 'default')}]{verdict}[/]")
        table.add_row(*cells)
    return table


def _contrast_table(contrasts: Sequence[Mapping[str, Any]]) -> Table:
    table = _table("Contrasts")
    for column in ("contrast", "rows corrected together", "smallest adjusted p"):
        table.add_column(column)
    for contrast in contrasts:
        name = contrast["name"] + (f" on {contrast['metric']}" if contrast.get("metric") else "")
        table.add_row(escape(name), str(contrast["family_size"]), _p(contrast.get("smallest_p")))
    return table


def _title(contrast: Mapping[str, Any]) -> str:
    role = "primary, " if contrast["primary"] else ""
    size = contrast["family_size"]
    return escape(
        f"{contrast['name']} on {contrast['metric']} ({role}{contrast['test']}, {contrast['correction']}"
        f" over {size} {'row' if size == 1 else 'rows'}, alpha {contrast['alpha']:g})"
    )


def _table(title: str | None) -> Table:
    return Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold", pad_edge=False)


def _console() -> Console:
    # A pipe has no width; a table cut to 80 columns would lose words for nothing.
    return Console(highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH)


def _arm_label(arm: Mapping[str, Any]) -> str:
    return str(arm.get("label") or arm.get("arm") or _levels(arm.get("levels") or {}))


def _levels(levels: Mapping[str, Any]) -> str:
    def one(value: Any) -> str:
        return "|".join(map(str, value)) if isinstance(value, list | tuple) else str(value)

    return " ".join(f"{name}={one(value)}" for name, value in levels.items())


def _allowed(setting: Mapping[str, Any]) -> str:
    if setting.get("enum"):
        return ", ".join(map(str, setting["enum"]))
    low = setting.get("minimum", setting.get("exclusiveMinimum"))
    high = setting.get("maximum", setting.get("exclusiveMaximum"))
    if low is None and high is None:
        return ""
    return f"{'' if low is None else _number(low)} .. {'' if high is None else _number(high)}"


def _cost(cost: Mapping[str, Any]) -> str:
    parts = [
        f"{cost[key]:.3g} {key.replace('_', ' ')}" for key in ("cpu_hours", "gpu_hours") if cost.get(key)
    ]
    return f", about {' and '.join(parts)} ({cost.get('basis')})" if parts else ""


def _unit(row: Mapping[str, Any]) -> str:
    return f" {row['unit']}" if row.get("unit") else ""


def _p(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.1e}" if 0 < value < 0.001 else f"{value:.3f}"


def _number(value: Any, *, signed: bool = False) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return str(value)
    return f"{value:+.4g}" if signed else f"{value:.6g}"

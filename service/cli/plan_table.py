"""A plan as a person reads it before deciding: what it costs, what it can show, then what it is made of."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from service.cli.tables import make_console, make_table, number_text, p_text

MAX_ARMS = 12
MAX_ROWS = 12
MAX_EXCLUDED = 8
MAX_LEVELS = 12
SIZES = {"hidden": "inner width", "num_parameters": "parameters"}


def print_plan(plan: Mapping[str, Any], *, name: str = "", every: bool = False) -> None:
    """What a study will do; long lists are cut unless `every` is asked for."""
    console = make_console()
    console.print(_title(plan, name))
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="bold", no_wrap=True)
    facts.add_column()
    for label, text in _facts(plan):
        facts.add_row(label, escape(text))
    console.print(facts)
    contrasts = sorted(plan.get("contrasts") or (), key=lambda contrast: not contrast.get("primary"))
    if contrasts:
        console.print()
        _show(console, _contrasts(contrasts))
        _show(console, _rows(contrasts[0], every))
        if plan.get("num_exploratory_rows"):
            console.print(f"[dim]and {plan['num_exploratory_rows']} exploratory rows, without verdict[/dim]")
    console.print()
    if plan.get("excluded"):
        _show(console, _excluded(plan["excluded"], every))
    _show(console, _arms(plan["arms"], every))
    for warning in plan.get("warnings") or ():
        console.print(f"[yellow]warning:[/yellow] {escape(str(warning))}")


def _show(console: Console, table: Table) -> None:
    """A table under its title, which rich would break at the table's width."""
    title, table.title = table.title, None
    console.print(f"[bold]{title}[/bold]")
    console.print(table)


def _title(plan: Mapping[str, Any], name: str) -> str:
    arms, seeds = len(plan["arms"]), int(plan.get("num_seeds") or 0)
    counted = (
        f"{_counted(arms, 'arm')} x {_counted(seeds, 'seed')} = " if seeds else f"{_counted(arms, 'arm')}, "
    )
    tuning = plan.get("num_tuning_trials")
    if tuning:
        counted = f"{counted}{arms * seeds} to measure + {tuning} to tune = "
    return f"[bold]{escape(name)}[/bold]: {counted}[bold]{_counted(plan['num_trials'], 'trial')}[/bold]"


def _facts(plan: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    cost, power = plan.get("cost") or {}, plan.get("power") or {}
    if cost:
        hours = [
            f"{cost[key]:.3g} {kind}-hours"
            for key, kind in (("cpu_hours", "CPU"), ("gpu_hours", "GPU"))
            if cost.get(key)
        ]
        known = cost.get("cpu_hours") is not None
        yield (
            "cost",
            f"about {' and '.join(hours) or 'nothing'} ({cost['basis']})" if known else cost["basis"],
        )
    if resize := plan.get("resize"):
        yield "seeds", _resized(resize)
    if power.get("detectable_effect") is not None:
        chance = f"{100 * power.get('power', 0.8):.0f} %"
        yield (
            "power",
            f"the primary contrast finds {_effect(plan)} with a chance of {chance} ({power.get('basis')})",
        )
    elif power.get("basis"):
        yield "power", str(power["basis"])
    if risk := plan.get("collapse"):
        yield (
            "collapse",
            f"{risk['num_seeds']} seeds without a collapse leave rates up to"
            f" {100 * risk['not_excluded']:.2g} % possible; to exclude a collapse rate above 10 % take"
            f" {risk['seeds_for_tenth']} seeds",
        )
    for metric, seeds in (power.get("seeds_for_margin") or {}).items():
        yield (
            "margin",
            f"{metric}: {'over a million' if seeds is None else seeds} seeds would find its margin",
        )
    if plan.get("design"):
        yield "design", str(plan["design"])
    for factor, levels in (plan.get("factors") or {}).items():
        shown = [str(level) for level in levels[:MAX_LEVELS]]
        more = [f"... {len(levels)} in all"] if len(levels) > MAX_LEVELS else []
        condition = (plan.get("conditional") or {}).get(factor)
        yield "factor", f"{factor}: {', '.join(shown + more)}{f' ({condition})' if condition else ''}"
    if plan.get("collapsed"):
        yield "collapsed", f"{plan['collapsed']} combinations, as a factor of theirs does not apply"


def _resized(resize: Mapping[str, Any]) -> str:
    """The rule for the number of seeds, and what it may come to."""
    if resize["seeds"] is not None:
        return str(resize["words"])
    cost = resize["cost_at_most"]
    hours = "" if cost["cpu_hours"] is None else f", about {cost['cpu_hours']:.3g} CPU-hours"
    return f"{resize['words']}, then {_counted(resize['num_trials_at_most'], 'trial')} in all{hours}"


def _effect(plan: Mapping[str, Any]) -> str:
    value = number_text(float(f"{plan['power']['detectable_effect']:.3g}"))
    primary = [contrast for contrast in plan.get("contrasts") or () if contrast.get("primary")]
    known = bool(primary) and primary[0].get("unit") == "metric"
    return f"a difference of {value}" if known else f"a difference of {value} standard deviations"


def _contrasts(contrasts: Sequence[Mapping[str, Any]]) -> Table:
    table = make_table("Contrasts: rows of one are corrected together")
    for column in ("contrast", "metric", "test"):
        table.add_column(column)
    for column in ("rows", "smallest adj. p", "detectable"):
        table.add_column(column, justify="right")
    for contrast in contrasts:
        role = " (primary)" if contrast.get("primary") else ""
        test = [str(contrast[key]) for key in ("test", "correction") if contrast.get(key)]
        table.add_row(
            escape(f"{contrast['name']}{role}"),
            escape(str(contrast.get("metric", ""))),
            ", ".join(test),
            str(contrast["family_size"]),
            p_text(contrast.get("smallest_p")),
            _detectable(contrast),
        )
    return table


def _detectable(contrast: Mapping[str, Any]) -> str:
    effect = contrast.get("detectable_effect")
    if effect is None:
        return "nothing" if "detectable_effect" in contrast else "-"
    return f"{effect:.3g}" if contrast.get("unit") == "metric" else f"{effect:.3g} sd"


def _rows(contrast: Mapping[str, Any], every: bool) -> Table:
    rows = contrast.get("rows") or []
    shown = rows if every else rows[:MAX_ROWS]
    rest = "" if len(shown) == len(rows) else f", the first {len(shown)} of {len(rows)}: --all shows them"
    table = make_table(f"Rows of {escape(str(contrast['name']))}{rest}")
    within = list(dict.fromkeys(name for row in rows for name in row["within"]))
    for column in ("of - against", *within):
        table.add_column(escape(column))
    for column in ("strata averaged", "matched pairs"):
        table.add_column(column, justify="right")
    for row in shown:
        cells = [f"{row['of']} - {row['against']}", *(str(row["within"].get(name, "")) for name in within)]
        table.add_row(*map(escape, cells), str(row["strata"]), str(row["matched_pairs"]))
    return table


def _excluded(excluded: Sequence[Mapping[str, Any]], every: bool) -> Table:
    shown = excluded if every else excluded[:MAX_EXCLUDED]
    rest = "" if len(shown) == len(excluded) else f", the first {len(shown)}: --all shows them"
    table = make_table(f"{len(excluded)} excluded{rest}")
    table.add_column("levels")
    table.add_column("reason")
    for row in shown:
        table.add_row(escape(_levels(row["levels"])), escape(str(row["reason"])))
    return table


def _arms(arms: Sequence[Mapping[str, Any]], every: bool) -> Table:
    shown = arms if every or len(arms) <= MAX_ARMS + 1 else arms[:MAX_ARMS]
    rest = "" if len(shown) == len(arms) else f", the first {len(shown)} of {len(arms)}: --all shows them"
    table = make_table(f"Arms{rest}")
    table.add_column("arm")
    table.add_column("id", style="dim", no_wrap=True)
    sizes = list(dict.fromkeys(name for arm in arms for name in arm.get("size") or {}))
    for name in sizes:
        table.add_column(SIZES.get(name, name), justify="right")
    for arm in shown:
        label, size = arm.get("label") or _levels(arm.get("levels") or {}), arm.get("size") or {}
        cells = (f"{size[name]:,}" if name in size else "-" for name in sizes)
        table.add_row(escape(str(label)), str(arm.get("id", "")), *cells)
    return table


def _levels(levels: Mapping[str, Any]) -> str:
    def one(value: Any) -> str:
        return "|".join(map(str, value)) if isinstance(value, list | tuple) else str(value)

    return " ".join(f"{name}={one(value)}" for name, value in levels.items())


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"

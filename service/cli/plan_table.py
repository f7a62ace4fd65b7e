"""A plan as a person reads it before deciding: what it costs, what it can show, then what it is made of."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from service.cli.tables import make_console, make_table, p_text
from service.plan_words import facts, levels_text, sizes

MAX_ARMS = 12
MAX_ROWS = 12
MAX_EXCLUDED = 8
SIZES = {"hidden": "inner width", "num_parameters": "parameters"}


def print_plan(plan: Mapping[str, Any], *, name: str = "", every: bool = False) -> None:
    """What a study will do; long lists are cut unless `every` is asked for."""
    console = make_console()
    console.print(_title(plan, name))
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column()
    for label, text in facts(plan):
        grid.add_row(label, escape(text))
    console.print(grid)
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
    counted, total = sizes(plan)
    return f"[bold]{escape(name)}[/bold]: {counted}[bold]{total}[/bold]"


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
        table.add_row(escape(levels_text(row["levels"])), escape(str(row["reason"])))
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
        label, size = arm.get("label") or levels_text(arm.get("levels") or {}), arm.get("size") or {}
        cells = (f"{size[name]:,}" if name in size else "-" for name in sizes)
        table.add_row(escape(str(label)), str(arm.get("id", "")), *cells)
    return table

"""The claims table for a terminal, and as Markdown."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ablations.report.renderers.markdown import escape as escape_markdown
from ablations.report.renderers.markdown import pipe_table
from service.cli.tables import make_console

STYLES = {
    "reproduced": "bold green",
    "consistent": "green",
    "not reproduced": "bold red",
    "inconsistent": "red",
}


def print_claims(claims: Sequence[Mapping[str, Any]], *, console: Console | None = None) -> None:
    """One line a claim and one for each answer, then what the numbers rest on."""
    console = console or make_console()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("claim", ratio=1)
    table.add_column("claimed", no_wrap=True)
    table.add_column("found, 95 % interval", justify="right", no_wrap=True)
    table.add_column("seeds", justify="right")
    table.add_column("scale")
    table.add_column("verdict")
    for claim in claims:
        _add(table, claim)
    console.print(table)
    studies = {claim["study"]["id"]: claim["study"] for claim in claims if claim["study"]}
    for study in studies.values():
        console.print(f"[bold]{escape(study['name'])}[/bold] {study['id']}: {escape(_basis(study))}")
    console.print("[dim]how each claim is read: --json, or the page /claims[/dim]")
    missing = sorted({claim["preset"] for claim in claims if not claim["study"]})
    if missing:
        console.print(f"not run: {', '.join(missing)}; e.g. ablate preset {missing[0]} | ablate submit -")


def claims_markdown(claims: Sequence[Mapping[str, Any]]) -> str:
    """The same as a Markdown table, a line for every answer."""
    names = ("claim", "claimed", "asked", "found, 95 % interval", "seeds", "scale", "verdict")
    lines = [_cells(claim, row) for claim in claims for row in claim["rows"] or [None]]
    return "\n".join(pipe_table(names, lines))


def _cells(claim: Mapping[str, Any], row: Mapping[str, Any] | None) -> list[str]:
    told = [escape_markdown(claim["sentence"]), escape_markdown(claim["claimed"])]
    if row is None:
        return [*told, "", "", "", "", claim["verdict"]]
    scale = escape_markdown(_scale(claim["study"]))
    return [*told, escape_markdown(_asked(row)), _found(row), str(row["num_seeds"]), scale, row["verdict"]]


def _add(table: Table, claim: Mapping[str, Any]) -> None:
    rows = claim["rows"]
    alone = len(rows) == 1 and not rows[0]["within"]
    first = rows[0] if alone else None
    table.add_row(
        f"[bold]{claim['id']}[/bold]: {escape(claim['sentence'] + (_note(first) if first else ''))}",
        escape(claim["claimed"]),
        escape(_found(first)) if first else "",
        str(first["num_seeds"]) if first else "",
        escape(_scale(claim["study"])),
        _verdict(claim["verdict"]),
    )
    for row in () if alone else rows:
        table.add_row(
            escape(f"  {_asked(row)}"),
            "",
            escape(_found(row)),
            str(row["num_seeds"]),
            "",
            _verdict(row["verdict"]),
        )


def _scale(study: Mapping[str, Any] | None) -> str:
    if study is None:
        return "-"
    return f"{study['scale']}, edited" if study["edited"] else str(study["scale"])


def _asked(row: Mapping[str, Any]) -> str:
    """What a row answers, at which levels, and what is to be said of it."""
    levels = (f"{name}={level}" for name, level in row["within"].items())
    return " ".join([row["label"], *levels]) + _note(row)


def _note(row: Mapping[str, Any]) -> str:
    return f" ({row['note']})" if row["note"] else ""


def _found(row: Mapping[str, Any]) -> str:
    if row["estimate"] is None:
        return "no values"
    interval = "" if row["low"] is None else f" [{row['low']:.2f}, {row['high']:.2f}]"
    return f"{row['estimate']:.2f}{interval}"


def _verdict(verdict: str) -> str:
    return f"[{STYLES.get(verdict, 'default')}]{verdict}[/]"


def _basis(study: Mapping[str, Any]) -> str:
    parts = [f"{study['num_trials']} trainings"]
    if study["edited"]:
        parts.append(f"edited in {', '.join(study['edited'])}")
    if study["differs_from_paper_scale"]:
        parts.append(f"beside the paper scale {'; '.join(study['differs_from_paper_scale'])}")
    return "; ".join(parts)

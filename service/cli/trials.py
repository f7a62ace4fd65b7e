"""Trials for a terminal: a list of them, and why some failed with where their tracebacks are."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.markup import escape

from ablations.results.failures import FAILURES
from service.cli.tables import make_console, make_table, number_text

MAX_STUDIES = 5


def print_trials(trials: Sequence[Mapping[str, Any]], metric: str, *, more: bool = False) -> None:
    """Trials with their numbers, one a row; of one that failed the reason instead of its result."""
    table = make_table(None)
    for column in ("trial", "arm", "seed", "state", metric):
        table.add_column(column, justify="right" if column in ("trial", "seed") else "left")
    for trial in trials:
        failed = trial["state"] == "failed"
        result = reason_text(trial) if failed else number_text(trial["metrics"].get(metric))
        cells = (trial["number"], trial["arm"], trial["seed"], trial["state"], result)
        table.add_row(*(escape(str(cell)) for cell in cells))
    console = make_console()
    console.print(table if trials else "no trials")
    if more:
        console.print("[dim]there are more: --limit shows up to 500[/dim]")


def print_failures(study: Mapping[str, Any], *, advice: bool = True) -> None:
    """A line for each reason, the command that shows a traceback, and what to do about each class."""
    failures, counts = study["failures"], study["progress"]
    if not failures:
        return
    console = make_console()
    console.print(f"[red]{counts['failed']} of {counts['total']} trials failed[/red]")
    widest = len(str(failures[0]["num"]))
    for alike in failures:
        start, end = f"  {alike['num']:>{widest}} x ", f" (trial {alike['trial']})"
        reason = reason_text(alike, room=console.width - len(start) - len(end))
        console.print(f"{start}{escape(reason)}{end}", soft_wrap=True)
    rest = counts["failed"] - sum(alike["num"] for alike in failures)
    if rest:
        console.print(
            f"  {rest} for other reasons: ablate trials {study['id']} --state failed", soft_wrap=True
        )
    console.print(f"traceback: {traceback_command(study['id'], failures[0]['trial'])}", soft_wrap=True)
    for name in dict.fromkeys(alike["failure"] for alike in failures if advice):
        failure = FAILURES[name]
        console.print(
            f"[dim]{name}: {escape(failure.means)}. What to do: {escape(failure.advice)}[/dim]",
            soft_wrap=True,
        )


def print_failures_of(studies: Iterable[Mapping[str, Any]]) -> None:
    """The same of the first few studies that have failed trials, each under its name."""
    failing = [study for study in studies if study["failures"]]
    console = make_console()
    for study in failing[:MAX_STUDIES]:
        console.print(f"[bold]{escape(study['name'])}[/bold]", end=": ", soft_wrap=True)
        print_failures(study, advice=False)
    if len(failing) > MAX_STUDIES:
        console.print(f"{len(failing) - MAX_STUDIES} more with failed trials: ablate show ID says why")


def reason_text(alike: Mapping[str, Any], *, room: int = 200) -> str:
    """Why trials failed, on one line of so many characters; the whole is in the traceback."""
    said = " ".join(str(alike["reason"] or FAILURES[alike["failure"]].means).split())
    shown = "".join(letter if letter.isprintable() else "?" for letter in said)
    return shown if len(shown) <= max(room, 20) else f"{shown[: max(room, 20) - 1]}…"


def traceback_command(study_id: str, trial: int) -> str:
    """What shows the traceback of a trial."""
    return f"ablate logs {study_id} --trial {trial}"

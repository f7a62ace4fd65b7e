"""A live progress bar over a study, with rate and time left, by polling."""

import time
from collections import deque
from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from service.cli.errors import Unreachable
from service.cli.tables import duration
from service.cli.trials import reason_text
from service.connection import ENDED, FINAL, Connection

POLL_S = 0.5
RATE_WINDOW_S = 30.0
# A restarting API is no reason to stop watching.
PATIENCE_S = 60.0
# Where stderr is no terminal a bar cannot move; a line now and then tells the same.
LINE_EVERY_S = 10.0


class Rate:
    """Trials a second over the last half minute."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def note(self, ended: int, now: float) -> float | None:
        """Note how many trials have ended by now; the rate, None before anything can be said."""
        self._seen.append((now, ended))
        while now - self._seen[0][0] > RATE_WINDOW_S:
            self._seen.popleft()
        then, before = self._seen[0]
        return (ended - before) / (now - then) if ended > before and now > then else None


def follow(
    client: Connection, study_id: str, *, news: Callable[[dict[str, Any]], str | None] | None = None
) -> dict[str, Any]:
    """Show a study's progress on stderr until it has ended and MLflow has everything; the last answer.

    Says why trials failed as soon as some did; `news` may have a line to say at every look.
    """
    told: set[str] = set()
    study = client.get(f"/v1/studies/{study_id}")
    rate, bar = Rate(), Bar(study["name"])
    with bar:
        while True:
            counts = study["progress"]
            ended = counts["total"] - open_trials(counts)
            bar.show(ended, counts["total"], describe(study, rate.note(ended, time.monotonic())))
            for alike in study["failures"]:
                if (reason := reason_text(alike)) not in told:
                    told.add(reason)
                    bar.say(f"trial {alike['trial']} failed: {reason}")
            if news is not None and (line := news(study)) is not None:
                bar.say(line)
            if study["state"] in FINAL and (study.get("published") or study["state"] == "cancelled"):
                return study
            time.sleep(POLL_S)
            study = _ask(client, study_id)


class Bar:
    """A moving bar on a terminal, a line every few seconds elsewhere; both on stderr."""

    def __init__(self, name: str) -> None:
        self._console = Console(stderr=True)
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[detail]}"),
            TimeElapsedColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._name = name
        self._task = self._progress.add_task(name, total=None, detail="")
        self._told = ""
        self._told_at = -LINE_EVERY_S

    def __enter__(self) -> "Bar":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, ended: int, total: int, detail: str) -> None:
        """Move the bar."""
        self._progress.update(self._task, completed=ended, total=total, detail=detail)
        now = time.monotonic()
        text = f"{self._name}: {ended}/{total}, {detail}"
        if not self._console.is_terminal and text != self._told and now - self._told_at >= LINE_EVERY_S:
            self._told, self._told_at = text, now
            self.say(text)

    def say(self, text: str) -> None:
        """A line of its own, above the bar."""
        self._progress.console.print(text, markup=False, highlight=False, soft_wrap=True)


def open_trials(counts: dict[str, int]) -> int:
    """How many trials have not ended."""
    return int(counts["total"] - sum(counts.get(name, 0) for name in ENDED))


def describe(study: dict[str, Any], rate: float | None) -> str:
    """What stands beside the bar: state, running, what went wrong, rate, time left."""
    counts = study["progress"]
    if study["state"] in FINAL:
        return (
            "publishing to MLflow"
            if study["state"] == "done" and not study.get("published")
            else study["state"]
        )
    if study.get("waits_for"):
        return f"waits for {study['waits_for']}"
    parts = [study["state"]] if not counts.get("running") else [f"{counts['running']} running"]
    parts += [f"{counts[name]} {name}" for name in ("failed", "diverged", "reused") if counts.get(name)]
    left = open_trials(counts)
    if rate:
        parts.append(f"{rate:.1f}/s" if rate >= 1 else f"{rate * 60:.1f}/min")
        parts.append(f"{duration(left / rate)} left")
    elif study.get("eta_s"):
        parts.append(f"{duration(study['eta_s'])} left")
    return ", ".join(parts)


def _ask(client: Connection, study_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return client.get(f"/v1/studies/{study_id}")
        except Unreachable:
            if time.monotonic() > deadline:
                raise
            time.sleep(POLL_S)

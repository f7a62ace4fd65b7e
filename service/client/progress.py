"""How far a study is: a line on a terminal, a bar in a notebook that moves, nothing elsewhere."""

import sys
from html import escape
from importlib import import_module
from typing import Any

from service.connection import ENDED
from service.schemas import Study


def num_ended(study: Study) -> int:
    """How many trials have ended."""
    return sum(getattr(study.progress, name) for name in ENDED)


def line(study: Study) -> str:
    """`depth-collapse: 12 of 24 trials, running, 2 failed`."""
    failed = f", {study.progress.failed} failed" if study.progress.failed else ""
    return f"{study.name}: {num_ended(study)} of {study.progress.total} trials, {study.state}{failed}"


def html(study: Study) -> str:
    """Name, bar, verdict, and why trials failed."""
    bar = f'<progress value="{num_ended(study)}" max="{study.progress.total or 1}"></progress>'
    parts = [f"<b>{escape(study.name)}</b> {bar} {escape(line(study).removeprefix(f'{study.name}: '))}"]
    parts += [f"verdict: {escape(study.verdict)}"] if study.verdict else []
    parts += [f"error: {escape(study.error)}"] if study.error else []
    for alike in study.failures:
        reason = escape(alike.reason or "no reason")
        parts.append(f"{alike.num} failed ({escape(alike.failure)}): {reason}; first is trial {alike.trial}")
    report = escape(study.links.report, quote=True)
    parts.append(f'<a href="{report}">report</a> <code>{escape(study.id)}</code>')
    return "<br>".join(parts)


class ProgressLine:
    """Shown each time that it has changed."""

    def __init__(self) -> None:
        self._told = ""
        self._display: Any = None

    def show(self, study: Study) -> None:
        """Move the bar, or write the line anew."""
        if line(study) == self._told:
            return
        self._told = line(study)
        if (notebook := _notebook()) is not None:
            shown = notebook.HTML(html(study))
            if self._display is None:
                self._display = notebook.display(shown, display_id=True)
            else:
                self._display.update(shown)
        elif sys.stderr.isatty():
            sys.stderr.write(f"\r\x1b[K{self._told}")
            sys.stderr.flush()

    def end(self) -> None:
        """What comes next stands on a line of its own."""
        if self._told and self._display is None and sys.stderr.isatty():
            sys.stderr.write("\n")


def _notebook() -> Any:
    """IPython's display where this runs in a kernel of it; it is never loaded for that."""
    shell = sys.modules.get("IPython")
    if shell is None or not hasattr(shell.get_ipython(), "kernel"):
        return None
    return import_module("IPython.display")

"""Trials, curves and effects as rows, as a pandas frame and as a table in a notebook."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from importlib import import_module
from typing import Any

MAX_SHOWN = 20


class Rows(Sequence[dict[str, Any]]):
    """Rows of plain values under the same names."""

    columns: tuple[str, ...] = ()
    """Which of them a notebook shows; all where it says none."""

    def __init__(self, rows: Sequence[dict[str, Any]]) -> None:
        self._rows = tuple(rows)

    def __getitem__(self, at: Any) -> Any:
        return self._rows[at]

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self._rows)

    def __repr__(self) -> str:
        return f"{type(self).__name__} of {len(self)} rows"

    def to_pandas(self) -> Any:
        """A DataFrame with a row each. Needs pandas."""
        return import_module("pandas").DataFrame(list(self._rows))

    def _repr_html_(self) -> str:
        names = list(self.columns) or list(dict.fromkeys(name for row in self for name in row))
        rows = [[row.get(name) for name in names] for row in self._rows[:MAX_SHOWN]]
        more = len(self) - len(rows)
        return html_table(names, rows) + (f"<p>and {more} more rows</p>" if more else "")


class TrialTable(Rows):
    """A row a trial: number, arm, seed, state, ...; a column a factor, and `metric.NAME` a metric."""


class CurveTable(Rows):
    """A row a point of a curve: number of the trial, arm, seed, metric, step, value; None if not finite."""


class EffectTable(Rows):
    """A row a comparison: contrast, whether primary, sides, estimate with its interval, p, verdict.

    All else that the service says of it stands under its own name, as in `GET /v1/studies/ID/effects`.
    `interim` is True while the study runs, and then nothing is tested.
    """

    columns = ("contrast", "metric", "of", "against", "within", "n", "shown", "p_adjusted", "verdict")

    def __init__(self, rows: Sequence[dict[str, Any]], *, interim: bool) -> None:
        super().__init__(rows)
        self.interim = interim


def effect_table(effects: Mapping[str, Any]) -> EffectTable:
    """The rows of every contrast, as the service gives them."""
    names = ("primary", "metric", "test", "correction", "alpha")
    rows = [
        {"contrast": contrast["name"], **{name: contrast.get(name) for name in names}, **row}
        for contrast in effects["contrasts"]
        for row in contrast["rows"]
    ]
    return EffectTable(rows, interim=bool(effects["interim"]))


def trial_row(trial: Mapping[str, Any]) -> dict[str, Any]:
    """One trial as a row."""
    names = ("number", "id", "arm", "phase", "candidate", "seed", "state", "failure", "reason", "seconds")
    metrics = {f"metric.{name}": value for name, value in trial["metrics"].items()}
    return {**{name: trial[name] for name in names}, **trial["levels"], **metrics}


def curve_rows(trial: Mapping[str, Any], metric: str | None) -> Iterator[dict[str, Any]]:
    """The points of a trial's curves, or of one of them."""
    place = {name: trial[name] for name in ("number", "arm", "seed")} | trial["levels"]
    for name, points in (trial["curve"] or {}).items():
        if metric in (None, name):
            for step, value in points:
                yield {**place, "metric": name, "step": step, "value": value}


def html_table(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A table whose every cell is text."""
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    body = "".join(f"<tr>{''.join(f'<td>{_cell(value)}</td>' for value in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return escape(", ".join(f"{name}={each}" for name, each in value.items()))
    return escape(str(value))

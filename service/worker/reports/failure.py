"""What stands in the place of a report that could not be built."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

from ablations.errors import Json
from ablations.report.renderers import markdown

MAX_MESSAGE = 500
RESULTS = "Every trial and its results are kept; the worker tries once more each time it starts."


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedBuild:
    """Empty effects, for a study that has no others, and reports that say what went wrong."""

    error: str
    effects: Json
    reports: Mapping[str, str]


def failed_build(name: str, error: Exception) -> FailedBuild:
    """A report that says why there is none. `error` in the effects marks the build as one to try again."""
    reason = f"{type(error).__name__}: {error}"[:MAX_MESSAGE]
    said = f"the report could not be built: {reason}"
    text = f"The report could not be built. {RESULTS}"
    title = escape(name)
    return FailedBuild(
        error=said,
        effects={"interim": False, "contrasts": [], "exploratory": [], "error": said},
        reports={
            "html": f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
            f"<h1>{title}</h1><p>{text}</p><pre>{escape(reason)}</pre></html>",
            "md": f"# {markdown.escape(name)}\n\n{text}\n\n    {' '.join(reason.split())}\n",
            "json": json.dumps({"interim": False, "title": name, "sections": [], "error": said}),
        },
    )

"""Rate, time left and what stands beside the bar."""

from typing import Any

import pytest

from service.cli.tables import duration
from service.cli.watching import RATE_WINDOW_S, Rate, describe, open_trials


def study(**changes: Any) -> dict[str, Any]:
    progress = dict.fromkeys(("done", "running", "failed", "diverged", "pruned", "cancelled", "reused"), 0)
    state = changes.pop("state", "running")
    published = changes.pop("published", False)
    return {"state": state, "published": published, "progress": {"total": 100, **progress, **changes}}


def test_rate_over_the_last_half_minute() -> None:
    rate = Rate()
    assert rate.note(0, 0.0) is None
    assert rate.note(10, 5.0) == 2.0
    # What is older than the window is forgotten.
    assert rate.note(20, RATE_WINDOW_S + 5.0) == pytest.approx(10 / RATE_WINDOW_S)
    assert rate.note(20, 2 * RATE_WINDOW_S + 5.0) is None


def test_open_trials_counts_each_end_once() -> None:
    counts = study(done=30, failed=2, diverged=3, pruned=4, cancelled=1, reused=30, running=5)["progress"]
    assert open_trials(counts) == 60


def test_what_stands_beside_the_bar() -> None:
    assert describe(study(state="queued"), None) == "queued"
    assert (
        describe(study(running=2, done=50, diverged=1), 0.5) == "2 running, 1 diverged, 30.0/min, 1m38s left"
    )
    assert describe(study(running=2, done=90), 2.0) == "2 running, 2.0/s, 5s left"
    assert describe(study(state="done", done=100), None) == "publishing to MLflow"
    assert describe(study(state="done", done=100, published=True), None) == "done"
    assert describe(study(state="failed", failed=100), None) == "failed"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0s"), (59, "59s"), (60, "1m00s"), (3600, "1h00m"), (7500, "2h05m")]
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text

"""What shows of a study before its verdict."""

from typing import Any

import pytest

from service.cli.growing import Growing
from service.cli.watching import LINE_EVERY_S, Bar

SPEC = {"baseline": {"scalars": "none"}, "metrics": [{"name": "test_accuracy"}, {"name": "collapsed"}]}


class Trials:
    """A client that knows trials."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.num_asked = 0

    def add(self, level: str, value: float | None) -> None:
        self.rows.append({"levels": {"scalars": level, "depth": 2}, "metrics": {"test_accuracy": value}})

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        assert (path, query["state"]) == ("/v1/studies/s/trials", "done")
        self.num_asked += 1
        return {"items": self.rows, "next": None}


def study(done: int, state: str = "running", total: int = 12) -> dict[str, Any]:
    return {"id": "s", "state": state, "progress": {"done": done, "total": total}}


def test_means_by_level_are_told_as_interim_a_few_times() -> None:
    trials = Trials()
    growing = Growing(trials, SPEC)  # type: ignore[arg-type]
    assert growing(study(0)) is None and growing(study(1)) is None and trials.num_asked == 0
    trials.add("none", 0.5)
    trials.add("per_layer", 0.75)
    assert growing(study(2)) == (
        "interim, 2 of 12: mean test_accuracy by scalars: none 0.500 (n 1), per_layer 0.750 (n 1)"
    )
    assert growing(study(3)) is None and trials.num_asked == 1
    trials.add("none", 0.7)
    trials.add("none", None)
    told = growing(study(11))
    assert told is not None and "none 0.600 (n 2)" in told
    assert growing(study(12, "done")) is None
    assert growing(study(0, total=0)) is None


def test_without_a_terminal_the_same_is_not_told_twice(capsys: pytest.CaptureFixture[str]) -> None:
    bar = Bar("demo")
    for _ in range(5):
        bar._told_at = -LINE_EVERY_S
        bar.show(216, 216, "publishing to MLflow")
    assert capsys.readouterr().err.count("publishing to MLflow") == 1

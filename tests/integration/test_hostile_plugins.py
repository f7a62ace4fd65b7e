"""One real study of hostile trainings beside good ones: clear reasons, equal numbers, nothing left."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.integration.system import System, running_system
from tests.unit.hostile.slots import PLUGIN, lease
from tests.unit.trainables.sources import train

pytestmark = [pytest.mark.integration, pytest.mark.slow]
ROOT = Path(__file__).parents[2]
MIB = 2**20
GOOD = [f"neighbour {number}" for number in range(5)]
HOSTILE = {
    "reads at 0": ("process_died", "its worker's process died"),
    "dies with a daemon": ("process_died", "its worker's process died"),
    "sleeps": ("hung", "it hung once"),
    "raises system exit 0": ("exception", "SystemExit: 0"),
    "returns complex": ("exception", "the metric 'loss' is a complex"),
    "reports_50_mb": ("exception", "curves of more than 16 MiB are not kept"),
    "leaves_twenty_children": (None, ""),
    "leaves_a_program_in_its_own_session": (None, ""),
    "leaves_a_thread": (None, ""),
    "prints_100_mb": (None, ""),
}
SAME = ("norm", "drawn", "drawn_numpy", "drawn_torch", "item_bytes", "third", "softmax", "decimal", "depth")
LEFT_S = 30.0


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    path = os.pathsep.join([str(ROOT), str(PLUGIN)])
    budgets = {"ABLATE_MAX_DEATHS": "1", "ABLATE_MAX_HANGS": "1", "ABLATE_STALL_S": "10"}
    with running_system(tmp_path_factory.mktemp("hostile"), PYTHONPATH=path, **budgets) as running:
        yield running


@pytest.fixture(scope="module")
def study(served: System) -> dict[str, Any]:
    """All of them in one study, to its end."""
    levels = [name for pair in zip(HOSTILE, GOOD * 2, strict=True) for name in pair]
    submitted = served.submit(
        {
            "name": "hostile",
            "trainable": "hostile",
            "factors": {"does": list(dict.fromkeys(levels))},
            "seeds": [7],
            "metrics": [{"name": "loss", "goal": "minimize", "at": "end"}],
        }
    )
    return served.wait(submitted["id"])


def until_none(look: Callable[[], list[str]]) -> None:
    deadline = time.monotonic() + LEFT_S
    while left := look():
        assert time.monotonic() < deadline, left
        time.sleep(0.2)


def left() -> list[str]:
    """Processes of slots, and what they have started, by their command lines."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        words = " ".join(process.info["cmdline"] or ())
        runs = process.info["status"] != psutil.STATUS_ZOMBIE
        if runs and (words.startswith("ray::Slot") or words.startswith(("sleep 1000", "sleep 1001"))):
            found.append(f"{process.pid} {words}")
    return found


def test_each_ends_in_its_reason_and_good_ones_as_without_neighbours(
    served: System, study: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert study["state"] == "done"
    trials = {trial["levels"]["does"]: trial for trial in served.trials(study["id"])}
    told = {name: (trials[name]["failure"], trials[name]["reason"] or "") for name in HOSTILE}
    for name, (failure, words) in HOSTILE.items():
        assert told[name][0] == failure and words in told[name][1], told
        assert trials[name]["state"] == ("done" if failure is None else "failed")
    monkeypatch.syspath_prepend(PLUGIN)
    fresh = train([lease("fresh", "neighbour")], tmp_path, trainable="hostile").outcomes["fresh"].metrics
    for name in GOOD:
        assert trials[name]["state"] == "done", trials[name]
        found = trials[name]["metrics"]
        assert {key: found[key] for key in SAME} == {key: fresh[key] for key in SAME}


def test_no_process_is_left_and_output_fills_no_disk(served: System, study: dict[str, Any]) -> None:  # noqa: ARG001
    until_none(left)
    ray = next(
        p for p in psutil.Process(served.process.pid).children() if "service.local.ray_head" in p.cmdline()
    )
    (folder,) = [word.partition("=")[2] for word in ray.cmdline() if word.startswith("--temp-dir=")]
    logs = (Path(folder) / "session_latest" / "logs").glob("worker-*")
    assert max(path.stat().st_size for path in logs) < 64 * MIB

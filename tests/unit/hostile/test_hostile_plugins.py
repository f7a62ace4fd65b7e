"""Hostile plugins: each ends in one clear reason, its neighbour's bits do not change, no process is left.

Slots without Ray (slots.py) train the whole table, every case with a neighbour after it; those that end well
once more in a pack, with the neighbour beside them. Each test reads what was written down of one case.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ablations.results.failures import classify
from tests.unit.hostile.slots import CASES, NEIGHBOUR, PLUGIN
from trainables.training.lease import REASON_CHARS, TRACEBACK_CHARS

ROOT = Path(__file__).parents[3]
PACKED = [
    name
    for name, case in CASES.items()
    if case.ends == "done" and not name.startswith(("reports", "returns "))
]
NOT_TO_BE_SHARED = {"leaves_a_busy_thread"}
"""What spoils even a neighbour in the same pack: threads of packmates are told from none of one's own."""
BREAKING = {"infers_for_good", "closes_stdout"}
"""After these a pack is given up: whoever was in it begins anew."""
MORE_CHARS = 100


@dataclass(slots=True)
class Told:
    """What was written down: outcomes and leftovers by trial, and how the slot ended that it was last in."""

    outcomes: dict[str, dict[str, Any]] = field(default_factory=dict)
    left: dict[str, Mapping[str, int]] = field(default_factory=dict)
    slots: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def of_slots(cls, way: str, names: Sequence[str], folder: Path) -> "Told":
        """Train these cases and read what was written."""
        out = folder / "out.jsonl"
        out.touch()
        environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(PLUGIN)])}
        command = [sys.executable, "-m", "tests.unit.hostile.slots", str(out), way, str(folder)]
        given = json.dumps([NEIGHBOUR, *names])
        done = subprocess.run(
            command, input=given, env=environ, cwd=ROOT, capture_output=True, text=True, timeout=500
        )
        assert done.returncode == 0, done.stderr[-4000:]
        told = cls()
        for line in map(json.loads, out.read_text().splitlines()):
            match line["event"]:
                case "ended":
                    assert line["name"] not in told.outcomes, f"{line['name']} was committed twice"
                    told.outcomes[line["name"]] = line["outcome"]
                case "cleared":
                    told.left[line["name"]] = line["left"]
                case "slot":
                    told.slots[line["name"]] = line
        return told


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """Every case, one trial after the other."""
    return Told.of_slots("alone", list(CASES), tmp_path_factory.mktemp("alone"))


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """Cases that end well, each in one pack with its neighbour."""
    return Told.of_slots("packed", PACKED, tmp_path_factory.mktemp("packed"))


def bits(outcome: Mapping[str, Any]) -> dict[str, Any]:
    """All of a neighbour's numbers but its seconds."""
    metrics = {name: value for name, value in outcome["metrics"].items() if name != "seconds"}
    return {"metrics": metrics, **{name: outcome[name] for name in ("state", "curve", "reason")}}


def check_neighbour(told: Told, name: str) -> None:
    """The next in the same process has the bits of one in a fresh process, where there was a next."""
    neighbour = told.outcomes.get(f"{NEIGHBOUR} of {name}")
    if neighbour is not None:
        assert bits(neighbour) == bits(told.outcomes[NEIGHBOUR])
    else:
        assert name in told.slots or name == list(told.left)[-1]


@pytest.mark.parametrize("name", CASES)
def test_it_ends_in_one_clear_reason_and_nothing_of_it_is_left(name: str, alone: Told) -> None:
    case, slot = CASES[name], alone.slots.get(name)
    if slot is not None:
        assert slot["left"] == 0, "processes outlived their worker"
    if case.ends in ("died", "hangs"):
        assert name not in alone.outcomes and slot is not None and not slot["over"]
        return
    outcome = alone.outcomes[name]
    reason = outcome["reason"] or ""
    assert outcome["state"] == case.ends and case.said in reason, (reason, outcome["state"])
    assert len(reason) < REASON_CHARS + MORE_CHARS
    assert outcome["traceback"] < TRACEBACK_CHARS + MORE_CHARS
    assert (classify(outcome["state"], reason) is None) == (case.ends == "done")
    if case.renews:
        assert slot is not None and slot["over"] and slot["status"] == 0, "its process ends, in good order"
    else:
        assert slot is None and not any(alone.left[name].values())
    check_neighbour(alone, name)


@pytest.mark.parametrize("name", [name for name in PACKED if name not in NOT_TO_BE_SHARED])
def test_its_packmate_is_as_it_would_be_alone(name: str, packed: Told) -> None:
    if name in BREAKING:
        assert name not in packed.outcomes and not packed.slots[name]["over"]
        return
    assert packed.outcomes[name]["state"] == "done"
    check_neighbour(packed, name)


def test_there_are_some_hundred_of_them() -> None:
    assert len(CASES) >= 200

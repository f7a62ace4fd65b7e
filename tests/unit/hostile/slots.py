"""Slots without Ray: processes in which hostile trainings and their neighbours are trained in turn.

`python -m tests.unit.hostile.slots OUT WAY` loads everything once and forks a slot; when a slot ends before
its trials do, the next slot goes on behind the trial that it ended with. A line of JSON a trial goes to OUT.
The trainer is the real one; what Ray and the driver do beside it is done here as they do it: who is silent
is killed, what is in the group of a dead worker ends with it, and strays are looked for after a death.
"""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

PLUGIN = Path(__file__).parent / "plugin"
sys.path.insert(0, str(PLUGIN))  # for these imports alone: where it stays, it is a plugin

from hostile_plugin import training  # noqa: E402, F401
from hostile_plugin.table import CASES  # noqa: E402

sys.path.remove(str(PLUGIN))

from trainables import leftovers  # noqa: E402
from trainables.packs.trainer import run_trainer  # noqa: E402
from trainables.training.lease import Lease, Outcome, Report  # noqa: E402

SILENT_S = 20.0
HANG_S = 0.5
NEIGHBOUR = "neighbour"


class Written:
    """A source of named cases, each followed by a neighbour; what becomes of them is written down."""

    def __init__(self, names: Sequence[str], out: int, room: int) -> None:
        self._names, self._out, self._room = list(names), out, room
        self._last = ""
        self._before = self._around()

    def draw(self, room: int) -> Sequence[Lease]:
        if self._last:
            self._say(event="cleared", name=self._last, left=self._left())
        if not self._names:
            return []
        name = self._names.pop(0)
        self._last = name
        self._say(event="begun", name=name)
        pair = [lease(name, name), lease(f"{NEIGHBOUR} of {name}", NEIGHBOUR)]
        if room > 1:
            return pair
        if not name.startswith(NEIGHBOUR):
            self._names.insert(0, f"{NEIGHBOUR} of {name}")
            return pair[:1]
        return [lease(name, NEIGHBOUR)]

    def report(self, reports: Sequence[Report]) -> Mapping[str, str]:
        json.dumps([report.to_json() for report in reports], allow_nan=False)
        return {}

    def commit(self, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            told = outcome.to_json()
            told["traceback"] = len(outcome.traceback or "")
            told["curve"] = {n: points for n, points in list(outcome.curve.items())[:5]}
            told["scalars"] = None
            told["metrics"] = dict(list(outcome.metrics.items())[:200])
            self._say(event="ended", name=outcome.trial_id, outcome=told)

    def _say(self, **line: Any) -> None:
        os.write(self._out, json.dumps(line).encode() + b"\n")

    def _around(self) -> tuple[set[int], set[int]]:
        serving = {each.ident for each in threading.enumerate() if type(each).__module__.startswith("tqdm.")}
        return set(leftovers._children()), sys._current_frames().keys() - serving

    def _left(self) -> dict[str, int]:
        now = self._around()
        return {"processes": len(now[0] - self._before[0]), "threads": len(now[1] - self._before[1])}


def lease(trial_id: str, does: str) -> Lease:
    """A trial that does this, or waits for what one before may have left for later."""
    wait_s = 0.3 if does == NEIGHBOUR and ("alarm" in trial_id or "later" in trial_id) else 0.0
    return Lease(trial_id=trial_id, settings={"does": does, "wait_s": wait_s}, seed=7)


def serve(names: Sequence[str], out: int, way: str, folder: Path) -> NoReturn:
    """Be a slot for these cases, and end as a slot does."""
    os.setpgid(0, 0)
    leftovers.mark()
    signal.signal(signal.SIGTERM, _end)
    source = Written(names, out, 2 if way == "packed" else 1)
    trainable = "hostile-routine" if way == "packed" else "hostile"
    tally = run_trainer(
        source,
        trainable=trainable,
        device="cpu",
        threads=1,
        datasets_dir=folder,
        pack=2 if way == "packed" else 1,
    )
    source._say(event="over", spoiled=tally.spoiled)
    if tally.spoiled:
        leftovers.end_with_main_thread(0.05)
    # As the interpreter ends: by waiting for threads that are none's to end.
    threading._shutdown()  # type: ignore[attr-defined]
    os._exit(0)


def _end(*_: object) -> NoReturn:
    raise SystemExit("the process is told to end")


def main(out: Path, way: str, folder: Path, names: Sequence[str]) -> None:
    """Slots until all cases have been begun."""
    waiting = list(names)
    run_trainer(
        Written([NEIGHBOUR], os.open(os.devnull, os.O_WRONLY), 1),
        trainable="hostile",
        device="cpu",
        threads=1,
        datasets_dir=folder,
        pack=1,
    )
    with out.open("ab") as file:
        while waiting:
            begun = _one_slot(waiting, file.fileno(), way, folder, out)
            waiting = waiting[begun:]


def _one_slot(waiting: Sequence[str], out: int, way: str, folder: Path, path: Path) -> int:
    """One slot's life; how many cases it has begun."""
    start = path.stat().st_size
    slot = os.fork()
    if slot == 0:
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        serve(waiting, out, way, folder)
    status = _watch(slot, path, start)
    lines = [json.loads(line) for line in path.read_bytes()[start:].splitlines()]
    begun = [each["name"] for each in lines if each["event"] == "begun"]
    own = [name for name in begun if name in waiting]
    try:
        os.killpg(slot, signal.SIGKILL)  # as Ray does with the group of a dead worker
    except ProcessLookupError:
        pass
    strays = leftovers.end_strays()
    time.sleep(0.02)
    left = sum(leftovers._variable(p).startswith(f"{slot}.") for p in os.listdir("/proc") if p.isdecimal())
    over = any(each["event"] == "over" for each in lines)
    line = {
        "event": "slot",
        "name": begun[-1],
        "status": status,
        "over": over,
        "left": left,
        "strays": strays,
    }
    os.write(out, json.dumps(line).encode() + b"\n")
    return max(1, len(own))


def _watch(slot: int, path: Path, start: int) -> int:
    """Until the slot has ended; one that says nothing is killed, as a watchdog does."""
    said, at = start, time.monotonic()
    while True:
        pid, status = os.waitpid(slot, os.WNOHANG)
        if pid:
            return status
        size = path.stat().st_size
        if size != said:
            said, at = size, time.monotonic()
        if time.monotonic() - at > (HANG_S if _hangs(path) else SILENT_S):
            os.kill(slot, signal.SIGKILL)
        time.sleep(0.02)


def _hangs(path: Path) -> bool:
    """Whether the case that was begun last is one that hangs."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 300))
        *_, last = [b"{}", *file.read().splitlines()]
    event = json.loads(last) if last.startswith(b'{"event": "begun"') else {}
    return bool(event) and event["name"] in CASES and CASES[event["name"]].ends == "hangs"


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), json.loads(sys.stdin.read()))

"""Randomised schedules over one real system, each a study of 60 trials in a project of its own.

`python -m tests.chaos.run [--schedules 10] [--seed 1] [--folder DIR] [--database postgresql] [--proxied]
[--small-disk]` prints a line a schedule and ends with an error where a promise was broken; what is promised
stands in tests/promises. With the same numbers and means a schedule is the same in every process.
"""

import argparse
import re
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.chaos.disk import small_disk
from tests.chaos.schedule import Step, draw
from tests.chaos.shown import RealShown
from tests.chaos.users import Users
from tests.chaos.victim import Victim
from tests.postgres import find_binaries, postgres
from tests.promises.checker import check
from tests.promises.found import Found, FoundStudy, Promises
from tests.promises.reading import read, settled

STUDY: dict[str, Any] = {
    "name": "chaos",
    "trainable": "mlp-classifier",
    "factors": {"scalars": ["none", "per_layer"], "depth": [2, 4, 6]},
    "baseline": {"scalars": "none"},
    "fixed": {"dataset": "digits-5k", "width": 64, "epochs": 30, "batch_size": 128, "lr": 1e-3},
    "seeds": 10,
    "metric": "test_accuracy",
}
# What may differ: times, attempts, provenance.
_PROVENANCE = re.compile(r"\n## Provenance.*", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A schedule: what was found after it, what users had been told, what was done, and how long it took."""

    found: Found
    promises: Promises
    said: Sequence[str]
    seconds: float


def run_schedule(victim: Victim, number: int, steps: Sequence[Step], epochs: int = 30) -> Ended:
    """Submit, strike, wait until nothing is left to do, read."""
    ledger, began = victim.ledger(), time.monotonic()
    try:
        with victim.client(number) as client:
            fixed = {**STUDY["fixed"], "epochs": epochs}
            users = Users(client, number, {**STUDY, "fixed": fixed})
            users.submit()
            said: list[str] = []
            over = threading.Event()
            striker = threading.Thread(target=_strike, args=(victim, users, steps, over, said))
            striker.start()

            def rests() -> bool:
                with ledger.read() as tx:
                    return settled(tx, f"p{number}")

            try:
                users.wait(rests)
                over.set()
                striker.join()
                # What was struck last may have taken the publisher along.
                users.wait(rests)
            except TimeoutError:
                users.give_up()
                raise
            finally:
                over.set()
                striker.join()
        shown = RealShown(victim.mlflow_url)
        with ledger.read() as tx:
            found = read(tx, shown, project=f"p{number}")
        shown.close()
    finally:
        ledger.close()
    return Ended(found=found, promises=users.promises, said=said, seconds=time.monotonic() - began)


def _strike(
    victim: Victim, users: Users, steps: Sequence[Step], over: threading.Event, said: list[str]
) -> None:
    for step in steps:
        if over.wait(step.after_s):
            return
        try:
            said.append(users.do(step.target) if step.blow == "verb" else victim.hit(step))
        except Exception as error:
            said.append(f"{step}: {error!r}")


class Undisturbed:
    """The same study left alone: what every other must be like, but for times, attempts and provenance."""

    def __init__(self, alone: Ended) -> None:
        (self._study,) = alone.found.studies
        self._results = {
            _key(trial["settings"], trial["seed"]): (trial["state"], trial["metrics"]["test_accuracy"])
            for trial in self._study.trials
        }

    def expected(self, settings: Mapping[str, Any], seed: int) -> tuple[str, float | None] | None:
        """How this trial ended, if the study had it."""
        return self._results.get(_key(settings, seed))

    def answers(self, one: FoundStudy) -> Iterator[str]:
        """Effects and report of the same question are the same."""
        if one.study["spec"] != self._study.study["spec"]:
            return
        assert one.answer is not None and self._study.answer is not None
        if one.state != "done" or any(trial["state"] != "done" for trial in one.trials):
            yield f"study: it is {one.state}, trials are {sorted({t['state'] for t in one.trials})}"
        if one.answer.effects != self._study.answer.effects:
            yield "build: the effects differ"
        if _comparable(one) != _comparable(self._study):
            yield "build: the report differs"

    def faults(self, ended: Ended) -> list[str]:
        """Every promise that this schedule broke."""
        return check(ended.found, ended.promises, expected=self.expected, answers=self.answers)


def _key(settings: Mapping[str, Any], seed: int) -> str:
    return repr((sorted(settings.items()), seed))


def _comparable(one: FoundStudy) -> str:
    assert one.answer is not None
    return _PROVENANCE.sub("", one.answer.reports["md"]).replace(one.id, "ID")


@contextmanager
def standing(
    folder: Path, keys: range, *, database: str = "sqlite", proxied: bool = False, small: bool = False
) -> Iterator[Victim]:
    """A system to be struck, with what it stands on. Raises: AssertionError where processes are left."""
    with ExitStack() as stack:
        data_dir, url = folder / "data", None
        if small:
            stack.enter_context(small_disk(data_dir))
        if database == "postgresql":
            binaries = find_binaries()
            assert binaries is not None, "there is no PostgreSQL here"
            url = stack.enter_context(postgres(binaries))
        victim = Victim(data_dir, keys, postgresql=url, proxied=proxied, small_disk=small)
        try:
            yield victim
        finally:
            left = victim.end()
        assert not left, f"processes are left: {left}"


def main() -> None:
    """Run the schedules of consecutive seeds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--schedules", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--proxied", action="store_true")
    parser.add_argument("--small-disk", action="store_true")
    asked = parser.parse_args()
    folder = asked.folder or Path(tempfile.mkdtemp(prefix="chaos-"))
    seeds = range(asked.seed, asked.seed + asked.schedules)
    where = {"database": asked.database, "proxied": asked.proxied, "small": asked.small_disk}
    num_broken = 0
    with standing(folder, range(asked.seed - 1, seeds.stop), **where) as victim:
        alone = run_schedule(victim, asked.seed - 1, [], asked.epochs)
        undisturbed = Undisturbed(alone)
        print(f"alone: {alone.seconds:.0f} s, {'; '.join(undisturbed.faults(alone)) or 'kept'}", flush=True)
        for seed in seeds:
            began = time.monotonic()
            try:
                ended = run_schedule(victim, seed, draw(seed, asked.steps, victim.means), asked.epochs)
                wrong, said = undisturbed.faults(ended), ended.said
            except Exception as error:
                wrong, said = [repr(error)], []
            num_broken += bool(wrong)
            took = f"{time.strftime('%H:%M:%S')} seed {seed}: {time.monotonic() - began:.0f} s"
            word = f"BROKEN {wrong}" if wrong else "kept"
            print(f"{took}, {len(said)} blows, {word}; {'; '.join(said)}", flush=True)
    print(f"{num_broken} of {len(seeds)} schedules broke a promise", flush=True)
    sys.exit(1 if num_broken else 0)


if __name__ == "__main__":
    main()

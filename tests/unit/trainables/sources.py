"""A source of leases from a list, and settings by their defaults."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ablations.manifest import applies
from trainables.catalogue import load_catalogue
from trainables.packs.trainer import run_trainer
from trainables.training.lease import Lease, Outcome, Report
from trainables.training.tally import StepTally

# Metrics of time and memory, which differ from run to run.
COSTLY = {m.name for m in load_catalogue().manifest("mlp-classifier").metrics if m.costly}


class ListSource:
    """Hands out leases in order and keeps what comes back; `stop` says which reports end a trial."""

    def __init__(self, leases: Sequence[Lease], stop: Callable[[Report], str | None] | None = None) -> None:
        self.queue = list(leases)
        self.reports: list[Report] = []
        self.outcomes: dict[str, Outcome] = {}
        self.rooms: list[int] = []
        self._stop = stop
        self.tally = StepTally()

    def draw(self, room: int) -> Sequence[Lease]:
        self.rooms.append(room)
        drawn, self.queue = self.queue[:room], self.queue[room:]
        return drawn

    def report(self, reports: Sequence[Report]) -> Mapping[str, str]:
        self.reports += reports
        answers = {r.trial_id: self._stop(r) for r in reports} if self._stop else {}
        return {trial_id: why for trial_id, why in answers.items() if why is not None}

    def commit(self, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            assert outcome.trial_id not in self.outcomes, "committed twice"
            self.outcomes[outcome.trial_id] = outcome


def resolved(**changes: Any) -> dict[str, Any]:
    """Settings of a small `mlp-classifier`, without what does not apply."""
    manifest = load_catalogue().manifest("mlp-classifier")
    values = {setting.name: setting.default for setting in manifest.settings}
    values |= {"width": 16, "epochs": 2, "batch_size": 250, "depth": 2, "lr": 1e-2, **changes}
    applying: dict[str, object] = {}
    for setting in manifest.in_order():
        if applies(setting, values, applying):
            applying[setting.name] = values[setting.name]
    return {name: values[name] for name in applying}


def settings_of(trainable: str, folder: Path, **changes: Any) -> dict[str, Any]:
    """Settings of any trainable by their defaults and these changes, without what does not apply."""
    manifest = load_catalogue(folder).manifest(trainable)
    values = {setting.name: setting.default for setting in manifest.settings} | changes
    applying: dict[str, object] = {}
    for setting in manifest.in_order():
        if applies(setting, values, applying):
            applying[setting.name] = values[setting.name]
    return {name: values[name] for name in applying}


def stripes(folder: Path) -> None:
    """Sixty-six grey images of three classes to train on, and twenty-four for tests."""
    rng = np.random.default_rng(0)
    y = np.arange(90) % 3
    x = rng.integers(0, 90, (90, 8, 8)) + 50 * (np.arange(8) // 3 == y[:, None])[:, None, :]
    x = x.astype(np.uint8)
    np.savez(folder / "stripes.npz", x_train=x[:66], y_train=y[:66], x_test=x[66:], y_test=y[66:])


def lease(trial_id: str, *, seed: int = 0, readings: tuple[Any, ...] = (), **changes: Any) -> Lease:
    """A lease on a small `mlp-classifier`."""
    return Lease(trial_id=trial_id, settings=resolved(**changes), seed=seed, readings=readings)


def train(
    leases: Sequence[Lease],
    datasets_dir: Path,
    *,
    pack: int | Literal["auto"] = 1,
    threads: int = 1,
    trainable: str = "mlp-classifier",
    stop: Callable[[Report], str | None] | None = None,
    sizes: dict[str, int] | None = None,
) -> ListSource:
    """Everything trained; the source with what came back."""
    source = ListSource(leases, stop)
    source.tally = run_trainer(
        source,
        trainable=trainable,
        device="cpu",
        threads=threads,
        datasets_dir=datasets_dir,
        pack=pack,
        sizes=sizes,
    )
    return source


def numbers(outcome: Outcome) -> dict[str, Any]:
    """All of an outcome that must not depend on packmates."""
    data = outcome.to_json()
    metrics = {k: v for k, v in outcome.metrics.items() if k not in COSTLY}
    return {**{k: data[k] for k in ("state", "curve", "scalars", "reason")}, "metrics": metrics}

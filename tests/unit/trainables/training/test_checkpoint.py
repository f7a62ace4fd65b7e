"""A training that was killed and goes on ends as one that was not, to the bit."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.golden.losses import cases, resolved, write_data
from tests.unit.trainables.parts import worker_for
from tests.unit.trainables.sources import ListSource, lease, numbers
from trainables.errors import BadCheckpoint
from trainables.packs.trainer import run_trainer
from trainables.training.checkpoint import Checkpoints
from trainables.training.lease import Lease, Outcome, Report
from trainables.training.run import Run, train_one

NAMES = (
    "mlp shared",
    "mlp per_layer",
    "resnet20 shared",
    "vgg11 per_layer",
    "torchvision/squeezenet1_1 per_layer",
    "gpt dynactglu",
)


class Killed(Exception):
    """The worker is gone."""


class Mortal(ListSource):
    """A source that dies with the report behind these."""

    def __init__(self, leases: Sequence[Lease], after: int = 2) -> None:
        super().__init__(leases)
        self._after = after

    def report(self, reports: Sequence[Report]) -> Mapping[str, str]:
        if len(self.reports) == self._after:
            raise Killed
        return super().report(reports)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("golden")
    write_data(place)
    return place


def run(name: str, source: ListSource, folder: Path, checkpoints: Checkpoints | None) -> Outcome | None:
    run_trainer(
        source,
        trainable=cases()[name][0],
        device="cpu",
        threads=1,
        datasets_dir=folder,
        pack=1,
        checkpoints=checkpoints,
    )
    return source.outcomes["t"]


@pytest.mark.parametrize("name", NAMES)
def test_a_killed_training_goes_on_as_if_nothing_had_been(name: str, folder: Path, tmp_path: Path) -> None:
    trainable, changes = cases()[name]
    # A perceptron reports nothing before its first epoch, nor after its last.
    changes = {**changes, **({} if "gpt" in name else {"epochs": 4 if "mlp" in name else 3})}
    lease = Lease(
        trial_id="t",
        settings=resolved(trainable, changes),
        seed=1,
        fingerprint="f",
        readings=(2, "best_validation"),
    )
    whole = run(name, ListSource([lease]), folder, None)
    checkpoints = Checkpoints(folder=tmp_path / "kept", every_s=0.0)
    with pytest.raises(Killed):
        run(name, Mortal([lease]), folder, checkpoints)
    assert {path.name for path in (tmp_path / "kept").iterdir()} <= {"t-f.pt", "t-f.pt.before"}
    again = ListSource([lease])
    resumed = run(name, again, folder, checkpoints)
    assert whole is not None and resumed is not None and whole.state == "done", whole and whole.traceback
    assert numbers(resumed) == numbers(whole)
    assert again.reports[0].step > 1, "it began again"
    assert not list((tmp_path / "kept").iterdir())


@pytest.mark.parametrize("width", [16, 144])  # compiled steps, and those that are calls of torch
def test_a_killed_pack_goes_on_with_every_member(width: int, folder: Path, tmp_path: Path) -> None:
    own: dict[str, Any] = {"dataset": "golden", "epochs": 4, "batch_size": 16, "width": width, "dropout": 0.2}
    leases = [
        lease(str(seed), seed=seed, readings=("best_validation",), depth=seed + 1, optimizer=optimizer, **own)
        for seed, optimizer in enumerate(("adam", "sgd", "adamw"))
    ]

    def trained(source: ListSource, checkpoints: Checkpoints | None) -> dict[str, Any]:
        run_trainer(
            source,
            trainable="mlp-classifier",
            device="cpu",
            threads=1,
            datasets_dir=folder,
            pack=3,
            checkpoints=checkpoints,
        )
        return {name: numbers(outcome) for name, outcome in source.outcomes.items()}

    checkpoints = Checkpoints(folder=tmp_path / "kept", every_s=0.0)
    with pytest.raises(Killed):
        trained(Mortal(leases, after=6), checkpoints)
    again = ListSource(leases)
    assert trained(again, checkpoints) == trained(ListSource(leases), None)
    assert min(report.step for report in again.reports) == 3, "it began again"
    assert not list((tmp_path / "kept").iterdir())


def test_users_code_restores_what_it_kept_and_its_curve_goes_on(tmp_path: Path) -> None:
    def train(run: Run) -> Mapping[str, float]:
        state: dict[str, Any] = run.restore() or {"step": 0}
        for step in range(state["step"] + 1, 6):
            run.report(step, loss=1.0 / step)
            run.checkpoint({"step": step})
        return {"started_at": float(state["step"])}

    lease, kept = Lease(trial_id="t", settings={}, seed=0), Checkpoints(folder=tmp_path)
    with pytest.raises(Killed):
        train_one(train, lease, Mortal([lease]), worker_for(tmp_path, kept))
    outcome = train_one(train, lease, ListSource([lease]), worker_for(tmp_path, kept))
    assert outcome.metrics["started_at"] == 2
    assert [step for step, _ in outcome.curve["loss"]] == [1, 2, 3, 4, 5]


def test_another_fingerprint_starts_anew(tmp_path: Path) -> None:
    kept = Checkpoints(folder=tmp_path)
    kept.save(lease_of("a"), {"x": 1})
    assert kept.load(lease_of("b"), "cpu") is None


def lease_of(fingerprint: str) -> Lease:
    return Lease(trial_id="t", settings={}, seed=0, fingerprint=fingerprint)


@pytest.mark.parametrize(
    "damage", [lambda b: b[:-9], lambda b: b[:20], lambda _: b"", lambda b: b[:-1] + b"?"]
)
def test_a_damaged_checkpoint_is_passed_over(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    kept, mine = Checkpoints(folder=tmp_path), lease_of("a")
    kept.save(mine, {"x": torch.ones(40)})
    newest = tmp_path / "t-a.pt"
    newest.write_bytes(damage(newest.read_bytes()))
    assert kept.load(mine, "cpu") is None, "there is no other"
    newest.unlink()
    for value in (1.0, 2.0, 3.0):
        kept.save(mine, {"x": value})
    assert kept.load(mine, "cpu") == {"x": 3.0}
    newest.write_bytes(damage(newest.read_bytes()))
    assert kept.load(mine, "cpu") == {"x": 2.0}
    kept.drop(mine)
    assert not list(tmp_path.iterdir())


def test_a_save_that_is_broken_off_leaves_the_one_before(tmp_path: Path) -> None:
    kept, mine = Checkpoints(folder=tmp_path), lease_of("a")
    kept.save(mine, {"x": 1.0})
    (tmp_path / "t-a.pt").replace(tmp_path / "t-a.pt.before")  # between the two renames
    (tmp_path / ".t-a.pt.99").write_bytes(b"half")
    assert kept.load(mine, "cpu") == {"x": 1.0}
    kept.drop(mine)
    assert not list(tmp_path.iterdir())


def test_a_state_that_is_more_than_plain_data_is_named(tmp_path: Path) -> None:
    kept, mine = Checkpoints(folder=tmp_path), lease_of("a")
    kept.save(mine, {"x": Path("/")})
    with pytest.raises(BadCheckpoint, match="t-a.pt"):
        kept.load(mine, "cpu")

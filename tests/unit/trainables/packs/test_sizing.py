"""The size of a pack: what is measured, what that may cost, what is remembered, what is wasted."""

from pathlib import Path

import pytest
import torch

from tests.unit.trainables.parts import epochs_for, member_for
from tests.unit.trainables.sources import lease, numbers, train
from trainables.activations.fused.activation import COMPILED
from trainables.data.tensors import to_device
from trainables.data.vision import load
from trainables.packs.sizing import (
    SHARE,
    STEPS_MEASURED,
    fastest_size,
    largest_size,
    memory_budget,
    num_measured,
    tensor_bytes,
)
from trainables.perceptrons.layout import RowLayout
from trainables.training.lease import Report

# Layers that have no compiled steps.
WIDE = 144


@pytest.mark.parametrize(
    ("seconds", "fastest"),
    [
        ({16: 1.0, 1: 4.0}, 16),
        ({16: 4.0, 1: 1.0, 4: 2.0}, 1),
        ({16: 4.0, 1: 2.0, 4: 1.0}, 4),
        # Too close to call by the two ends.
        ({16: 1.9, 1: 2.0, 4: 1.8}, 4),
    ],
)
def test_the_fastest_size_is_taken(seconds: dict[int, float], fastest: int) -> None:
    """A size that is not listed is not looked at: it would raise."""
    assert fastest_size(16, lambda size: seconds[size]) == fastest


@pytest.mark.parametrize("steps", [1, 28, 168, 10_000])
@pytest.mark.parametrize("num", [2, 5, 16])
def test_measuring_takes_a_small_share_of_the_steps(num: int, steps: int) -> None:
    measured = num_measured(num, steps)
    assert measured <= num and measured * STEPS_MEASURED <= SHARE * num * steps


def test_members_that_do_not_fit_are_not_packed() -> None:
    assert largest_size(100, 10**6) == 16
    assert largest_size(100, 900) == 4
    assert largest_size(100, 10) == 1
    assert 2**20 < memory_budget("cpu", 1) <= memory_budget("cpu", 2)


def test_memory_is_counted_once_and_grows_with_depth(datasets_dir: Path) -> None:
    base = torch.zeros(100)
    assert tensor_bytes([base, base[:10], {"view": base.view(10, 10)}]) == 400
    data = to_device(load("digits-5k", datasets_dir), "cpu")
    taken = []
    layout = RowLayout(inputs=data.inputs, width=16, num_classes=data.num_classes)
    for depth in (1, 8):
        pack = epochs_for(layout, data, batch_size=250)
        pack.place([member_for(lease("a", depth=depth), layout, num_images=1000)])
        taken.append(tensor_bytes(*pack.buffers))
    weights = 4 * layout.length(1)
    # Weights and Adam's two moments, and, where steps are not compiled, gradients and a batch.
    assert 3 * weights <= taken[0] < taken[1] < 100 * weights


def test_what_one_worker_measured_another_does_not_measure_again(datasets_dir: Path) -> None:
    leases = [lease(str(i), seed=i, epochs=30, width=WIDE) for i in range(4)]
    sizes: dict[str, int] = {}
    first = train(leases, datasets_dir, pack="auto", sizes=sizes)
    assert len(sizes) == 1 and first.tally.wasted > 0
    (name,) = sizes
    sizes[name] = 2
    second = train(leases, datasets_dir, pack="auto", sizes=sizes)
    assert second.tally.wasted == 0
    assert {outcome.pack for outcome in second.outcomes.values()} == {2}
    assert {k: numbers(v) for k, v in first.outcomes.items()} == {
        k: numbers(v) for k, v in second.outcomes.items()
    }


def test_short_trainings_are_packed_by_the_size_of_their_layers(datasets_dir: Path) -> None:
    for batch_size, packed in ((50, 4), (500, 1)):
        leases = [lease(str(i), seed=i, epochs=1, batch_size=batch_size, width=WIDE) for i in range(4)]
        source = train(leases, datasets_dir, pack="auto")
        assert source.tally.steps == 4 * 3500 // batch_size and source.tally.wasted == 0
        assert {outcome.pack for outcome in source.outcomes.values()} == {packed}


@pytest.mark.skipif(not COMPILED, reason="no compiled steps on this machine")
def test_compiled_steps_are_packed_without_measuring(datasets_dir: Path) -> None:
    leases = [lease(str(i), seed=i) for i in range(16)]
    source = train(leases, datasets_dir, pack="auto")
    assert source.tally.wasted == 0 and max(source.rooms) == 16
    assert {outcome.pack for outcome in source.outcomes.values()} == {16}


def test_a_trial_that_waits_alone_is_not_packed_and_teaches_nothing(datasets_dir: Path) -> None:
    sizes: dict[str, int] = {}
    source = train([lease("a", width=WIDE)], datasets_dir, pack="auto", sizes=sizes)
    assert source.outcomes["a"].state == "done" and source.outcomes["a"].pack == 1
    assert not sizes and source.tally.wasted == 0


def test_a_pack_that_memory_cannot_hold_fails_in_words(datasets_dir: Path) -> None:
    leases = [lease(str(i), width=2**16, depth=75) for i in range(2)]
    source = train(leases, datasets_dir, pack=2)
    for outcome in source.outcomes.values():
        assert outcome.state == "failed" and outcome.reason is not None
        assert "pack_too_large: 2 of these trials need at least" in outcome.reason
        assert "ask for a smaller pack" in outcome.reason
    assert len(source.outcomes) == 2


def test_early_stopping_wastes_few_steps(datasets_dir: Path) -> None:
    """Half of the trials are stopped at their second report, one diverges; the places are refilled."""
    epochs, per_epoch = 12, 14
    leases = [lease(str(i), seed=i, depth=1 + i % 3, epochs=epochs) for i in range(31)]
    leases.append(lease("wild", optimizer="sgd", lr=1e6, epochs=epochs))

    def stop(report: Report) -> str | None:
        return "pruned" if report.step == 2 and report.trial_id in map(str, range(0, 31, 2)) else None

    source = train(leases, datasets_dir, pack="auto", stop=stop)
    states = [outcome.state for outcome in source.outcomes.values()]
    assert states.count("pruned") == 16 and states.count("done") == 15 and states.count("diverged") == 1
    assert 0 < source.tally.wasted <= 0.1 * source.tally.steps
    # Every other step belongs to a result: no trial was trained beyond what it reported.
    reported = sum(outcome.curve["train_loss"][-1][0] for outcome in source.outcomes.values())
    diverged = source.outcomes["wild"]
    lost = per_epoch - int(str(diverged.reason).split(" at step ")[1].split(",")[0])
    measured = source.tally.wasted - lost
    assert source.tally.steps == reported * per_epoch + measured

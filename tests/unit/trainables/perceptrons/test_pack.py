"""A member of a pack equals itself alone, bit for bit, whatever its packmates and their fate."""

from pathlib import Path

import pytest

from tests.unit.trainables.sources import lease, numbers, train

MIXED = [
    lease("static", seed=0, depth=1, base="relu"),
    lease("mish", seed=1, depth=3, base="mish", scalars="per_layer", dropout=0.2),
    lease("shared", seed=1, depth=3, base="gelu", scalars="shared", optimizer="sgd", lr=0.1, momentum=0.9),
    lease("channel", seed=2, depth=4, base="mish", scalars="per_channel", optimizer="adamw"),
    lease("decayed", seed=2, depth=4, base="mish", scalars="per_channel", weight_decay=0.1),
    lease("clipped", seed=3, depth=2, base="silu", clip_norm=0.1, weight_init="he", epochs=3),
    lease("frozen", seed=3, depth=2, base="relu", scalars="per_layer", beta_init=0.5, train_scalars=False),
    lease("cosine", seed=3, depth=2, schedule="cosine", warmup=0.5, scalars="per_layer", scalar_lr=0.1),
    lease("cycle", seed=3, depth=3, schedule="one_cycle", optimizer="sgd", lr=0.1, epochs=3),
    lease(
        "smooth",
        seed=3,
        base="mish",
        scalars="shared",
        optimizer="adamw",
        weight_decay=0.1,
        decay_scalars=True,
        label_smoothing=0.1,
    ),
    lease("wild", seed=4, depth=2, base="relu", optimizer="sgd", lr=1e6),
]


@pytest.fixture(scope="module")
def alone(datasets_dir: Path) -> dict[str, object]:
    """Every trial trained in a pack of its own."""
    outcomes = train(MIXED, datasets_dir, pack=1).outcomes
    assert {outcome.pack for outcome in outcomes.values()} == {1}
    return {name: numbers(outcome) for name, outcome in outcomes.items()}


@pytest.mark.parametrize("pack", [2, 3, 8])
def test_members_equal_themselves_alone(alone: dict[str, object], datasets_dir: Path, pack: int) -> None:
    """Packs of 2 and 3 are refilled as members end; all of them hold a member that diverges."""
    source = train(MIXED, datasets_dir, pack=pack)
    assert {name: numbers(outcome) for name, outcome in source.outcomes.items()} == alone
    assert source.outcomes["wild"].state == "diverged" and "loss was" in str(source.outcomes["wild"].reason)
    assert max(outcome.pack for outcome in source.outcomes.values()) == pack


def test_order_of_drawing_does_not_matter(alone: dict[str, object], datasets_dir: Path) -> None:
    source = train(MIXED[::-1], datasets_dir, pack=4)
    assert {name: numbers(outcome) for name, outcome in source.outcomes.items()} == alone


def test_a_stopped_member_harms_nobody_and_its_place_is_refilled(
    alone: dict[str, object], datasets_dir: Path
) -> None:
    source = train(MIXED, datasets_dir, pack=5, stop=lambda r: "pruned" if r.trial_id == "mish" else None)
    stopped = source.outcomes["mish"]
    assert stopped.state == "pruned" and stopped.curve["train_loss"][-1][0] == 1
    assert "test_accuracy" not in stopped.metrics and "val_accuracy" in stopped.metrics
    others = {name: numbers(outcome) for name, outcome in source.outcomes.items() if name != "mish"}
    assert others == {name: value for name, value in alone.items() if name != "mish"}


@pytest.mark.parametrize(
    ("width", "batch_size", "base"), [(33, 100, "mish"), (10, 37, "gelu"), (7, 999, "silu")]
)
def test_odd_shapes_are_equal_too(datasets_dir: Path, width: int, batch_size: int, base: str) -> None:
    """Widths and batches that no vector register divides, with a part batch at the end of the epoch."""
    leases = [
        lease(
            str(i),
            seed=i,
            width=width,
            batch_size=batch_size,
            base=base,
            epochs=1,
            depth=1 + i % 3,
            scalars=kind,
        )
        for i, kind in enumerate(["none", "per_layer", "shared", "per_channel", "none"])
    ]
    apart, packed = train(leases, datasets_dir, pack=1), train(leases, datasets_dir, pack=5)
    assert {k: numbers(v) for k, v in apart.outcomes.items()} == {
        k: numbers(v) for k, v in packed.outcomes.items()
    }


def test_two_threads_are_equal_too(datasets_dir: Path) -> None:
    leases = [
        lease(str(i), seed=i, width=64, batch_size=1750, base="mish", epochs=1, scalars="per_layer", depth=1)
        for i in range(3)
    ]
    apart, packed = (train(leases, datasets_dir, pack=pack, threads=2).outcomes for pack in (1, 3))
    assert {k: numbers(v) for k, v in apart.items()} == {k: numbers(v) for k, v in packed.items()}


def test_frozen_one_and_zero_train_like_the_static_base(datasets_dir: Path) -> None:
    static = lease("static", base="mish", depth=3)
    frozen = lease("frozen", base="mish", depth=3, scalars="per_layer", train_scalars=False)
    outcomes = train([static, frozen], datasets_dir, pack=2).outcomes
    assert outcomes["static"].curve == outcomes["frozen"].curve
    assert outcomes["frozen"].scalars == {
        "steps": [0, 1, 2],
        "alpha": [[1.0] * 3] * 3,
        "beta": [[0.0] * 3] * 3,
    }


def test_groups_that_cannot_share_a_pack_are_trained_one_after_the_other(datasets_dir: Path) -> None:
    leases = [lease(f"{width}-{i}", seed=i, width=width, epochs=1) for i in range(2) for width in (8, 16)]
    source = train(leases, datasets_dir, pack=4)
    assert {outcome.state for outcome in source.outcomes.values()} == {"done"}
    assert {outcome.pack for outcome in source.outcomes.values()} == {2}


def test_seeds_differ_and_seeds_repeat(datasets_dir: Path) -> None:
    first, again, other = (
        train([lease("a", seed=seed, dropout=0.3)], datasets_dir).outcomes["a"] for seed in (5, 5, 6)
    )
    assert numbers(first) == numbers(again) != numbers(other)


def test_auto_changes_nothing_but_the_size(alone: dict[str, object], datasets_dir: Path) -> None:
    source = train(MIXED, datasets_dir, pack="auto")
    assert {name: numbers(outcome) for name, outcome in source.outcomes.items()} == alone
    assert {outcome.pack for outcome in source.outcomes.values()} <= set(range(1, len(MIXED) + 1))

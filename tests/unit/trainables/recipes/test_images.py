"""Image classifiers train through the same door as every trial, and refuse what cannot be."""

from pathlib import Path

import pytest
import torch
import torchvision

from ablations.plan.compile import compile_design
from ablations.study.parsing import parse_study
from tests.unit.trainables.parts import optimizer_for, sites_for
from tests.unit.trainables.sources import COSTLY, ListSource
from trainables.catalogue import load_catalogue
from trainables.data.augment import augment
from trainables.models.images import BUILDS
from trainables.models.init import draw_weights
from trainables.models.torchvision_names import TORCHVISION
from trainables.packs.trainer import run_trainer
from trainables.training.descent import initialise, scalar_parameters
from trainables.training.lease import Lease, Outcome
from trainables.training.schedules import factor

FIXED = {"dataset": "digits-5k", "epochs": 1, "batch_size": 256, "width": 4, "base": "mish"}


def run(factors: dict[str, list[object]], fixed: dict[str, object], folder: Path) -> list[Outcome]:
    study = parse_study(
        {
            "name": "images",
            "trainable": "image-classifier",
            "factors": factors,
            "fixed": {**FIXED, **fixed},
            "seeds": 1,
        }
    )
    design = compile_design(study, load_catalogue(folder).manifest("image-classifier"))
    leases = [Lease(trial_id=arm.label, settings=arm.settings, seed=0) for arm in design.arms]
    source = ListSource(leases)
    run_trainer(source, trainable="image-classifier", device="cpu", threads=1, datasets_dir=folder, pack=1)
    return [source.outcomes[lease.trial_id] for lease in leases]


@pytest.mark.slow
def test_own_models_train_and_keep_their_scalars(tmp_path: Path) -> None:
    outcomes = run(
        {"model": ["cnn", "attention_cnn"], "scalars": ["none", "shared", "per_layer"]}, {}, tmp_path
    )
    assert [o.state for o in outcomes] == ["done"] * 6, [o.traceback for o in outcomes]
    for outcome in outcomes:
        assert 0.05 < (outcome.metrics["test_accuracy"] or 0) <= 1
        assert [step for step, _ in outcome.curve["val_loss"]] == [0, 1]
        assert (outcome.scalars is None) == ("scalars=none" in outcome.trial_id)


def test_the_same_trial_gives_the_same_numbers(tmp_path: Path) -> None:
    first, second = (run({"model": ["cnn"]}, {"blocks": 1}, tmp_path)[0] for _ in range(2))
    metrics = [{k: v for k, v in o.metrics.items() if k not in COSTLY} for o in (first, second)]
    assert metrics[0] == metrics[1] and first.curve == second.curve


def test_a_network_that_is_too_large_for_the_images_fails_with_the_reason(tmp_path: Path) -> None:
    (outcome,) = run({"model": ["torchvision/densenet121"]}, {}, tmp_path)
    assert outcome.state == "failed" and "28x28 pixels" in (outcome.reason or "")


def test_every_name_of_torchvision_is_known() -> None:
    assert set(TORCHVISION) == set(torchvision.models.list_models(module=torchvision.models))


@pytest.mark.parametrize("name", sorted(BUILDS))
def test_layers_of_one_name_start_alike_in_static_and_dynamic_networks(name: str) -> None:
    networks = []
    for scalars in ("none", "per_layer"):
        network = BUILDS[name](
            (3, 32, 32), 10, sites_for({"base": "relu", "scalars": scalars}), {"width": 8, "heads": 4}
        )
        initialise(network, seed=3)
        networks.append(network)
    static, dynamic = networks
    weights = dict(dynamic.named_parameters())
    assert all(torch.equal(value, weights[key]) for key, value in static.named_parameters())
    x = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(static.eval()(x), dynamic.eval()(x), rtol=0, atol=0)


def test_weight_decay_spares_the_scalars_which_learn_at_their_own_rate() -> None:
    network = BUILDS["cnn"](
        (1, 28, 28), 10, sites_for({"base": "relu", "scalars": "per_layer"}), {"width": 4}
    )
    settings = {"optimizer": "adamw", "lr": 0.1, "weight_decay": 0.5, "scalar_lr": 0.01}
    weights, scalars = optimizer_for(network, settings).param_groups
    assert (weights["weight_decay"], scalars["weight_decay"]) == (0.5, 0.0)
    assert (weights["lr"], scalars["lr"]) == (0.1, 0.01)
    assert len(scalars["params"]) == len(scalar_parameters(network)) == 12
    decayed = optimizer_for(network, {**settings, "decay_scalars": True}).param_groups[1]
    assert decayed["weight_decay"] == 0.5


def test_augmentation_comes_from_its_stream_and_keeps_what_it_shows() -> None:
    images = torch.arange(2 * 3 * 8 * 8, dtype=torch.float32).view(2, 3, 8, 8) + 1
    moved = [augment(images, "crop_flip", torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)]
    assert torch.equal(moved[0], moved[1]) and not torch.equal(moved[0], moved[2])
    assert set(moved[0].unique().tolist()) <= set(images.unique().tolist()) | {0.0}
    assert augment(images, "none", torch.Generator()) is images
    flipped = augment(images.expand(2, 3, 8, 8), "flip", torch.Generator().manual_seed(0))
    assert all(torch.equal(a, b) or torch.equal(a, b.flip(2)) for a, b in zip(flipped, images, strict=True))


@pytest.mark.parametrize("how, wanted", [("he", 2 / 72), ("xavier", 2 / 144), ("orthogonal", 1 / 72)])
def test_weights_are_drawn_as_asked_and_alike_in_every_arm(how: str, wanted: float) -> None:
    drawn = []
    for scalars in ("none", "per_layer"):
        network = BUILDS["cnn"](
            (1, 28, 28), 10, sites_for({"base": "relu", "scalars": scalars}), {"width": 8}
        )
        draw_weights(network, 0, how)  # type: ignore[arg-type]
        drawn.append(network.features[3].weight.detach())  # 8 channels to 8, 3x3
    assert torch.equal(*drawn)
    assert float(drawn[0].var()) == pytest.approx(wanted, rel=0.3)
    assert not network.head.bias.any()


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_mixed_precision_trains_close_to_full(precision: str, tmp_path: Path) -> None:
    settings = {"blocks": 1, "weight_init": "he", "clip_norm": 1.0}
    full, mixed = (
        run({"model": ["cnn"]}, {**settings, "precision": name}, tmp_path)[0]
        for name in ("float32", precision)
    )
    assert mixed.state == "done", mixed.traceback
    assert mixed.metrics["train_loss"] == pytest.approx(full.metrics["train_loss"], rel=0.02)
    assert mixed.metrics["train_loss"] != full.metrics["train_loss"]


def test_schedules_end_where_they_should() -> None:
    cosine, cycle = (factor(kind, num_steps=100) for kind in ("cosine", "one_cycle"))
    assert cosine(0) == 1.0 and cosine(99) < 0.001
    assert cycle(0) == pytest.approx(1 / 25) and max(map(cycle, range(100))) == pytest.approx(1, abs=1e-2)
    assert factor("constant", num_steps=10, warmup=5)(4) == 1.0

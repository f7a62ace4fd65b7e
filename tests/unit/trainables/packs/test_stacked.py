"""Steps taken together differ from those taken alone about as much as rows in another order do."""

from collections.abc import Sequence

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.unit.trainables.parts import descent_for, language_network, sites_for
from trainables.models.images import BUILDS
from trainables.packs.mapped import stacking_key, train_together
from trainables.training.descent import initialise
from trainables.training.steps import Steps

NUM_STEPS, ROWS = 4, 8
SETTINGS = {"optimizer": "sgd", "momentum": 0.9, "weight_decay": 1e-3, "clip_norm": 1.0, "schedule": "cosine"}
SHAPES = {
    "cnn": {"width": 4, "blocks": 1},
    "attention_cnn": {"width": 2, "blocks": 1, "heads": 2},
    "resnet20": {"width": 2},
    "vit": {"width": 8, "blocks": 1, "heads": 2},
    "gpt": {"width": 8, "blocks": 1, "heads": 2, "hidden": 0, "glu": "dynactglu", "match": "none"},
}


def steps_of(model: str, seed: int, base: str, kind: str, *, order: Sequence[int] = range(ROWS)) -> Steps:
    """A fresh training; `order` is that of the rows of its batches."""
    sites = sites_for({"base": base, "scalars": kind})
    if model == "gpt":
        network: nn.Module = language_network({**SHAPES[model]}, 16, sites)
    else:
        network = BUILDS[model]((1, 8, 8), 10, sites, SHAPES[model])
    initialise(network, seed)

    def batch(index: int) -> tuple[Tensor, Tensor]:
        draw = torch.Generator().manual_seed(1000 * seed + index)
        if model == "gpt":
            tokens = torch.randint(0, 16, (ROWS, 9), generator=draw)[order]
            return tokens[:, :-1], tokens[:, 1:]
        x = torch.randn(ROWS, 1, 8, 8, generator=draw)[order]
        return x, torch.randint(0, 10, (ROWS,), generator=draw)[order]

    settings = {**SETTINGS, "lr": 0.05 * (seed + 1)}
    return Steps(
        network=network,
        descent=descent_for(network, settings, num_steps=NUM_STEPS, warmup=0),
        num=NUM_STEPS,
        batch=batch,
        objective=lambda apply, x, y: F.cross_entropy(apply(x).flatten(0, -2), y.flatten()),
        key=model,
    )


def distance(one: Steps, other: Steps) -> float:
    """The largest difference of any parameter or buffer, relative to the largest value there."""
    pairs = zip(one.network.state_dict().items(), other.network.state_dict().values(), strict=True)
    return max(
        float((a.double() - b.double()).abs().max() / a.double().abs().max().clamp(min=1e-3))
        for (_, a), b in pairs
    )


@pytest.mark.parametrize("kind", ["none", "shared", "per_layer", "per_channel"])
@pytest.mark.parametrize("model", SHAPES)
def test_as_close_as_rows_in_other_orders(model: str, kind: str) -> None:
    """Seeds, rates and base functions differ in the stack; ten times the worst permutation is allowed."""
    members = list(enumerate(["mish", "gelu", "tanh"]))
    stacked = [steps_of(model, seed, base, kind) for seed, base in members]
    assert len({stacking_key(steps) for steps in stacked}) == 1
    losses = train_together(stacked)
    bound = 1e-6
    turned = []
    for (seed, base), together, own in zip(members, stacked, losses, strict=True):
        alone = steps_of(model, seed, base, kind)
        assert torch.allclose(torch.stack(alone.train()), torch.stack(own), rtol=1e-4)
        for draw in range(6):
            order = torch.randperm(ROWS, generator=torch.Generator().manual_seed(draw)).tolist()
            permuted = steps_of(model, seed, base, kind, order=order)
            permuted.train()
            bound = max(bound, distance(alone, permuted))
        turned.append(distance(alone, together))
    assert max(turned) <= 10 * bound, f"{max(turned):.2g} stacked, {bound:.2g} in other orders"


def test_a_member_that_diverges_stays_by_itself() -> None:
    calm, wild, alone = (steps_of("cnn", seed, "relu", "per_layer") for seed in (0, 1, 0))
    for parameter in wild.network.parameters():
        nn.init.constant_(parameter, torch.nan)
    _, losses = train_together([calm, wild])
    assert not torch.stack(losses).isfinite().any()
    alone.train()
    assert distance(alone, calm) < 1e-4


def test_what_cannot_be_taken_together_has_another_key() -> None:
    static, dynamic = steps_of("cnn", 0, "relu", "none"), steps_of("cnn", 0, "relu", "per_layer")
    frozen = steps_of("cnn", 0, "relu", "per_layer")
    for parameter in frozen.network.parameters():
        parameter.requires_grad_(False)
    assert len({stacking_key(steps) for steps in (static, dynamic, frozen)}) == 3

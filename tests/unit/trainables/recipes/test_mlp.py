"""The stacked network against the plain module and autograd; weights by name."""

import itertools

import pytest
import torch
import torch.nn.functional as F

from trainables.activations.bases import BASES
from trainables.models.init import draw_linear
from trainables.perceptrons.layout import RowLayout
from trainables.perceptrons.passes import Network, logits
from trainables.perceptrons.stack import Stack, padded_rows, sort_key
from trainables.perceptrons.state import MemberState, Shape, initial_state, to_module

LAYOUT = RowLayout(inputs=12, width=6, num_classes=4)
SHAPES = sorted(
    (
        Shape(depth=1, base=BASES["relu"]),
        Shape(depth=3, base=BASES["relu"], scalars="shared"),
        Shape(depth=3, base=BASES["mish"], scalars="per_layer"),
        Shape(depth=2, base=BASES["gelu"], scalars="per_channel"),
        Shape(depth=5, base=BASES["relu"], scalars="per_layer"),
        Shape(depth=2, base=BASES["squared_relu"]),
    ),
    key=sort_key,
)


def states_of(shapes: list[Shape]) -> list[MemberState]:
    return [
        initial_state(LAYOUT, shape, seed=seed, how="he", alpha_init=0.9, beta_init=0.2)
        for seed, shape in enumerate(shapes)
    ]


def gradients(shape: Shape, state: MemberState, x: torch.Tensor, y: torch.Tensor) -> dict[str, torch.Tensor]:
    """Loss and gradients of the plain module."""
    model = to_module(LAYOUT, shape, state)
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    return {"loss": loss.detach()} | {name: p.grad for name, p in model.named_parameters()}


def close(got: torch.Tensor, want: torch.Tensor) -> None:
    torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-5)


def test_every_member_has_the_loss_and_gradients_of_its_plain_module() -> None:
    states = states_of(SHAPES)
    num = len(SHAPES)
    x, y = torch.randn(num, 10, 12), torch.randint(4, (num, 10))
    want = [gradients(*each) for each in zip(SHAPES, states, x, y, strict=True)]
    stack = Stack(LAYOUT, SHAPES, states)
    network = Network(stack, 10)
    network.x[:, :10] = x
    labels = torch.zeros(num, network.rows, dtype=torch.int64)
    labels[:, :10] = y
    losses = network.loss(labels, torch.eye(4)[labels])
    for index, (shape, expected) in enumerate(zip(SHAPES, want, strict=True)):
        torch.testing.assert_close(losses[index], expected["loss"], rtol=1e-5, atol=1e-6)
        row, scalars = stack.grads(index)
        for name, block in [
            ("head", LAYOUT.head),
            *((f"layers.{i}", LAYOUT.layer(i)) for i in range(shape.depth)),
        ]:
            torch.testing.assert_close(
                block.weight(row[None])[0].t(), expected[f"{name}.weight"], rtol=1e-4, atol=1e-6
            )
            torch.testing.assert_close(
                block.bias(row[None])[0, 0], expected[f"{name}.bias"], rtol=1e-4, atol=1e-6
            )
        for layer in range(shape.num_scalars):
            for part, letter in enumerate(("alpha", "beta")):
                got = scalars[layer, part].reshape(expected[f"activations.{layer}.scalars.{letter}"].shape)
                torch.testing.assert_close(
                    got, expected[f"activations.{layer}.scalars.{letter}"], rtol=1e-4, atol=1e-6
                )


def test_logits_are_those_of_the_plain_modules() -> None:
    states = states_of(SHAPES)
    x = torch.randn(9, 12)
    want = torch.stack([to_module(LAYOUT, *each)(x) for each in zip(SHAPES, states, strict=True)])
    close(logits(Stack(LAYOUT, SHAPES, states), x), want.detach())


@pytest.mark.parametrize("how", ["torch", "he", "xavier", "orthogonal"])
def test_init_is_keyed_by_seed_and_name_and_not_by_depth(how: str) -> None:
    shallow, deep = (
        to_module(LAYOUT, shape, initial_state(LAYOUT, shape, seed=3, how=how)).state_dict()
        for shape in (
            Shape(depth=2, base=BASES["relu"]),
            Shape(depth=7, base=BASES["mish"], scalars="shared"),
        )
    )
    for name, value in shallow.items():
        assert torch.equal(value, deep[name]), name
    assert not torch.equal(deep["layers.1.weight"], deep["layers.2.weight"])
    other = initial_state(LAYOUT, Shape(depth=2, base=BASES["relu"]), seed=4, how=how)
    assert not torch.equal(
        other.weights, initial_state(LAYOUT, Shape(depth=2, base=BASES["relu"]), seed=3, how=how).weights
    )


def test_inits_have_the_spread_they_promise() -> None:
    drawn = {
        how: draw_linear(0, "x", inputs=400, outputs=300, how=how)
        for how in ("torch", "he", "xavier", "orthogonal")
    }
    assert drawn["torch"][0].abs().max() <= 1 / 20 and drawn["torch"][1].abs().max() > 0.04
    assert float(drawn["he"][0].std()) == pytest.approx((2 / 400) ** 0.5, rel=0.02)
    assert float(drawn["xavier"][0].std()) == pytest.approx((2 / 700) ** 0.5, rel=0.02)
    weight = drawn["orthogonal"][0]
    torch.testing.assert_close(weight @ weight.t(), torch.eye(300), rtol=0, atol=1e-5)
    assert all(not drawn[how][1].any() for how in ("he", "xavier", "orthogonal"))


def test_rows_of_shallow_members_are_prefixes() -> None:
    lengths = [LAYOUT.length(depth) for depth in range(1, 5)]
    assert all(a < b for a, b in itertools.pairwise(lengths))
    assert all(LAYOUT.layer(i).start % 16 == 0 for i in range(4))


@pytest.mark.parametrize(("width", "threads"), [(64, 1), (33, 1), (10, 2), (7, 3), (128, 4)])
def test_padded_rows_fill_whole_chunks_in_every_thread(width: int, threads: int) -> None:
    rows = padded_rows(100, width, threads)
    assert rows >= 100
    assert all((rows * width) % (32 * count) == 0 for count in range(1, threads + 1))

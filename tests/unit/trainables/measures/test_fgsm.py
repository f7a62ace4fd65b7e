"""The attack against a model whose answer is known by hand, and its bounds on any."""

import pytest
import torch
from torch import nn

from trainables.measures.fgsm import fgsm, pgd, robustness


def linear_model() -> nn.Linear:
    model = nn.Linear(4, 3, bias=False).double()
    with torch.no_grad():
        model.weight.copy_(torch.randn(3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64))
    return model


def test_the_step_of_a_linear_model_is_known() -> None:
    model = linear_model()
    x = torch.full((5, 4), 0.5, dtype=torch.float64)
    y = torch.tensor([0, 1, 2, 0, 1])
    probabilities = model(x).softmax(1)
    wanted = (probabilities - torch.eye(3, dtype=torch.float64)[y]) @ model.weight
    moved = fgsm(model, x, y, 0.08)
    torch.testing.assert_close(moved, x + 0.08 * wanted.sign(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("attack", [fgsm, pgd])
def test_an_attack_stays_inside_its_ball_and_the_pixel_range(attack: object) -> None:
    x = torch.rand(32, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    y = torch.arange(32) % 3
    moved = attack(linear_model(), x, y, 0.3)  # type: ignore[operator]
    assert float((moved - x).abs().max()) <= 0.3 + 1e-12
    assert float(moved.min()) >= 0 and float(moved.max()) <= 1


def test_pgd_finds_at_least_the_loss_of_one_step_on_a_linear_model() -> None:
    model, loss = linear_model(), nn.CrossEntropyLoss(reduction="none")
    x = torch.full((6, 4), 0.5, dtype=torch.float64)
    y = torch.arange(6) % 3
    once, many = (loss(model(a(model, x, y, 0.1)), y) for a in (fgsm, pgd))
    assert bool((many >= once - 1e-9).all())


def test_the_batch_size_changes_nothing_and_gradients_are_left_alone() -> None:
    model = linear_model()
    x = torch.rand(50, 4, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    y = model(x).argmax(1)
    readings = {robustness(model, x, y, 0.1, batch_size=size) for size in (1, 7, 50)}
    assert len(readings) == 1
    (reading,) = readings
    assert reading.clean == 1.0 and reading.robust < 1.0
    assert reading.drop == pytest.approx(reading.relative_drop)
    assert model.weight.grad is None


def test_no_attack_at_epsilon_zero_and_refusal_outside_the_range() -> None:
    model = linear_model()
    x, y = torch.rand(8, 4, dtype=torch.float64), torch.zeros(8, dtype=torch.long)
    assert torch.equal(fgsm(model, x, y, 0.0), x)
    for epsilon in (-0.1, 1.1):
        with pytest.raises(ValueError, match="epsilon"):
            fgsm(model, x, y, epsilon)


def convolutional() -> nn.Module:
    """A small network in float64 that standardises its pixels itself."""
    torch.manual_seed(3)
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.SiLU(), nn.AvgPool2d(4), nn.Flatten(), nn.Linear(32, 5)
    )
    return network.double().eval()


MEAN, STD = torch.tensor([0.49, 0.48, 0.45]).double(), torch.tensor([0.25, 0.24, 0.26]).double()


def standardised(pixels: torch.Tensor) -> torch.Tensor:
    return (pixels - MEAN.view(-1, 1, 1)) / STD.view(-1, 1, 1)


def images() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(4)
    return torch.rand(16, 3, 8, 8, generator=generator).double(), torch.arange(16) % 5


def by_hand(network: nn.Module, pixels: torch.Tensor, labels: torch.Tensor, epsilon: float) -> torch.Tensor:
    """FGSM in the space of standardised images, one at a time, with epsilon divided by the deviation."""
    moved = []
    for image, label in zip(standardised(pixels), labels, strict=True):
        leaf = image.clone().requires_grad_(True)
        (-network(leaf[None]).log_softmax(1)[0, label]).backward()
        assert leaf.grad is not None
        step = leaf.detach() + epsilon / STD.view(-1, 1, 1) * leaf.grad.sign()
        moved.append(step * STD.view(-1, 1, 1) + MEAN.view(-1, 1, 1))
    return torch.stack(moved).clamp(0, 1)


@pytest.mark.parametrize("epsilon", [0.01, 0.08, 0.3])
def test_epsilon_is_in_pixels_whatever_the_standardisation(epsilon: float) -> None:
    network = convolutional()
    pixels, labels = images()
    moved = fgsm(lambda x: network(standardised(x)), pixels, labels, epsilon)
    torch.testing.assert_close(moved, by_hand(network, pixels, labels, epsilon), rtol=0, atol=1e-6)


@pytest.mark.parametrize("epsilon", [0.01, 0.08, 0.3])
def test_torchattacks_moves_images_alike(epsilon: float) -> None:
    """Runs where torchattacks is; it pins an old requests, so nothing here installs it."""
    torchattacks = pytest.importorskip("torchattacks", reason="pip install --no-deps torchattacks")
    network = convolutional()
    pixels, labels = images()

    class Standardising(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.network(standardised(x))  # type: ignore[no-any-return]

    model = Standardising().eval()
    wanted = torchattacks.FGSM(model, eps=epsilon)(pixels, labels)
    torch.testing.assert_close(fgsm(model, pixels, labels, epsilon), wanted, rtol=0, atol=1e-6)
    attack = torchattacks.PGD(model, eps=epsilon, alpha=epsilon / 4, steps=5, random_start=False)
    ours = pgd(model, pixels, labels, epsilon, step=epsilon / 4, num_steps=5)
    torch.testing.assert_close(ours, attack(pixels, labels), rtol=0, atol=1e-6)

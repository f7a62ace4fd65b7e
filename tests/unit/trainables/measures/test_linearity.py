"""Linearity at its ends, where the answer is known."""

import pytest
import torch

from trainables.measures.linearity import linearity, scalar_linearity


def test_the_ends() -> None:
    x = torch.randn(10_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    base = x.relu()
    static = linearity(x, base, alpha=1.0, beta=0.0)
    linear = linearity(x, base, alpha=0.7, beta=0.7)
    assert static.linear_share == 0.0
    # corr(x, relu(x))^2 of a standard normal is (1/2)^2 / (1/2 - 1/(2 pi)); 10,000 draws, 5 standard errors.
    assert static.straightness == pytest.approx(0.25 / (0.5 - 1 / (2 * torch.pi)), abs=0.02)
    assert linear.linear_share == 1.0 and linear.straightness == pytest.approx(1.0)


def test_a_base_that_never_bends_is_straight_but_has_no_linear_path() -> None:
    x = torch.linspace(1, 2, 100, dtype=torch.float64)
    reading = linearity(x, x.relu(), alpha=1.0, beta=0.0)
    assert reading.linear_share == 0.0 and reading.straightness == pytest.approx(1.0)


def test_channels_have_scalars_of_their_own() -> None:
    x = torch.randn(64, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    beta = torch.tensor([0.5, 0.0], dtype=torch.float64)
    both = linearity(x, x.relu(), alpha=beta, beta=beta)
    assert both.linear_share == 1.0


def test_a_dead_layer_has_an_answer() -> None:
    zeros = torch.zeros(10)
    reading = linearity(zeros, zeros, alpha=1.0, beta=0.0)
    assert (reading.linear_share, reading.straightness) == (0.0, 1.0)
    assert scalar_linearity(0.0, 0.0) == 1.0

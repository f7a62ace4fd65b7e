"""The polynomials that GELU looks up: fitted as they are written, and each lane by itself."""

import numpy as np
import pytest
import torch
from scipy import special

from trainables.activations.fused import fit as fused_fit
from trainables.activations.fused import table as fused_table
from trainables.activations.fused.activation import base_act

BEYOND = -fused_table.BOUND - 0.5


def test_the_table_is_what_the_fit_gives() -> None:
    # Last digits are the linear algebra library's.
    np.testing.assert_allclose(np.array(fused_fit.table()), np.array(fused_table.GELU), rtol=1e-3, atol=1e-12)
    assert (fused_fit.BOUND, fused_fit.CURVE, fused_fit.LINE) == (
        fused_table.BOUND,
        fused_table.CURVE,
        fused_table.LINE,
    )


def test_every_polynomial_is_near_the_tail_of_gelu() -> None:
    for place, (centre, *coefficients) in enumerate(np.array(fused_table.GELU, np.float32).astype(float)):
        ends = fused_fit.edge(max(place - 0.5, 0)), fused_fit.edge(place + 0.5)
        a = np.linspace(*ends, 2001)[1:]
        got = np.polynomial.polynomial.polyval(a - centre, coefficients)
        np.testing.assert_allclose(got, a * special.ndtr(-a), rtol=2.0**-25)  # half a unit at most
        if place:
            assert np.float32(special.ndtr(-centre) * centre) == coefficients[0]


@pytest.mark.parametrize("lane", [0, 7, 15, 16, 36])
def test_a_value_beyond_the_table_leaves_its_neighbours_bits_alone(lane: int) -> None:
    x = torch.linspace(-6, 6, 37)
    alone = base_act(x, "gelu")
    x[lane] = BEYOND
    y = base_act(x, "gelu")
    others = torch.arange(37) != lane
    assert torch.equal(y[others], alone[others])
    assert torch.equal(y[lane], base_act(torch.full((5,), BEYOND), "gelu")[3])

"""Stacked trainings stay as close to those alone as ones whose batches hold their rows in another order."""

from pathlib import Path

import pytest
import torch

from tests.benchmarks.equality import apart, equivalence, leases_of, outcomes, precision
from tests.unit.trainables.sources import stripes
from trainables.training.numerics import set_numerics

# How much more one order may be off than the worst of ten others.
FACTOR = 3.0
SMALL = {"dataset": "stripes", "batch_size": 5, "width": 4, "blocks": 1, "lr": 1e-2}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stripes")
    stripes(folder)
    set_numerics("cpu", 1)
    return folder


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_differences_are_those_of_another_order_of_rows(folder: Path, dtype: torch.dtype) -> None:
    with precision(dtype):
        rows = apart(leases_of(6, folder, **SMALL, epochs=1), folder, (1, 3, 10))
    for row in rows:
        stacked, permuted = row["stacked"]["weights"], row["permuted"]["weights"]
        for which in ("largest", "median"):
            assert stacked[which] <= FACTOR * max(permuted[which]["max"], torch.finfo(dtype).eps), row
    assert rows[0]["permuted"]["weights"]["largest"]["min"] > 0


def test_final_accuracies_are_close(folder: Path) -> None:
    """A few seeds show no equivalence, but a stacked training that went elsewhere would show."""
    leases = leases_of(6, folder, **SMALL, epochs=2)
    alone, stacked = (outcomes(leases, folder, way) for way in ("alone", "stacked"))
    for trial, outcome in alone.items():
        assert stacked[trial].metrics["test_loss"] == pytest.approx(outcome.metrics["test_loss"], rel=2e-3)


def test_the_equivalence_tests_agree() -> None:
    draw = torch.Generator().manual_seed(0)
    alone = torch.rand(30, generator=draw, dtype=torch.float64).numpy()
    noise = torch.randn(30, generator=draw, dtype=torch.float64).numpy()
    near, far = equivalence(alone + 0.003 * noise, alone), equivalence(alone + 0.004 + 0.003 * noise, alone)
    assert near["equivalent"] and not far["equivalent"]
    for found in (near, far):
        assert found["p_tost"] == pytest.approx(found["p_tost_statsmodels"], rel=1e-6)

"""Schedules of the simulated control plane keep every promise, and a seed is a schedule."""

import os
import re
import subprocess
import sys

import pytest

from tests.simulation.world import run_seed
from tests.thorough import tries

NUM, CHUNK = tries(120, 10_000), 20
"""`make simulate` runs as many as it is told, on every core."""


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, NUM, CHUNK))
def test_whatever_happens_every_promise_is_kept(first: int) -> None:
    failing = {seed: run_seed(seed).violations for seed in range(first, first + CHUNK)}
    assert not {seed: wrong for seed, wrong in failing.items() if wrong}


def test_a_seed_takes_the_same_steps_in_a_fresh_process() -> None:
    """Though Python orders sets of words otherwise there."""
    here = run_seed(11)
    command = [sys.executable, "-m", "tests.simulation", "--seed", "11", "--steps", "0"]
    for hash_seed in ("1", "2"):
        env = {**os.environ, "PYTHONHASHSEED": hash_seed}
        told = subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout
        found = re.search(r"(\d+) steps, .* digest (\w+)", told)
        assert found is not None
        assert (int(found[1]), found[2]) == (here.num_steps, f"{here.digest:08x}")

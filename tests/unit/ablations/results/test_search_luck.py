"""The luck of a search: two equal arms, tuned once or once for each seed, judged by the paired t-test."""

import numpy as np
from jaxtyping import Float

from ablations.stats.paired import paired_t

STUDIES, SEEDS, CANDIDATES = 4000, 5, 8
NOISE = 0.5  # of one training, where candidates differ by 1


def _tuned(rng: np.random.Generator, *shape: int) -> Float[np.ndarray, "..."]:
    """How good the candidate is that a search takes for the best."""
    good = rng.normal(size=(*shape, CANDIDATES))
    seen = good + NOISE * rng.normal(size=good.shape)
    return np.take_along_axis(good, seen.argmax(-1)[..., None], -1)[..., 0]


def _error_rate(*, repeats: int) -> float:
    """How often equal arms are called different at 0.05."""
    rng = np.random.default_rng(0)
    arms = []
    for _ in range(2):
        best = np.broadcast_to(_tuned(rng, STUDIES, repeats), (STUDIES, SEEDS))
        arms.append(best + NOISE * rng.normal(size=(STUDIES, SEEDS)))
    return float((paired_t(arms[0] - arms[1]).p < 0.05).mean())


def test_one_search_finds_differences_that_a_search_for_each_seed_does_not() -> None:
    once, own = _error_rate(repeats=1), _error_rate(repeats=SEEDS)
    assert 0.41 < once < 0.47  # luck taken for an effect
    assert 0.042 < own < 0.058

"""Many schedules on several processes."""

import gc
import multiprocessing
from collections.abc import Iterator


def run_seeds(seeds: range, processes: int) -> Iterator[tuple[int, int, float, tuple[str, ...]]]:
    """Run these seeds side by side: seed, steps, virtual seconds and violations of each."""
    if processes == 1:
        prepare()
        yield from map(_one, seeds)
        return
    spawn = multiprocessing.get_context("spawn")
    with spawn.Pool(processes, initializer=prepare) as pool:
        yield from pool.imap(_one, seeds, chunksize=max(1, min(50, len(seeds) // (4 * processes))))


def prepare() -> None:
    """Make a process ready for many schedules."""
    import tests.simulation.world  # noqa: F401

    # Nothing that is there by now ever goes; only what schedules make is looked through.
    gc.freeze()
    gc.set_threshold(50_000, 50, 50)


def _one(seed: int) -> tuple[int, int, float, tuple[str, ...]]:
    from tests.simulation.world import run_seed

    ran = run_seed(seed)
    return ran.seed, ran.num_steps, ran.virtual_s, ran.violations

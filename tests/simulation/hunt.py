"""`python -m tests.simulation.hunt [NUM] [--first SEED]`: which schedule shows each planted bug.

What it prints is for FOUND_BY. A few schedules of every bug in turn: easily found ones are not waited for.
"""

import argparse
from itertools import count

from tests.simulation.mutations import FOUND_BY, MUTATIONS, Mutation
from tests.simulation.running import prepare
from tests.simulation.world import run_seed

TURN = 8


def first_shown(bug: Mutation, seeds: range) -> tuple[int, str] | None:
    """The first of these schedules that shows a bug and is well without it, and what it says."""
    for seed in seeds:
        with bug.planted():
            violations = run_seed(seed).violations
        if violations and not run_seed(seed).violations:
            return seed, violations[0]
    return None


def main() -> None:
    """Hunt for the bugs that no schedule is noted for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("num", nargs="?", type=int, default=1000, help="how many schedules for each bug")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--all", action="store_true", help="those that one is noted for as well")
    asked = parser.parse_args()
    prepare()
    left = [bug for bug in MUTATIONS if asked.all or bug.name not in FOUND_BY]
    for turn in count():
        start, stop = asked.first + turn * TURN, asked.first + min(asked.num, (turn + 1) * TURN)
        if start >= stop or not left:
            break
        for bug in list(left):
            if found := first_shown(bug, range(start, stop)):
                left.remove(bug)
                print(f'    "{bug.name}": {found[0]},  # {found[1][:120]}', flush=True)
    for bug in left:
        print(f"not within {asked.num}: {bug.name}", flush=True)


if __name__ == "__main__":
    main()

"""`python -m tests.simulation [NUM] [--first SEED] [--processes N]`, or `--seed SEED` to replay one."""

import argparse
import os
import sys
import time

from tests.simulation.running import run_seeds


def main() -> int:
    """Run schedules; 1 if one of them violates something."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("num", nargs="?", type=int, default=1000, help="how many schedules")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seed", type=int, help="replay this one and show its last steps")
    parser.add_argument("--steps", type=int, default=80, help="how many steps to show")
    parser.add_argument("--most", type=int, default=20, help="stop after so many failing seeds")
    args = parser.parse_args()
    return replay(args.seed, args.steps) if args.seed is not None else run_many(args)


def replay(seed: int, num_steps: int) -> int:
    """One seed, with its conditions and its last steps."""
    from tests.simulation.conditions import draw_conditions
    from tests.simulation.world import run_seed

    ran = run_seed(seed, traced=True)
    print(draw_conditions(seed))
    print("\n".join(ran.trace[-num_steps:]))
    print(f"seed {seed}: {ran.num_steps} steps, {ran.virtual_s:.0f} virtual seconds, digest {ran.digest:08x}")
    print("\n".join(ran.violations) or "all is well")
    return 1 if ran.violations else 0


def run_many(args: argparse.Namespace) -> int:
    """Many seeds on several processes."""
    began = time.monotonic()
    failing = steps = done = 0
    virtual_s = 0.0
    seeds = range(args.first, args.first + args.num)
    for seed, num_steps, lasted_s, violations in run_seeds(seeds, args.processes):
        done, steps, virtual_s = done + 1, steps + num_steps, virtual_s + lasted_s
        if violations:
            failing += 1
            print(
                f"seed {seed}: {violations[0]}"
                + (f" (and {len(violations) - 1} more)" if violations[1:] else "")
            )
            sys.stdout.flush()
            if failing >= args.most:
                break
    took_s = time.monotonic() - began
    print(
        f"{done} schedules in {took_s:.0f} s on {args.processes} processes"
        f" ({1000 * took_s * args.processes / max(done, 1):.0f} ms each):"
        f" {steps} steps, {virtual_s / 3600:.1f} virtual hours, {failing} failing"
    )
    return 1 if failing else 0


if __name__ == "__main__":
    raise SystemExit(main())

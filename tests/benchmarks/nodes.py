"""10,000 no-op trials over 16 logical nodes: rate, the driver's CPU and memory, and what comes next.

`python -m tests.benchmarks.nodes [--nodes 16] [--trials 10000]`

Every node is a raylet of its own with one CPU, all on this machine, so they share its cores: the rate is a
lower bound. API and ledger (SQLite) are real.

At 1,000 nodes, on paper: trials of a minute in packs of 16 end at 270 a second. Leases and results of all of
them pass one dispenser actor and one API process, which is the first bound (`outlook` compares the measured
rate). Reports are one call a pack and epoch: 500 a second at two-second epochs, a quarter of the 2,000 to
8,700 calls a second that Ray publishes for one actor. Slots that end every quantum of a minute are 17 new
actors a second, which Tune's own bookkeeping of about 9 ms a trial bears (15 % of the driver), but 1,000
first slots at once take it 9 s, and every one of them imports torch. The order of work: results of
several packs in one commit, a longer quantum where nobody waits, then a dispenser for each group of nodes.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from tests.benchmarks.control_plane import PACK, measure
from tests.benchmarks.record import write
from tests.integration.nodes import nodes

MANY = 1000  # nodes, on paper


def outlook(found: dict[str, Any]) -> dict[str, Any]:
    """What the measured costs say of many nodes, one slot each, that train trials of a minute in packs of 16.

    Everything that a trial costs the control plane passes through one driver, its dispenser actor and one
    API process, so their time a trial bounds the rate of the whole study.
    """
    wanted = MANY * 16 / 60
    possible = 1000 / found["ms_a_trial"]
    driver = found["trials"] / found["driver_cpu_s"]
    return {
        "nodes": MANY,
        "trials_a_second_wanted": wanted,
        "trials_a_second_measured": possible,
        "trials_a_second_by_driver_cpu": driver,
        "enough": possible >= wanted,
    }


def main() -> None:
    """Measure and write the record."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--nodes", type=int, default=16)
    parser.add_argument("--trials", type=int, default=10_000)
    options = parser.parse_args()
    with nodes([{"CPU": 1}] * options.nodes) as cluster, tempfile.TemporaryDirectory() as folder:
        found = measure(options.trials, cluster, Path(folder))
    found |= {"nodes": options.nodes, "trials_a_second": 1000 / found["ms_a_trial"]}
    found["outlook"] = outlook(found)
    print(json.dumps(found), flush=True)
    write("nodes", f"no-op trials over logical nodes of one CPU, packs of {PACK}", found)


if __name__ == "__main__":
    main()

"""What a trial costs when it does nothing: leases, reports, results and the ledger, end to end.

`python -m tests.benchmarks.control_plane 1000 10000` prints one line of JSON a size.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx

from service.auth import attempt_token
from service.ledger import attempts, migrate, open_ledger, studies
from tests.benchmarks.record import write
from tests.integration.nodes import Nodes, nodes
from tests.integration.system import free_port
from tests.ledger_samples import add_study

PACK = 64


def measure(num_trials: int, cluster: Nodes, folder: Path) -> dict[str, float]:
    """Run no-op trials over two slots, a real API and a real ledger on SQLite."""
    url = f"sqlite:///{folder / 'ledger.db'}"
    port = free_port()
    env = {
        **os.environ,
        "ABLATE_DATA_DIR": str(folder),
        "ABLATE_SECRET": "s" * 32,
        "ABLATE_PORT": str(port),
    }
    migrate(url)
    ledger = open_ledger(url)
    with ledger.write() as tx:
        study = add_study(tx, num_seeds=num_trials // 2)
        attempts.begin(tx, study.id)
    command = [sys.executable, "-m", "uvicorn", "--factory", "service.app:create_app"]
    api = subprocess.Popen([*command, f"--port={port}", "--log-level=warning"], env=env)
    try:
        address = f"http://127.0.0.1:{port}"
        _wait(f"{address}/healthz")
        token = attempt_token("s", study.id, 1)
        trials = {
            f"{study.id}-{arm}-{seed}": {} for seed in range(num_trials // 2) for arm in ("relu", "mish")
        }
        service = [address, token, study.id, 1]
        run = cluster.drive(f"noop{num_trials}", trials, pack=PACK, service=service)
        code = run.process.wait(570)
        if code:
            raise RuntimeError(run.log.read_text()[-4000:])
        told = json.loads(run.log.read_text().splitlines()[-1])
        with ledger.read() as tx:
            ended = studies.progress(tx, study.id)["done"]
            busy = _busy_s(tx, study.id)
    finally:
        api.terminate()
        api.wait(30)
        ledger.close()
    if ended != num_trials:
        raise RuntimeError(f"{ended} of {num_trials} trials ended")
    return {"trials": num_trials, **told, "ms_a_trial": 1000 * busy / num_trials, "pack": PACK}


def _busy_s(tx: object, study_id: str) -> float:
    """From the first lease to the last result, as the ledger saw them."""
    from sqlalchemy import func, select

    from service.ledger.tables import trials

    query = select(func.max(trials.c.finished_at) - func.min(trials.c.leased_at))
    return float(tx.execute(query.where(trials.c.study_id == study_id)).scalar_one())  # type: ignore[attr-defined]


def _wait(url: str) -> None:
    for _ in range(300):
        try:
            if httpx.get(url, trust_env=False).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise RuntimeError(f"{url} does not answer")


def main() -> None:
    """Measure each size given."""
    rows = []
    with nodes([{"CPU": 2}]) as cluster:
        for size in sys.argv[1:] or ["1000", "10000"]:
            with tempfile.TemporaryDirectory() as folder:
                rows.append(measure(int(size), cluster, Path(folder)))
            print(json.dumps(rows[-1]), flush=True)
    write("control_plane", "no-op trials from the first lease to the last result in the ledger", rows)


if __name__ == "__main__":
    main()

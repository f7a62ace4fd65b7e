"""The API starts light: what it loads, how long it takes, how much memory it needs."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from service.api.planning import Planner
from service.app import create_app, create_internal_app
from service.ledger import migrate
from service.settings import Settings

_HEAVY = ("torch", "ray", "mlflow", "scipy", "optuna", "matplotlib", "alembic")
_PROGRAM = f"""
import json, sys, time
started = time.perf_counter()
from service.app import create_app
create_app()
seconds = time.perf_counter() - started
heavy = [name for name in {_HEAVY} if name in sys.modules]
with open("/proc/self/status") as status:
    memory = [line.split()[1] for line in status if line.startswith("VmRSS:")]
print(json.dumps(dict(heavy=heavy, seconds=seconds, rss_kb=int(memory[0]))))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc, as Linux has it")
def test_the_api_loads_nothing_heavy_and_starts_soon(tmp_path: Path) -> None:
    migrate(f"sqlite:///{tmp_path / 'ledger.db'}")
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM],
        env={**os.environ, "ABLATE_DATA_DIR": str(tmp_path)},
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    whole = time.perf_counter() - started
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["heavy"] == []
    assert found["rss_kb"] < 200_000
    # The promise is 2 s on an idle machine; a shared one gets slack, but not without end.
    assert whole < 15, f"{whole:.1f} s in all, {found['seconds']:.1f} s of it importing"


@pytest.mark.parametrize("make, plans", [(create_app, True), (create_internal_app, False)])
def test_what_drivers_speak_with_makes_nothing_ready_for_plans(
    make: Callable[[Settings], FastAPI], plans: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = Event()
    monkeypatch.setattr(Planner, "begin", lambda _planner: begun.set())
    migrate(f"sqlite:///{tmp_path / 'ledger.db'}")
    with TestClient(make(Settings.from_env({"ABLATE_DATA_DIR": str(tmp_path)}))):
        assert begun.wait(5.0 if plans else 0.5) == plans

"""Submissions over both databases: twice at once through two processes, and with a crash in between."""

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from service.app import create_app
from service.ledger import Ledger, leasing, outbox, studies, submissions
from service.settings import Settings
from tests.unit.service.api.conftest import SMALL, STUDY, fake_logs


@pytest.fixture
def settings(url: str, ledger: Ledger, tmp_path: Path) -> Settings:
    """Settings over the ledger under test."""
    assert ledger is not None
    return Settings(data_dir=tmp_path, database_url=url, internal_url="http://127.0.0.1", secret="s")


def make_client(settings: Settings) -> TestClient:
    """A client of an application of its own, as a second API process is."""
    app = create_app(settings, catalogue=SMALL, read_job_logs=fake_logs)
    return TestClient(app, base_url="http://127.0.0.1:8000", raise_server_exceptions=False)


def test_one_key_through_two_processes_makes_one_study(settings: Settings, ledger: Ledger) -> None:
    clients = [make_client(settings) for _ in range(2)]
    for attempt in range(5):
        barrier = threading.Barrier(4)
        answers: list[Any] = []

        def submit(client: TestClient, key: str, barrier: threading.Barrier, answers: list[Any]) -> None:
            barrier.wait()
            answers.append(client.post("/v1/studies", json=STUDY, headers={"Idempotency-Key": key}))

        threads = [
            threading.Thread(target=submit, args=(client, f"key-{attempt}", barrier, answers))
            for client in clients * 2
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        codes = [answer.status_code for answer in answers]
        assert set(codes) <= {202, 409} and 202 in codes, [answer.text for answer in answers]
        assert len({answer.json()["id"] for answer in answers if answer.status_code == 202}) == 1
    with ledger.read() as tx:
        found = studies.page(tx, project="default", limit=100)
        assert len(found) == 5 and outbox.waiting(tx) == 5
        assert all(len(leasing.work(tx, study.id)) == study.num_trials == 8 for study in found)
    longer = [answer.json()["id"] for client in clients for answer in _extend_twice(client, found[0].id)]
    assert len(longer) == 4 and len(set(longer)) == 1
    for client in clients:
        client.app.state.context.ledger.close()  # type: ignore[attr-defined]


def _extend_twice(client: TestClient, study_id: str) -> list[Any]:
    path, headers = f"/v1/studies/{study_id}/extend", {"Idempotency-Key": "more"}
    return [client.post(path, json={"seeds": 9}, headers=headers) for _ in range(2)]


_CRASH = """
import os, sys
from service.ledger import open_ledger, submissions
from tests.ledger_samples import add_study
ledger = open_ledger(sys.argv[1])
with ledger.write() as tx:
    study = add_study(tx, study_id="a" * 24)
    submissions.remember(tx, "default", "key", "digest", study.id, {"id": study.id})
    if sys.argv[2] == "before":
        os.kill(os.getpid(), 9)
os.kill(os.getpid(), 9)
"""


@pytest.mark.parametrize("moment, there", [("before", False), ("after", True)])
def test_a_crash_around_the_commit_leaves_all_or_nothing(
    url: str, ledger: Ledger, moment: str, there: bool
) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", _CRASH, url, moment],
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        timeout=60,
    )
    assert killed.returncode == -9
    with ledger.write() as tx:
        found = studies.page(tx, project="default", limit=10)
        assert [study.id for study in found] == (["a" * 24] if there else [])
        assert len(leasing.work(tx, "a" * 24)) == (4 if there else 0)
        assert outbox.waiting(tx) == int(there)
        answered = submissions.answered(tx, "default", "key")
        assert answered == (("digest", {"id": "a" * 24}) if there else None)

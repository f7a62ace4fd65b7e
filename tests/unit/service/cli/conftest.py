"""A real API on a free port over a real SQLite ledger, for commands that talk to one."""

import shutil
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from sqlalchemy import update

from service.cli import main
from service.ledger import Ledger, attempts, leasing, studies, tables
from service.settings import Settings
from tests.ledger_samples import outcome
from tests.unit.service.api.conftest import STUDY, make_app


@dataclass(frozen=True, slots=True)
class Service:
    """Where it is, and its ledger."""

    url: str
    ledger: Ledger

    def submit(self, **changes: Any) -> str:
        """Submit the sample study of eight trials with some fields changed; its id."""
        answer = httpx.post(f"{self.url}/v1/studies", json={**STUDY, **changes}, timeout=60)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def end(self, study_id: str, failed: Mapping[int, str], effects: Any = None) -> None:
        """End the study with everything published; trials with these numbers failed, for these reasons."""
        with self.ledger.write() as tx:
            number = attempts.begin(tx, study_id).number
            attempts.start(tx, study_id, number)
            ids = leasing.lease(tx, study_id, number, [trial.id for trial in leasing.work(tx, study_id)])
            ends = [outcome(id, "failed" if n in failed else "done") for n, id in enumerate(ids, 1)]
            ends = [replace(end, reason=failed.get(n)) for n, end in enumerate(ends, 1)]
            leasing.commit(tx, study_id, number, ends)
            attempts.finish(tx, study_id, number, "done")
            effects = effects or {"interim": False, "contrasts": [], "exploratory": []}
            assert studies.complete(tx, study_id, state="done", effects=effects, reports={})
            tx.execute(update(tables.studies).values(published_at=tables.db_now()))


@pytest.fixture
def service(tmp_path: Path, empty_ledger: Path) -> Iterator[Service]:
    """The running API."""
    shutil.copy(empty_ledger, tmp_path / "ledger.db")
    settings = Settings(
        data_dir=tmp_path,
        database_url=f"sqlite:///{tmp_path / 'ledger.db'}",
        internal_url="http://127.0.0.1:8000",
        mlflow_url="http://127.0.0.1:5000",
        secret="s" * 64,
    )
    app = make_app(settings)
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", lifespan="off")
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield Service(f"http://127.0.0.1:{port}", app.state.context.ledger)
    server.should_exit = True
    thread.join()
    app.state.context.ledger.close()


@dataclass(frozen=True, slots=True)
class Told:
    """What a command said, and how it ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Ablate:
    """Runs commands in this process."""

    capsys: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str) -> Told:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        told = self.capsys.readouterr()
        return Told(int(ended.value.code or 0), told.out, told.err)


@pytest.fixture
def ablate(service: Service, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Ablate:
    """The command line against the running API."""
    monkeypatch.setenv("ABLATE_URL", service.url)
    return Ablate(capsys)

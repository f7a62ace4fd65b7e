"""Deleting studies over REST and from the command line."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
import typer
import uvicorn
from fastapi import FastAPI
from starlette.testclient import TestClient

from service.cli import main
from service.ledger import Ledger, steering, studies
from service.settings import Settings
from tests.mlflow_server import free_port
from tests.unit.service.api.conftest import KEYS, STUDY, make_app


@pytest.fixture
def ended(client: TestClient, ledger: Ledger) -> str:
    """A cancelled study with its last report."""
    study_id: str = client.post("/v1/studies", json=STUDY).json()["id"]
    with ledger.write() as tx:
        steering.cancel(tx, study_id)
        studies.complete(tx, study_id, state="cancelled", effects={"contrasts": []}, reports={"md": "# hi"})
    return study_id


def test_a_deleted_study_is_gone_and_says_so(client: TestClient, ended: str) -> None:
    answer = client.delete(f"/v1/studies/{ended}")
    assert answer.status_code == 200, answer.text
    gone = answer.json()
    assert gone["deleted_at"].endswith("Z")
    assert (gone["id"], gone["name"], gone["num_trials"], gone["num_reused"]) == (ended, "depth", 8, 0)
    assert client.delete(f"/v1/studies/{ended}").json() == gone
    for path in ("", "/trials", "/effects", "/report", "/figures", "/events", "/logs"):
        answer = client.get(f"/v1/studies/{ended}{path}")
        assert answer.status_code == 410 and answer.json()["type"] == "/problems/study-deleted", path
    for verb in ("cancel", "pause", "resume", "retry"):
        assert client.post(f"/v1/studies/{ended}/{verb}").status_code == 410, verb
    assert client.post(f"/v1/studies/{ended}/extend", json={"seeds": 5}).status_code == 410
    assert client.get("/v1/studies").json()["items"] == []
    assert client.get(f"/studies/{ended}").status_code == 410


def test_a_study_that_runs_must_be_cancelled_first(client: TestClient) -> None:
    study_id = client.post("/v1/studies", json=STUDY).json()["id"]
    answer = client.delete(f"/v1/studies/{study_id}")
    assert answer.status_code == 409 and answer.json()["type"] == "/problems/study-not-over"
    assert "cancel it first" in answer.json()["detail"]
    assert client.get(f"/v1/studies/{study_id}").status_code == 200
    assert client.delete("/v1/studies/nowhere").status_code == 404


def test_nobody_deletes_another_projects_study(keyed: Settings) -> None:
    app = make_app(keyed)
    client = TestClient(app, base_url="http://127.0.0.1:8000")
    mine, theirs = ({"Authorization": f"Bearer {KEYS[name]}"} for name in ("alpha", "beta"))
    study_id = client.post("/v1/studies", json=STUDY, headers=mine).json()["id"]
    client.post(f"/v1/studies/{study_id}/cancel", headers=mine)
    assert client.delete(f"/v1/studies/{study_id}", headers=theirs).status_code == 404
    assert client.delete(f"/v1/studies/{study_id}").status_code == 401
    assert client.delete(f"/v1/studies/{study_id}", headers=mine).status_code == 200
    assert client.get(f"/v1/studies/{study_id}", headers=theirs).status_code == 404
    app.state.context.ledger.close()


@pytest.fixture
def url(app: FastAPI) -> Iterator[str]:
    """The application behind a real port."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=free_port(), log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
    yield f"http://127.0.0.1:{server.config.port}"
    server.should_exit = True
    thread.join()


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    return int(ended.value.code or 0)


def test_the_command_asks_where_somebody_can_answer(
    url: str, ended: str, client: TestClient, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    assert run("delete", ended, "--url", url) == 2
    assert "--yes" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    asked: list[str] = []
    for answer, code in ((False, 2), (True, 0)):
        monkeypatch.setattr(typer, "confirm", lambda text, answer=answer, **_: asked.append(text) or answer)
        assert run("delete", ended, "--url", url) == code
        assert client.get(f"/v1/studies/{ended}").status_code == (410 if answer else 200)
    assert "depth (cancelled, 8 trials)" in asked[0]
    assert f"{ended} (depth) is deleted with 8 trials" in capsys.readouterr().out
    assert run("delete", ended, "--url", url, "--yes", "--json") == 0
    assert ended in capsys.readouterr().out

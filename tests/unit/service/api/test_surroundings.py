"""The catalogue, health, metrics, pages and the OpenAPI document."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from jsonschema import Draft202012Validator
from starlette.testclient import TestClient

from service.ledger import Ledger, leasing, studies
from service.settings import Settings
from tests.unit.service.api.conftest import STUDY, make_app


class Answering(BaseHTTPRequestHandler):
    """Stands for Ray's dashboard and MLflow: wants a token for the first."""

    def do_GET(self) -> None:
        known = self.path in ("/api/version", "/health")
        allowed = self.path != "/api/version" or self.headers["Authorization"] == "Bearer token"
        self.send_response(200 if known and allowed else 401)
        self.end_headers()

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


@contextmanager
def answering() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Answering)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_trainables_come_with_schemas(client: TestClient) -> None:
    listed = client.get("/v1/trainables").json()
    assert listed == {
        "items": [{"name": "toy", "summary": "A toy", "metrics": ["test_accuracy", "val_loss"]}],
        "next": None,
        "broken": [],
    }
    toy = client.get("/v1/trainables/toy").json()
    Draft202012Validator.check_schema(toy["settings"])
    assert toy["settings"]["properties"]["depth"]["maximum"] == 75
    assert [metric["name"] for metric in toy["metrics"]] == ["test_accuracy", "val_loss"]
    assert [item["name"] for item in client.get("/v1/datasets").json()["items"]] == ["digits-5k", "mnist"]


def test_the_process_is_live(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}


def test_readiness_names_what_is_away(settings: Settings, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("token\n")
    with answering() as url:
        whole = replace(settings, ray_dashboard_url=url, mlflow_url=url, ray_token_path=token)
        answer = TestClient(make_app(whole), base_url="http://127.0.0.1:8000").get("/readyz")
        assert (answer.status_code, answer.json()["checks"]) == (
            200,
            {"database": "ok", "ray": "ok", "mlflow": "ok"},
        )
        token.write_text("another")
        answer = TestClient(make_app(whole), base_url="http://127.0.0.1:8000").get("/readyz")
        assert answer.status_code == 503
        checks = answer.json()["checks"]
        assert checks["mlflow"] == "ok" and "401" in checks["ray"]
    answer = TestClient(make_app(whole), base_url="http://127.0.0.1:8000").get("/readyz")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"] == "ray, mlflow not ready"


def test_metrics_count_requests_and_the_ledger(client: TestClient) -> None:
    study_id = client.post("/v1/studies", json=STUDY).json()["id"]
    client.get(f"/v1/studies/{study_id}")
    client.get("/nowhere")
    text = client.get("/metrics").text
    assert 'ablate_studies{state="queued"} 1.0' in text and 'ablate_trials{state="planned"} 8.0' in text
    assert "ablate_outbox_waiting 1.0" in text
    assert 'method="GET",route="/v1/studies/{study_id}",status="200"' in text
    assert 'route="none",status="404"' in text and study_id not in text


def test_the_page_lists_studies_with_links(client: TestClient, ledger: Ledger) -> None:
    assert "No studies yet" in client.get("/").text
    study_id = client.post("/v1/studies", json=STUDY).json()["id"]
    with ledger.write() as tx:
        leasing.abandon(tx, study_id, "x")
        studies.complete(tx, study_id, state="failed", effects={}, reports={}, error="no worker came")
        studies.set_experiment(tx, study_id, "7")
    page = client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    for piece in (study_id, "depth", "failed", "no worker came", "http://mlflow.example/#/experiments/7"):
        assert piece in page.text
    assert f'href="/v1/studies/{study_id}/report?format=html"' in page.text


def test_a_study_has_a_page(client: TestClient, ledger: Ledger) -> None:
    study = client.post("/v1/studies", json={**STUDY, "name": "<b>deep</b>"}).json()
    address = f"/studies/{study['id']}"
    assert f'href="{address}"' in client.get("/").text
    page = client.get(address)
    assert page.headers["content-type"].startswith("text/html") and "<b>" not in page.text
    assert "0 of 8 trials done" in page.text and "refresh" in page.text
    row = {"of": "shared", "against": "none", "within": {"depth": 5}, "n": 3, "ratio": None}
    judged = {**row, "estimate": 0.0123, "low": 0.01, "high": 0.02, "p_adjusted": 0.0004, "verdict": "better"}
    empty = {**row, "estimate": None, "low": None, "high": None, "p_adjusted": None, "verdict": None}
    contrast = {"name": "scalars", "metric": "test_accuracy", "alpha": 0.05, "primary": True}
    with ledger.write() as tx:
        leasing.abandon(tx, study["id"], "out_of_memory: no memory left")
        found = {"contrasts": [{**contrast, "rows": [judged, empty]}]}
        studies.complete(tx, study["id"], state="failed", effects=found, reports={})
    page = client.get(address)
    for piece in (
        "0.0123",
        "[+0.01, +0.02]",
        "&lt; 0.001",
        "better",
        "no values",
        "no memory left",
        "smaller batches",
    ):
        assert piece in page.text, piece
    assert "refresh" not in page.text and "logs?trial=" in page.text
    assert client.get("/studies/000000000000000000000000").status_code == 404


@pytest.mark.parametrize("public", [None, "https://ablate.example/deep"])
def test_links_follow_the_public_url(settings: Settings, public: str | None) -> None:
    client = TestClient(make_app(replace(settings, public_url=public)), base_url="http://127.0.0.1:8000")
    base = public or "http://127.0.0.1:8000"
    links = client.post("/v1/studies", json=STUDY).json()["links"]
    assert links["report"].startswith(f"{base}/v1/studies/")
    client.post("/v1/studies", json=STUDY)
    assert (
        client.get("/v1/studies?limit=1")
        .links["next"]["url"]
        .startswith(f"{base}/v1/studies?limit=1&cursor=")
    )


def test_the_openapi_document_knows_the_study_and_problems(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    study = document["components"]["schemas"]["StudyRequest"]
    assert {"name", "trainable", "factors", "seeds"} <= set(study["properties"])
    for path in document["paths"].values():
        for operation in path.values():
            content = operation["responses"]["default"]["content"]
            assert list(content) == ["application/problem+json"]
            assert "422" not in operation["responses"]


def test_the_docs_page_needs_nothing_from_elsewhere(client: TestClient) -> None:
    page = client.get("/docs")
    assert page.status_code == 200 and page.headers["content-type"].startswith("text/html")
    for piece in ("/v1/studies/{study_id}/trials", "StudyRequest", "Idempotency-Key", "queued | running"):
        assert piece.lower() in page.text.lower()
    assert page.text.count("<script") == page.text.count('<script src="/static/live.js">') == 1
    assert "https://" not in page.text.replace("https://json-schema.org", "")

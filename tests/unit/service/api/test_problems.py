"""Every error is problem+json with a stable type, and no input is a 500."""

import json
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import text
from starlette.testclient import TestClient

from service.ledger import Ledger
from tests.unit.service.api.conftest import STUDY

JSON = {"Content-Type": "application/json"}


def check(answer: Any, status: int, kind: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["type"] == f"/problems/{kind}" and body["status"] == status
    assert body["title"] and body["detail"] and isinstance(body["errors"], list)
    return body


def test_framework_errors(client: TestClient) -> None:
    check(client.get("/nowhere"), 404, "not-found")
    refused = client.delete("/v1/studies")
    check(refused, 405, "method-not-allowed")
    assert "GET" in refused.headers["allow"] or "POST" in refused.headers["allow"]


@pytest.mark.parametrize("path", ["", "/trials", "/effects", "/report", "/logs", "/events"])
@pytest.mark.parametrize("study_id", ["0123456789abcdef", "ABC", "..", "x" * 200, "%00", "a%2Fb"])
def test_unknown_studies(client: TestClient, study_id: str, path: str) -> None:
    answer = client.get(f"/v1/studies/{study_id}{path}")
    assert answer.status_code in (400, 404)
    assert answer.headers["content-type"] == "application/problem+json"


def test_cancelling_an_unknown_study(client: TestClient) -> None:
    check(client.post("/v1/studies/0123456789abcdef/cancel"), 404, "study-not-found")


@pytest.mark.parametrize("route", ["/v1/studies", "/v1/studies/plan"])
class TestBodies:
    def test_not_json(self, client: TestClient, route: str) -> None:
        for body in (b"{not json", b"", b"\xff\xfe", b"'a'", b"[1,]"):
            check(client.post(route, content=body, headers=JSON), 400, "bad-request")

    @pytest.mark.parametrize("media", [None, "text/plain", "application/yaml", "multipart/form-data", ""])
    def test_other_media_types(self, client: TestClient, route: str, media: str | None) -> None:
        headers = {} if media is None else {"Content-Type": media}
        answer = client.post(route, content=json.dumps(STUDY), headers=headers)
        check(answer, 415, "wrong-media-type")

    def test_an_encoded_body(self, client: TestClient, route: str) -> None:
        answer = client.post(route, content=b"x", headers={**JSON, "Content-Encoding": "gzip"})
        check(answer, 415, "wrong-media-type")

    def test_charset_is_no_other_media_type(self, client: TestClient, route: str) -> None:
        headers = {"Content-Type": "Application/JSON; charset=utf-8"}
        assert client.post(route, content=json.dumps(STUDY), headers=headers).status_code in (200, 202)

    def test_too_large(self, client: TestClient, route: str) -> None:
        large = b'"' + b"x" * (1 << 20) + b'"'
        check(client.post(route, content=large, headers=JSON), 413, "too-large")

        def chunks() -> Any:
            yield from [b" " * 100_000] * 20

        check(client.post(route, content=chunks(), headers=JSON), 413, "too-large")

    @pytest.mark.parametrize("token", ["NaN", "-Infinity", "1e999", '"\\ud800"', '"\\u0000"', "9" * 5000])
    def test_what_is_no_value(self, client: TestClient, route: str, token: str) -> None:
        body = json.dumps({**STUDY, "fixed": {"lr": 0}}).replace('"lr": 0', f'"lr": {token}')
        found = check(client.post(route, content=body, headers=JSON), 422, "invalid-study")
        assert any(error["path"].startswith("fixed.lr") for error in found["errors"])

    @pytest.mark.parametrize(
        "body", ["null", "[]", "1", '"x"', "{}", "[" * 3000, '{"name": "a", "name": "b"}']
    )
    def test_what_is_no_study(self, client: TestClient, route: str, body: str) -> None:
        answer = client.post(route, content=body, headers=JSON)
        assert answer.status_code in (400, 422)
        assert answer.headers["content-type"] == "application/problem+json"

    @pytest.mark.parametrize(
        "change, path",
        [
            ({"colour": 1}, "colour"),
            ({"trainable": "nothing"}, "trainable"),
            ({"factors": {"flavour": [1, 2]}, "baseline": {}}, "factors.flavour"),
            ({"factors": {**STUDY["factors"], "depth": [0]}}, "factors.depth.0"),
            ({"factors": {**STUDY["factors"], "depth": []}}, "factors.depth"),
            ({"fixed": {"dataset": "nothing"}}, "fixed.dataset"),
            ({"fixed": {"flavour": 1}}, "fixed.flavour"),
            ({"baseline": {"base": "gelu"}}, "baseline.base"),
            ({"seeds": 0}, "seeds"),
            ({"seeds": [1, 1]}, "seeds"),
            ({"name": "n" * 300}, "name"),
        ],
    )
    def test_a_wrong_study_names_the_field(
        self, client: TestClient, route: str, change: dict[str, Any], path: str
    ) -> None:
        found = check(client.post(route, json={**STUDY, **change}), 422, "invalid-study")
        assert any(f"{error['path']}.".startswith(f"{path}.") for error in found["errors"]), found
        assert client.get("/v1/studies").json()["items"] == []


def test_an_unknown_trainable_says_which_there_are(client: TestClient) -> None:
    (error,) = client.post("/v1/studies", json={**STUDY, "trainable": "x"}).json()["errors"]
    assert error["path"] == "trainable" and error["allowed"] == ["toy"]
    found = check(client.get("/v1/trainables/x"), 404, "not-found")
    assert found["errors"][0]["allowed"] == ["toy"]


def test_not_supported_has_its_own_type(client: TestClient) -> None:
    tuning = {"candidates": 4, "space": {"lr": [0.1, 0.2]}, "scheduler": "asha"}
    answer = client.post("/v1/studies", json={**STUDY, "tuning": tuning})
    check(answer, 422, "not-supported")


def test_pages_of_other_sites_cannot_write(client: TestClient) -> None:
    foreign = {"Origin": "http://evil.example"}
    check(client.post("/v1/studies", json=STUDY, headers=foreign), 403, "forbidden")
    assert client.get("/v1/studies", headers=foreign).status_code == 200
    own = {"Origin": "http://127.0.0.1:8000"}
    assert client.post("/v1/studies", json=STUDY, headers=own).status_code == 202


def test_an_unexpected_error_tells_nothing_of_its_cause(app: FastAPI, client: TestClient) -> None:
    @app.get("/broken")
    def broken() -> None:
        raise RuntimeError("a secret")

    found = check(client.get("/broken"), 500, "internal-error")
    assert "secret" not in json.dumps(found)


def test_a_broken_database_is_503(client: TestClient, ledger: Ledger) -> None:
    with ledger.write() as tx:
        tx.execute(text("DROP TABLE events"))
    answer = client.post("/v1/studies", json=STUDY)
    check(answer, 503, "ledger-unavailable")
    assert "retry-after" in answer.headers

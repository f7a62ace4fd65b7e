"""API keys, projects, and who may reach the server at all."""

import base64
import time
from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from service.app import create_app
from service.auth import check_binding, project_of
from service.errors import ClusterUnavailable, Unauthorized, UnsafeBinding, WrongSchema
from service.settings import Settings
from tests.unit.service.api.conftest import KEYS, SMALL, STUDY, make_app


@pytest.fixture
def guarded(keyed: Settings) -> TestClient:
    return TestClient(make_app(keyed), base_url="http://127.0.0.1:8000")


def bearer(project: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {KEYS[project]}"}


@pytest.mark.parametrize(
    "path",
    [
        "/v1/studies",
        "/v1/trainables",
        "/v1/trainables/toy",
        "/v1/datasets",
        "/metrics",
        "/",
        "/v1/studies/a1",
    ],
)
@pytest.mark.parametrize("key", [None, "Bearer wrong", "Bearer ", "Basic ???", "Digest x", "alpha-key"])
def test_without_a_known_key_nothing_is_shown(guarded: TestClient, path: str, key: str | None) -> None:
    answer = guarded.get(path, headers={} if key is None else {"Authorization": key})
    assert (answer.status_code, answer.json()["type"]) == (401, "/problems/unauthorized")
    assert "www-authenticate" in answer.headers


@pytest.mark.parametrize("scheme", [b"Basic ", b"Bearer ", b"\xff ", b""])
@pytest.mark.parametrize("value", [b"\xff\xff", b"/////w==", b"Og==", b"\x80" * 10_000])
def test_a_header_of_any_bytes_is_answered(guarded: TestClient, scheme: bytes, value: bytes) -> None:
    assert guarded.get("/v1/studies", headers={b"Authorization": scheme + value}).status_code == 401
    internal = guarded.get("/internal/studies/a/1/work", headers={b"Authorization": scheme + value})
    assert internal.status_code in (401, 404)


def test_a_body_is_not_read_before_the_key_is_known(guarded: TestClient) -> None:
    assert guarded.post("/v1/studies", content=b"x" * (2 << 20)).status_code == 401


def test_health_needs_no_key(guarded: TestClient) -> None:
    assert guarded.get("/healthz").status_code == 200
    assert guarded.get("/readyz").status_code == 503


def test_readiness_costs_one_look_and_tells_no_address(guarded: TestClient) -> None:
    asked: list[str] = []
    context = guarded.app.state.context  # type: ignore[attr-defined]

    def probe() -> None:
        asked.append("once")
        raise ClusterUnavailable("http://10.0.0.7:8265/api/version: refused")

    made = replace(context, probes={"ray": probe}, kept={})
    guarded.app.state.context = made  # type: ignore[attr-defined]
    began = time.monotonic()
    answers = [guarded.get("/readyz") for _ in range(20)]
    assert {answer.status_code for answer in answers} == {503}
    assert len(asked) <= 1 + time.monotonic() - began  # a look a second, on a slow machine too
    assert "10.0.0.7" not in answers[0].text and answers[0].json()["checks"]["ray"] != "ok"


def test_each_key_opens_its_own_project(guarded: TestClient) -> None:
    mine = guarded.post("/v1/studies", json=STUDY, headers=bearer("alpha")).json()["id"]
    assert guarded.get(f"/v1/studies/{mine}", headers=bearer("alpha")).status_code == 200
    for path in ("", "/trials", "/effects", "/report", "/logs", "/events"):
        answer = guarded.get(f"/v1/studies/{mine}{path}", headers=bearer("beta"))
        assert answer.status_code == 404, path
    assert guarded.post(f"/v1/studies/{mine}/cancel", headers=bearer("beta")).status_code == 404
    assert guarded.get("/v1/studies", headers=bearer("beta")).json()["items"] == []
    assert "depth" not in guarded.get("/", headers=bearer("beta")).text


def test_a_key_of_another_project_may_reuse_an_idempotency_key(guarded: TestClient) -> None:
    ids = {
        project: guarded.post("/v1/studies", json=STUDY, headers={**bearer(project), "Idempotency-Key": "k"})
        for project in KEYS
    }
    assert len({answer.json()["id"] for answer in ids.values()}) == 2


def test_a_browser_may_send_the_key_as_a_password(guarded: TestClient) -> None:
    word = base64.b64encode(b"anyone:alpha-key").decode()
    assert guarded.get("/", headers={"Authorization": f"Basic {word}"}).status_code == 200
    assert "Basic" in guarded.get("/").headers["www-authenticate"]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", ""])
def test_no_server_beyond_loopback_without_keys(settings: Settings, keyed: Settings, host: str) -> None:
    with pytest.raises(UnsafeBinding, match="ABLATE_API_KEYS"):
        create_app(replace(settings, host=host), catalogue=SMALL)
    check_binding(replace(keyed, host=host))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.3.4.5", "::1", "[::1]", "localhost"])
def test_loopback_needs_no_keys(settings: Settings, host: str) -> None:
    check_binding(replace(settings, host=host))


def test_an_open_server_answers_on_loopback_only_however_it_was_started(settings: Settings) -> None:
    assert project_of(settings, None, "127.0.0.1") == "default"
    assert project_of(settings, None, None) == "default"
    with pytest.raises(Unauthorized, match="loopback"):
        project_of(settings, None, "10.0.0.3")


def test_an_unmigrated_ledger_is_refused_at_the_start(settings: Settings) -> None:
    with pytest.raises(WrongSchema):
        create_app(
            replace(settings, database_url=f"sqlite:///{settings.data_dir / 'other.db'}"),
            catalogue=SMALL,
        )


REBOUND = [
    "evil.example",
    "evil.example:8000",
    "127.0.0.1.evil.example",
    "localhost.evil.example:8000",
    "[",
    "",
]


@pytest.mark.parametrize("host", REBOUND)
def test_a_name_made_to_point_here_gets_no_answer(settings: Settings, host: str) -> None:
    client = TestClient(make_app(settings), base_url="http://127.0.0.1:8000")
    for path in ("/", "/v1/studies", "/metrics", "/docs"):
        answer = client.get(path, headers={"Host": host})
        assert (answer.status_code, answer.json()["type"]) == (403, "/problems/forbidden"), path
    same = {"Host": host, "Origin": f"http://{host}"}
    assert client.post("/v1/studies", json=STUDY, headers=same).status_code == 403


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8000", "localhost", "LOCALHOST:9", "[::1]:8000", "ablate.example"]
)
def test_its_own_names_are_answered(settings: Settings, host: str) -> None:
    public = replace(settings, public_url="https://Ablate.example/deep")
    assert TestClient(make_app(public)).get("/v1/studies", headers={"Host": host}).status_code == 200


def test_with_keys_any_name_will_do(keyed: Settings) -> None:
    headers = {"Host": "ablate.team", **bearer("alpha")}
    assert TestClient(make_app(keyed)).get("/v1/studies", headers=headers).status_code == 200

"""The drivers' door: tokens, fencing, leases, commits."""

import json
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from service.api.routes import internal
from service.auth import ticket
from service.ledger import Ledger, attempts, leasing, standbys, steering, trials
from service.ledger.standbys import Standby
from service.settings import Settings
from tests.ledger_samples import outcome
from tests.unit.service.api.conftest import STUDY, Driver


@pytest.fixture
def driver(client: TestClient, ledger: Ledger) -> Driver:
    """The driver of a submitted study's first attempt."""
    study_id = client.post("/v1/studies", json=STUDY).json()["id"]
    with ledger.write() as tx:
        attempts.begin(tx, study_id)
    return Driver(client, study_id)


def test_a_driver_goes_from_fetch_to_finish(driver: Driver, client: TestClient, settings: Settings) -> None:
    work = driver.get().json()
    assert (work["protocol"], work["lease_s"]) == (1, settings.lease_s)
    study = work["study"]
    assert (study["id"], study["name"], study["project"]) == (driver.study_id, "depth", "default")
    assert study["spec"]["factors"] == STUDY["factors"]
    first = work["trials"][0]
    assert {
        "id", "arm_id", "arm", "levels", "settings", "seed", "phase", "candidate", "repeat", "state",
        "fingerprint", "metrics",
    } <= set(first)  # fmt: skip
    assert client.get(f"/v1/studies/{driver.study_id}").json()["state"] == "running"

    ids = [trial["id"] for trial in work["trials"]]
    resolved = [
        {"id": id, "settings": {"lr": 0.5}, "fingerprint": f"{place:064x}"} for place, id in enumerate(ids)
    ]
    assert driver.post("/settings", {"trials": resolved}).json() == {"reused": []}
    assert driver.post("/lease", {"trials": ids[:2]}).json() == {"leased": ids[:2]}
    running = [{"id": ids[0], "step": 1, "metrics": {"val_loss": 2.0}}]
    assert driver.post("/heartbeat", {"running": running}).json() == {"desired": "run"}
    row = client.get(f"/v1/studies/{driver.study_id}/trials?state=running").json()["items"][0]
    assert (row["id"], row["step"], row["settings"]) == (ids[0], 1, {"lr": 0.5})

    outcomes = [outcome(ids[0]).to_json(), outcome(ids[3]).to_json()]
    assert driver.post("/commit", {"outcomes": outcomes}).json() == {
        "committed": ids[:1],
        "refused": [ids[3]],
    }
    assert driver.post("/commit", {"outcomes": outcomes[:1]}).json()["committed"] == ids[:1]
    assert driver.post("/finish", {"state": "done", "error": None}).json() == {}
    row = client.get(f"/v1/studies/{driver.study_id}/trials").json()["items"][1]
    assert row["state"] == "planned"


def test_a_driver_hears_of_a_cancel(driver: Driver, client: TestClient) -> None:
    driver.get()
    client.post(f"/v1/studies/{driver.study_id}/cancel")
    assert driver.post("/heartbeat", {"running": []}).json() == {"desired": "cancel"}
    assert driver.post("/finish", {"state": "cancelled"}).status_code == 200


@pytest.mark.parametrize("path", ["", "/settings", "/lease", "/commit", "/heartbeat", "/finish"])
def test_every_door_wants_the_token_of_this_attempt(driver: Driver, client: TestClient, path: str) -> None:
    body: dict[str, Any] = {"trials": [], "outcomes": [], "state": "done"}
    wrong = [{}, {"Authorization": "Bearer x"}, Driver(client, driver.study_id, 2).headers]
    wrong += [Driver(client, "abc").headers, Driver(client, driver.study_id, secret="t").headers]
    wrong += [{"Authorization": driver.headers["Authorization"].replace("Bearer", "Basic")}]
    for headers in wrong:
        if path:
            answer = client.post(driver.url(path), json=body, headers=headers)
        else:
            answer = client.get(driver.url(), headers=headers)
        assert (answer.status_code, answer.json()["type"]) == (401, "/problems/unauthorized")


@pytest.mark.parametrize("path", ["", "/settings", "/lease", "/commit", "/heartbeat", "/finish"])
def test_a_stale_attempt_is_409(driver: Driver, ledger: Ledger, path: str) -> None:
    driver.get()
    with ledger.write() as tx:
        attempts.lost(tx, driver.study_id, 1, "silent")
        attempts.begin(tx, driver.study_id)
    body = {"trials": [], "outcomes": [], "state": "done"}
    answer = driver.post(path, body) if path else driver.get()
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/stale-attempt")


@pytest.mark.parametrize(
    "path, body, place",
    [
        ("/settings", {"trials": [{"id": "x"}]}, "trials.0.settings"),
        (
            "/settings",
            {"trials": [{"id": "x", "settings": {}, "fingerprint": "XYZ"}]},
            "trials.0.fingerprint",
        ),
        ("/lease", {}, "trials"),
        ("/commit", {"outcomes": [{"trial_id": "x", "state": "running"}]}, "outcomes.0.state"),
        ("/heartbeat", {"running": [{"step": 1}]}, "running.0.id"),
        ("/finish", {"state": "lost"}, "state"),
        ("/finish", [], ""),
    ],
)
def test_a_wrong_body_is_422(driver: Driver, path: str, body: Any, place: str) -> None:
    answer = driver.post(path, body)
    assert answer.status_code == 422
    assert place in [error["path"] for error in answer.json()["errors"]]


def test_odd_text_and_numbers_never_lose_a_result(driver: Driver, ledger: Ledger) -> None:
    driver.get()
    with ledger.read() as tx:
        id = leasing.work(tx, driver.study_id)[0].id
    driver.post("/lease", {"trials": [id]})
    odd: dict[str, Any] = outcome(id, "failed").to_json()
    odd |= {"metrics": {"a": float("nan"), "b": float("inf"), "c": 1.0}, "traceback": "a\x00b\ud800c"}
    odd["curve"] = {"a": [[1, float("nan")]]}
    body = json.dumps({"outcomes": [odd]})
    headers = {**driver.headers, "Content-Type": "application/json"}
    answer = driver.client.post(driver.url("/commit"), content=body, headers=headers)
    assert answer.json()["committed"] == [id], answer.text
    with ledger.read() as tx:
        assert trials.get(tx, driver.study_id, id).metrics == {"a": None, "b": None, "c": 1.0}
        assert trials.traceback(tx, driver.study_id, id) == "a\ufffdb?c"


def test_the_door_is_not_in_the_openapi_document(client: TestClient) -> None:
    assert not any(path.startswith("/internal") for path in client.get("/openapi.json").json()["paths"])


def test_a_cancelled_study_refuses_late_commits(driver: Driver, ledger: Ledger) -> None:
    driver.get()
    with ledger.write() as tx:
        id = leasing.work(tx, driver.study_id)[0].id
        leasing.lease(tx, driver.study_id, 1, [id])
        steering.cancel(tx, driver.study_id)
    answer = driver.post("/commit", {"outcomes": [outcome(id).to_json()]})
    assert answer.json() == {"committed": [], "refused": [id]}


class TestAsking:
    """A job asks for its attempt with its ticket."""

    ID = "ablate-standby-1"

    def ask(
        self, client: TestClient, secret: str = "s" * 64, id: str = ID, holder: str = "mine " * 10
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {ticket(secret, id)}"}
        return client.post(f"/internal/jobs/{id}", json={"holder": holder}, headers=headers)

    def begin(self, client: TestClient, ledger: Ledger, standby: bool) -> tuple[str, str]:
        study_id = client.post("/v1/studies", json=STUDY).json()["id"]
        with ledger.write() as tx:
            waiting = Standby(id=self.ID, age_s=0.0, silent_s=None) if standby else None
            return study_id, attempts.begin(tx, study_id, standby=waiting).submission_id

    @pytest.mark.parametrize("standby", [True, False])
    def test_it_gets_its_attempt_with_a_token(
        self, client: TestClient, ledger: Ledger, standby: bool
    ) -> None:
        study_id, job = self.begin(client, ledger, standby)
        given = self.ask(client, id=job).json()
        assert self.ask(client, id=job).json() == given, "an answer may be lost"
        token = given.pop("token")
        assert given == {"study_id": study_id, "attempt": 1}
        assert Driver(client, study_id).headers["Authorization"] == f"Bearer {token}"
        with ledger.write() as tx:
            attempts.lost(tx, study_id, 1, "x")
        assert self.ask(client, id=job).status_code == 404

    @pytest.mark.parametrize("standby", [True, False])
    def test_a_ticket_that_was_used_is_worth_nothing_to_whoever_reads_it_in_a_log(
        self, client: TestClient, ledger: Ledger, standby: bool
    ) -> None:
        _, job = self.begin(client, ledger, standby)
        assert "token" in self.ask(client, id=job).json()
        stolen = self.ask(client, id=job, holder="yours " * 10)
        assert stolen.status_code == 403 and "token" not in stolen.json()

    def test_whoever_waited_first_gets_the_attempt(
        self, client: TestClient, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(internal, "ANSWER_S", 0.3)
        with ledger.write() as tx:
            standbys.announce(tx, self.ID)
        assert self.ask(client).json() == {}
        assert self.ask(client, holder="yours " * 10).status_code == 403
        study_id = client.post("/v1/studies", json=STUDY).json()["id"]
        with ledger.write() as tx:
            (waiting,) = standbys.waiting(tx)
            standbys.remove(tx, waiting.id)
            attempts.begin(tx, study_id, standby=waiting)
        assert self.ask(client, holder="yours " * 10).status_code == 403
        assert self.ask(client).json()["study_id"] == study_id

    def test_it_waits_for_one_and_is_heard(
        self, client: TestClient, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with ledger.write() as tx:
            standbys.announce(tx, self.ID)
        monkeypatch.setattr(internal, "ANSWER_S", 0.3)
        assert (self.ask(client).status_code, self.ask(client).json()) == (200, {})
        with ledger.read() as tx:
            (waiting,) = standbys.waiting(tx)
        assert waiting.silent_s is not None and waiting.silent_s <= waiting.age_s

    def test_a_stranger_is_told_nothing(self, client: TestClient) -> None:
        assert self.ask(client, secret="t" * 64).status_code == 401
        assert client.post(f"/internal/jobs/{self.ID}", json={"holder": "x" * 32}).status_code == 401
        assert self.ask(client, id="ablate-standby-2").status_code == 404
        assert self.ask(client, holder="short").status_code == 422

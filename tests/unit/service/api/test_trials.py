"""Trials, logs, effects, reports and events of a study."""

import json
from dataclasses import replace
from typing import Any, get_args

import pytest
from starlette.testclient import TestClient

from service.api.routes.reports import Format
from service.ledger import Ledger, attempts, leasing, outbox, steering, studies
from tests.ledger_samples import outcome
from tests.unit.service.api.conftest import STUDY


@pytest.fixture
def study_id(client: TestClient) -> str:
    found: str = client.post("/v1/studies", json=STUDY).json()["id"]
    return found


@pytest.fixture
def ids(study_id: str, ledger: Ledger) -> list[str]:
    """The trials of a study whose first five are done, done and collapsed, diverged, failed, leased."""
    with ledger.write() as tx:
        number = attempts.begin(tx, study_id).number
        attempts.start(tx, study_id, number)
        ids = [trial.id for trial in leasing.work(tx, study_id)]
        leasing.lease(tx, study_id, number, ids[:5])
        ends = [("done", 0.9), ("done", 0.1), ("diverged", None), ("failed", None)]
        outcomes = [outcome(id, state, accuracy) for id, (state, accuracy) in zip(ids, ends, strict=False)]
        leasing.commit(tx, study_id, number, outcomes)
    return ids


def rows(client: TestClient, study_id: str, **query: Any) -> list[dict[str, Any]]:
    answer = client.get(f"/v1/studies/{study_id}/trials", params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


def test_a_trial_row_has_its_shape(client: TestClient, study_id: str) -> None:
    row = rows(client, study_id)[0]
    assert {
        "id", "arm", "arm_id", "levels", "settings", "fingerprint", "phase", "candidate", "repeat", "seed",
        "state", "attempts", "metrics", "reason", "pack", "mlflow_run_id",
    } <= set(row)  # fmt: skip
    assert row["levels"] == {"base": "relu", "depth": 1} and row["settings"]["lr"] == 0.1
    assert "base=relu" in row["arm"] and (row["phase"], row["seed"]) == ("measuring", 0)
    assert (row["state"], row["attempts"], row["metrics"]) == ("planned", 0, {})


def test_a_failed_trial_has_the_class_of_its_failure(
    client: TestClient, study_id: str, ids: list[str], ledger: Ledger
) -> None:
    with ledger.write() as tx:
        lost = replace(outcome(ids[4], "failed"), reason="node_lost: its node was lost 20 times")
        leasing.commit(tx, study_id, 1, [lost])
    shown = {row["id"]: row["failure"] for row in rows(client, study_id)}
    assert [shown[id] for id in ids[:6]] == [None, None, "diverged", "exception", "node_lost", None]


def test_rates_are_read_from_each_trial(client: TestClient, study_id: str, ids: list[str]) -> None:
    shown = {row["id"]: row["metrics"] for row in rows(client, study_id)}
    assert shown[ids[0]] == {"test_accuracy": 0.9, "collapsed": 0.0}
    assert shown[ids[1]] == {"test_accuracy": 0.1, "collapsed": 1.0}
    assert shown[ids[2]] == {"test_accuracy": None, "collapsed": 1.0}
    assert shown[ids[3]] == {"test_accuracy": None} and shown[ids[4]] == {}


def test_what_is_read_at_a_step_stands_in_the_row_as_in_the_report(
    client: TestClient, ledger: Ledger
) -> None:
    metrics = [
        {"name": "val_loss", "at": [2]},
        {"name": "early", "of": "val_loss/2", "below": 0.5},
        {"name": "diverged"},
    ]
    found = client.post("/v1/studies", json={**STUDY, "metrics": metrics})
    study_id = found.json()["id"]
    with ledger.write() as tx:
        number = attempts.begin(tx, study_id).number
        attempts.start(tx, study_id, number)
        ids = leasing.lease(tx, study_id, number, [trial.id for trial in leasing.work(tx, study_id)])
        for id, value in zip(ids, (0.4, 0.6), strict=False):
            curve = {"val_loss": [(1, 0.9), (2, value)]}
            leasing.commit(tx, study_id, number, [replace(outcome(id), metrics={}, curve=curve)])
        leasing.commit(tx, study_id, number, [outcome(ids[2], "diverged", None)])
    shown = {row["id"]: row["metrics"] for row in rows(client, study_id)}
    assert shown[ids[0]] == {"val_loss/2": 0.4, "early": 1.0, "diverged": 0.0}
    assert shown[ids[1]] == {"val_loss/2": 0.6, "early": 0.0, "diverged": 0.0}
    assert shown[ids[2]] == {"test_accuracy": None, "early": 0.0, "diverged": 1.0}


def test_trials_are_paged_and_filtered(client: TestClient, study_id: str, ids: list[str]) -> None:
    page = client.get(f"/v1/studies/{study_id}/trials?limit=5")
    rest = client.get(page.links["next"]["url"])
    assert [row["id"] for row in page.json()["items"] + rest.json()["items"]] == ids
    assert "link" not in rest.headers and rest.json()["next"] is None
    assert len(rows(client, study_id, state="done")) == 2
    assert len(rows(client, study_id, seed=1, phase="measuring")) == 4
    one = rows(client, study_id)[0]
    assert (
        len(rows(client, study_id, arm=one["arm"])) == len(rows(client, study_id, arm_id=one["arm_id"])) == 2
    )
    assert rows(client, study_id, arm="' OR 1=1 --") == []


@pytest.mark.parametrize("query", ["seed=-1", f"seed={2**70}", "state=x", "phase=x", "cursor=abc", "arm=%00"])
def test_a_wrong_filter_is_refused(client: TestClient, study_id: str, query: str) -> None:
    answer = client.get(f"/v1/studies/{study_id}/trials?{query}")
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"


def test_logs_are_the_drivers_or_a_trials_traceback(
    client: TestClient, study_id: str, ids: list[str]
) -> None:
    url = f"/v1/studies/{study_id}/logs"
    assert client.get(url).text == f"log of ablate-{study_id}-a1\n"
    assert client.get(url, params={"attempt": 1}).headers["content-type"].startswith("text/plain")
    assert client.get(url, params={"attempt": 2}).status_code == 404
    assert client.get(url, params={"trial": ids[3]}).text == "Traceback: boom"
    assert client.get(url, params={"trial": ids[2]}).text == "it diverged"
    assert client.get(url, params={"trial": "absent"}).status_code == 404


def test_a_study_without_an_attempt_has_an_empty_log(client: TestClient, study_id: str) -> None:
    answer = client.get(f"/v1/studies/{study_id}/logs")
    assert (answer.status_code, answer.text) == (200, "")


def test_before_the_first_build_effects_and_report_are_interim(client: TestClient, study_id: str) -> None:
    effects = client.get(f"/v1/studies/{study_id}/effects")
    assert effects.json() == {"interim": True, "contrasts": [], "exploratory": []}
    report = client.get(f"/v1/studies/{study_id}/report", params={"format": "json"})
    assert report.json()["interim"] is True
    for accept, kind in [("text/html", "text/html"), ("text/markdown", "text/markdown")]:
        page = client.get(f"/v1/studies/{study_id}/report", headers={"Accept": accept})
        assert page.headers["content-type"].startswith(kind) and "interim" in page.text


def test_names_are_escaped_in_the_first_report(client: TestClient) -> None:
    name = "<script>alert(1)</script>"
    study = client.post("/v1/studies", json={**STUDY, "name": name}).json()
    page = client.get(f"/v1/studies/{study['id']}/report", params={"format": "html"})
    assert "<script>" not in page.text and "default-src 'none'" in page.headers["content-security-policy"]
    assert "<script>" not in client.get("/").text


@pytest.mark.parametrize(
    "query, accept, found",
    [
        ("", "*/*", "<p>html"),
        ("", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", "<p>html"),
        ("", "application/json", '{"interim": false}'),
        ("", "text/markdown;q=0.5, text/html;q=0.4", "# md"),
        ("", "text/*;q=0.3, text/html;q=0, */*;q=0.1", "# md"),
        ("?format=md", "text/html", "# md"),
        ("?format=html", "application/json", "<p>html"),
    ],
)
def test_a_report_comes_as_asked_for(
    client: TestClient, ledger: Ledger, study_id: str, query: str, accept: str, found: str
) -> None:
    with ledger.write() as tx:
        reports = {"html": "<p>html", "md": "# md", "json": '{"interim": false}'}
        studies.save_interim(
            tx, study_id, seq=1, effects={"interim": True, "contrasts": [1]}, reports=reports
        )
    answer = client.get(f"/v1/studies/{study_id}/report{query}", headers={"Accept": accept})
    assert (answer.status_code, answer.text, answer.headers["vary"]) == (200, found, "Accept")
    assert client.get(f"/v1/studies/{study_id}/effects").json()["contrasts"] == [1]


def test_a_report_in_another_format_is_refused(client: TestClient, study_id: str) -> None:
    answer = client.get(f"/v1/studies/{study_id}/report", params={"format": "docx"})
    assert (answer.status_code, answer.json()["errors"][0]["allowed"]) == (
        422,
        [*get_args(Format)],
    )
    answer = client.get(f"/v1/studies/{study_id}/report", headers={"Accept": "application/msword"})
    assert answer.status_code == 406
    assert "text/html" in answer.json()["errors"][0]["allowed"]


def test_events_stream_from_the_ledger_and_resume(client: TestClient, ledger: Ledger, study_id: str) -> None:
    with ledger.write() as tx:
        steering.cancel(tx, study_id)
        studies.complete(tx, study_id, state="cancelled", effects={}, reports={})
    with ledger.write() as tx:
        outbox.done(tx, [message.id for message in outbox.pending(tx)])
    url = f"/v1/studies/{study_id}/events"
    whole = client.get(url)
    assert whole.headers["content-type"].startswith("text/event-stream")
    told = [
        dict(line.split(": ", 1) for line in part.splitlines()) for part in whole.text.split("\n\n") if part
    ]
    assert [event["id"] for event in told] == ["1", "2", "3"]
    assert [event["event"] for event in told] == ["study", "study", "published"]
    assert json.loads(told[1]["data"])["state"] == "cancelled"
    rest = client.get(url, headers={"Last-Event-ID": "2"})
    assert rest.text.startswith("event: published")
    assert client.get(url, headers={"Last-Event-ID": "3"}).status_code == 204
    assert client.get(url, headers={"Last-Event-ID": "9" * 30}).status_code == 204
    assert client.get(url, headers={"Last-Event-ID": "junk"}).text == whole.text

"""Submitting, planning, listing, looking at and cancelling studies."""

import tracemalloc
from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import TestClient

from service.ledger import Ledger, attempts, leasing, outbox, steering, studies
from service.settings import Settings
from tests.ledger_samples import outcome
from tests.unit.service.api.conftest import STUDY, make_app


def submit(client: TestClient, **changes: Any) -> dict[str, Any]:
    answer = client.post("/v1/studies", json={**STUDY, **changes})
    assert answer.status_code == 202, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_submitted_study_is_answered_with_its_place_and_shape(client: TestClient) -> None:
    answer = client.post("/v1/studies", json=STUDY)
    assert answer.status_code == 202
    study = answer.json()
    assert answer.headers["location"] == f"/v1/studies/{study['id']}"
    assert (study["name"], study["state"], study["eta_s"], study["published"]) == (
        "depth",
        "queued",
        None,
        False,
    )
    assert study["progress"] == {
        "total": 8, "done": 0, "running": 0, "failed": 0,
        "diverged": 0, "pruned": 0, "cancelled": 0, "reused": 0,
    }  # fmt: skip
    assert study["links"] == {
        "mlflow": None,
        "report": f"http://127.0.0.1:8000/v1/studies/{study['id']}/report",
        "figures": f"http://127.0.0.1:8000/v1/studies/{study['id']}/figures",
        "events": f"http://127.0.0.1:8000/v1/studies/{study['id']}/events",
    }
    assert study["publish_error"] is None
    assert study["tags"] == {"team": "vision"} and study["spec"]["factors"] == STUDY["factors"]
    assert study["created_at"].endswith("Z") and study["started_at"] is None
    assert client.get(answer.headers["location"]).json() == study


def test_a_plan_stores_nothing(client: TestClient) -> None:
    answer = client.post("/v1/studies/plan", json=STUDY)
    assert answer.status_code == 200, answer.text
    plan = answer.json()
    assert plan["num_trials"] == 8
    assert {"arms", "excluded", "contrasts", "cost", "power", "warnings"} <= set(plan)
    assert client.get("/v1/studies").json() == {"items": [], "next": None}


def test_the_same_key_and_body_give_the_first_answer_again(client: TestClient, ledger: Ledger) -> None:
    headers = {"Idempotency-Key": "key-1"}
    first = client.post("/v1/studies", json=STUDY, headers=headers)
    with ledger.write() as tx:
        steering.cancel(tx, first.json()["id"])
    again = client.post("/v1/studies", json=dict(reversed(STUDY.items())), headers=headers)
    assert (again.status_code, again.json()) == (202, first.json())
    assert again.headers["location"] == first.headers["location"]
    other = client.post("/v1/studies", json={**STUDY, "name": "other"}, headers=headers)
    assert (other.status_code, other.json()["type"]) == (422, "/problems/idempotency-key-reused")
    assert len(client.get("/v1/studies").json()["items"]) == 1


def test_one_key_extends_once(client: TestClient, ledger: Ledger) -> None:
    one, other = (submit(client)["id"] for _ in range(2))
    headers = {"Idempotency-Key": "more"}

    def extend(study_id: str, seeds: int) -> Any:
        return client.post(f"/v1/studies/{study_id}/extend", json={"seeds": seeds}, headers=headers)

    refused, first = extend(one, 2), extend(one, 5)
    assert (refused.status_code, first.status_code) == (422, 202)
    with ledger.write() as tx:
        steering.cancel(tx, first.json()["id"])
    again = extend(one, 5)
    assert (again.status_code, again.json(), again.headers) == (202, first.json(), first.headers)
    asked = [extend(one, 6), extend(other, 5), client.post("/v1/studies", json=STUDY, headers=headers)]
    for reused in asked:
        assert (reused.status_code, reused.json()["type"]) == (422, "/problems/idempotency-key-reused")
    assert len(client.get("/v1/studies").json()["items"]) == 3


def test_one_key_retries_once(client: TestClient, ledger: Ledger) -> None:
    study_id = submit(client)["id"]

    def fail() -> None:
        with ledger.write() as tx:
            leasing.abandon(tx, study_id, "nobody ran it")
            studies.complete(tx, study_id, state="failed", effects={}, reports={})

    def retry(key: str) -> Any:
        return client.post(f"/v1/studies/{study_id}/retry", headers={"Idempotency-Key": key})

    fail()
    first = retry("a")
    fail()
    assert (first.status_code, first.json()["state"]) == (202, "queued")
    again = retry("a")
    assert (again.status_code, again.json()) == (202, first.json())
    assert client.get(f"/v1/studies/{study_id}").json()["state"] == "failed"
    assert retry("b").json()["state"] == "queued"


def test_a_key_in_flight_is_409_and_a_refused_study_leaves_its_key_free(client: TestClient, app: Any) -> None:
    in_flight = app.state.context.in_flight
    in_flight.enter("default", "busy")
    busy = client.post("/v1/studies", json=STUDY, headers={"Idempotency-Key": "busy"})
    assert (busy.status_code, busy.json()["type"]) == (409, "/problems/idempotency-key-in-flight")
    in_flight.leave("default", "busy")
    refused = client.post("/v1/studies", json={**STUDY, "seeds": 0}, headers={"Idempotency-Key": "busy"})
    assert refused.status_code == 422
    assert client.post("/v1/studies", json=STUDY, headers={"Idempotency-Key": "busy"}).status_code == 202


@pytest.mark.parametrize("key", ["", "k" * 256, "with space", "caf\xe9"])
def test_a_key_that_is_none_is_refused(client: TestClient, key: str) -> None:
    answer = client.post("/v1/studies", json=STUDY, headers={"Idempotency-Key": key.encode("latin-1")})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["path"] == "Idempotency-Key"


def test_lists_are_paged_newest_first(client: TestClient) -> None:
    ids = [submit(client, name=f"s{place}")["id"] for place in range(5)]
    seen: list[str] = []
    url: str | None = "/v1/studies?limit=2"
    while url:
        page = client.get(url)
        items = page.json()["items"]
        assert len(items) <= 2
        seen += [item["id"] for item in items]
        url = page.links.get("next", {}).get("url")
        assert (url is None) == (page.json()["next"] is None)
    assert seen == sorted(ids, reverse=True)


def test_lists_filter_by_state_and_tag(client: TestClient) -> None:
    first = submit(client, tags={"team": "vision", "run": "1"})["id"]
    second = submit(client, tags={"team": "text"})["id"]
    client.post(f"/v1/studies/{second}/cancel")

    def listed(query: str) -> list[str]:
        return [item["id"] for item in client.get(f"/v1/studies?{query}").json()["items"]]

    assert listed("tag=team=vision") == listed("tag=team:vision") == listed("tag=run") == [first]
    assert listed("tag=team") == [second, first] and listed("tag=team&tag=run=2") == []
    assert listed("state=cancelled") == [second] and listed("state=done") == []


@pytest.mark.parametrize(
    "query, path",
    [
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("limit=many", "limit"),
        ("state=finished", "state"),
        ("cursor=!!", "cursor"),
        ("cursor=%F0%9F", "cursor"),
        ("sort=name", "sort"),
    ],
)
def test_a_wrong_query_is_refused_with_its_path(client: TestClient, query: str, path: str) -> None:
    answer = client.get(f"/v1/studies?{query}")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert [error["path"] for error in answer.json()["errors"]] == [path]


def test_a_wrong_state_says_which_there_are(client: TestClient) -> None:
    (error,) = client.get("/v1/studies?state=finished").json()["errors"]
    assert error["allowed"] == ["queued", "running", "paused", "done", "failed", "cancelled"]


def test_the_etag_changes_with_events_only(client: TestClient, ledger: Ledger) -> None:
    study_id = submit(client)["id"]
    tag = client.get(f"/v1/studies/{study_id}").headers["etag"]
    unchanged = client.get(f"/v1/studies/{study_id}", headers={"If-None-Match": f'"x", {tag}'})
    assert (unchanged.status_code, unchanged.content, unchanged.headers["etag"]) == (304, b"", tag)
    with ledger.write() as tx:
        steering.cancel(tx, study_id)
    changed = client.get(f"/v1/studies/{study_id}", headers={"If-None-Match": tag})
    assert changed.status_code == 200 and changed.headers["etag"] != tag


def test_cancel_may_be_repeated_but_not_on_an_ended_study(client: TestClient, ledger: Ledger) -> None:
    study_id = submit(client)["id"]
    for _ in range(2):
        answer = client.post(f"/v1/studies/{study_id}/cancel")
        assert (answer.status_code, answer.json()["state"]) == (202, "cancelled")
        assert answer.json()["progress"]["cancelled"] == 8
    ended = submit(client)["id"]
    with ledger.write() as tx:
        leasing.abandon(tx, ended, "nobody ran it")
        studies.complete(tx, ended, state="failed", effects={}, reports={}, error="nobody ran it")
    answer = client.post(f"/v1/studies/{ended}/cancel")
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/study-finished")
    assert client.get(f"/v1/studies/{ended}").json()["error"] == "nobody ran it"


def test_pause_resume_and_retry(client: TestClient, ledger: Ledger) -> None:
    study_id = submit(client)["id"]

    def post(verb: str) -> tuple[int, str]:
        answer = client.post(f"/v1/studies/{study_id}/{verb}")
        return answer.status_code, answer.json().get("state") or answer.json()["type"]

    assert [post(verb) for verb in ("pause", "pause", "resume", "resume")] == [
        (202, "paused"), (202, "paused"), (202, "queued"), (202, "queued"),
    ]  # fmt: skip
    assert post("retry") == (409, "/problems/nothing-to-retry")
    with ledger.write() as tx:
        leasing.abandon(tx, study_id, "nobody ran it")
        studies.complete(tx, study_id, state="failed", effects={}, reports={}, error="nobody ran it")
    for verb in ("pause", "resume"):
        assert post(verb) == (409, "/problems/study-finished")
    assert post("retry") == (202, "queued")
    shown = client.get(f"/v1/studies/{study_id}").json()
    assert (shown["error"], shown["progress"]["failed"], shown["eta_s"]) == (None, 0, None)
    for verb in ("pause", "resume", "retry"):
        assert client.post(f"/v1/studies/nobody/{verb}").status_code == 404


def test_extend_asks_the_same_with_more_seeds(client: TestClient) -> None:
    first = submit(client)
    home = f"/v1/studies/{first['id']}"
    answer = client.post(f"{home}/extend", json={"seeds": 5})
    assert answer.status_code == 202 and answer.headers["location"] == f"/v1/studies/{answer.json()['id']}"
    assert answer.json()["spec"] == {**first["spec"], "seeds": 5}
    assert answer.json()["progress"]["total"] > first["progress"]["total"]
    assert client.get(home).json()["spec"] == first["spec"]
    listed = submit(client, seeds=[7, 1, 0])
    longer = client.post(f"/v1/studies/{listed['id']}/extend", json={"seeds": 6}).json()
    assert longer["spec"]["seeds"] == [7, 1, 0, 2, 3, 4]
    tuned = submit(client, seeds=2, tuning={"candidates": 1, "space": {"lr": [0.1]}, "repeats": 2})
    longer = client.post(f"/v1/studies/{tuned['id']}/extend", json={"seeds": 3}).json()
    assert longer["spec"]["tuning"] == {**tuned["spec"]["tuning"], "repeats": 3}


@pytest.mark.parametrize(
    "body",
    [
        *({}, [], {"seeds": 4}, {"seeds": 0}, {"seeds": True}, {"seeds": "9"}, {"seeds": 9, "name": "x"}),
        *({"seeds": 10_001}, {"seeds": 20_000_000}, {"seeds": 10**30}),
    ],
)
@pytest.mark.parametrize("had", [4, [0, 1, 2, 3]])
def test_an_extension_that_is_none_is_refused_before_any_work(
    client: TestClient, body: Any, had: Any
) -> None:
    study = submit(client, seeds=had)
    tracemalloc.start()
    answer = client.post(f"/v1/studies/{study['id']}/extend", json=body)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert answer.status_code == 422 and peak < 20e6
    assert [error["path"] for error in answer.json()["errors"]] == ["seeds"]


def test_a_study_that_left_its_seeds_out_can_be_extended(client: TestClient) -> None:
    answer = client.post("/v1/studies", json={key: STUDY[key] for key in STUDY if key != "seeds"})
    longer = client.post(f"/v1/studies/{answer.json()['id']}/extend", json={"seeds": 11})
    assert longer.status_code == 202, longer.text
    assert longer.json()["progress"]["total"] == answer.json()["progress"]["total"] * 1.1


RULE = {"pilot": 3, "max": 6, "margin": 0.01}
PILOT = {**{key: STUDY[key] for key in STUDY if key != "seeds"}, "analysis": {"resize": RULE}}


def test_a_study_whose_pilot_sets_its_seeds_is_planned_with_both(client: TestClient) -> None:
    plan = client.post("/v1/studies/plan", json=PILOT).json()
    assert (plan["num_seeds"], plan["num_trials"]) == (3, 12)
    told = plan["resize"]
    assert (told["pilot"], told["at_most"], told["seeds"], told["num_trials_at_most"]) == (3, 6, None, 24)
    assert "set once from the spread of the pilot, blinded to which arm is which" in told["words"]
    assert plan["power"]["num_seeds"] == 6 and "with 6 seeds, the most there may be" in plan["power"]["basis"]
    answer = client.post("/v1/studies", json=PILOT).json()
    assert answer["progress"]["total"] == 12


def test_what_another_pilot_has_set_is_refused(client: TestClient) -> None:
    row = {"row": "mish against relu", "pairs": 3, "missing": 0, "unknown": [], "enough": True}
    found = {"seeds": 5, "spread": 0.01, **row}
    study = {**PILOT, "analysis": {"resize": {**RULE, "found": found}}}
    answer = client.post("/v1/studies", json=study)
    assert answer.status_code == 422
    assert [error["path"] for error in answer.json()["errors"]] == ["analysis.resize.found"]


def test_an_extension_of_a_study_with_a_pilot_has_the_seeds_that_a_person_sets(client: TestClient) -> None:
    study = client.post("/v1/studies", json=PILOT).json()
    assert client.post(f"/v1/studies/{study['id']}/extend", json={"seeds": 3}).status_code == 422
    longer = client.post(f"/v1/studies/{study['id']}/extend", json={"seeds": 5}).json()
    assert longer["spec"]["seeds"] == 5 and longer["spec"]["analysis"] == {}


def test_a_project_has_room_for_the_most_seeds_that_a_pilot_may_set(settings: Settings) -> None:
    tight = TestClient(make_app(replace(settings, max_trials=20)), base_url="http://127.0.0.1:8000")
    assert tight.post("/v1/studies", json=PILOT).status_code == 409


def test_progress_eta_and_links_follow_the_ledger(client: TestClient, ledger: Ledger) -> None:
    study_id = submit(client)["id"]
    with ledger.write() as tx:
        number = attempts.begin(tx, study_id).number
        attempts.start(tx, study_id, number)
        ids = leasing.lease(tx, study_id, number, [trial.id for trial in leasing.work(tx, study_id)][:3])
        leasing.commit(tx, study_id, number, [outcome(ids[0]), outcome(ids[1], "diverged", None)])
        studies.set_experiment(tx, study_id, "7")
    study = client.get(f"/v1/studies/{study_id}").json()
    assert study["state"] == "running" and study["started_at"] is not None
    progress = study["progress"]
    assert (progress["done"], progress["diverged"], progress["running"]) == (1, 1, 1)
    assert study["eta_s"] >= 0
    assert study["links"]["mlflow"] == "http://mlflow.example/#/experiments/7"
    with ledger.write() as tx:
        studies.set_experiment(tx, study_id, "7", "/#/experiments/7?view=1")
    links = client.get(f"/v1/studies/{study_id}").json()["links"]
    assert links["mlflow"] == "http://mlflow.example/#/experiments/7?view=1"


def test_published_shows(client: TestClient, ledger: Ledger) -> None:
    study_id = submit(client)["id"]
    with ledger.write() as tx:
        leasing.abandon(tx, study_id, "x")
        studies.complete(tx, study_id, state="failed", effects={}, reports={})
    with ledger.write() as tx:
        outbox.done(tx, [message.id for message in outbox.pending(tx)])
    assert client.get(f"/v1/studies/{study_id}").json()["published"] is True


def test_a_large_study_is_accepted_once_and_whole(client: TestClient, ledger: Ledger) -> None:
    body = {**STUDY, "seeds": 200}
    answers = [client.post("/v1/studies", json=body, headers={"Idempotency-Key": "big"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202], answers[0].text
    assert answers[0].json() == answers[1].json()
    shown = client.get(answers[0].headers["location"]).json()
    assert shown["progress"]["total"] == 800 and shown["tags"] == STUDY["tags"]
    assert len(client.get("/v1/studies").json()["items"]) == 1
    again = client.post("/v1/studies", json={**body, "seeds": 3}, headers={"Idempotency-Key": "big"})
    assert again.status_code == 422
    with ledger.read() as tx:
        assert [study.id for study in studies.active(tx)] == [shown["id"]]


def test_a_project_takes_so_many_unfinished_trials(settings: Settings) -> None:
    tight = TestClient(make_app(replace(settings, max_trials=12)), base_url="http://127.0.0.1:8000")
    assert tight.post("/v1/studies", json=STUDY).status_code == 202
    answer = tight.post("/v1/studies", json=STUDY)
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/project-full")

"""Pages say what the API says; a study that is written there is planned, or refused line by line."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import TestClient

from service.ledger import Ledger, attempts, leasing, trials
from service.web.overview import make_overview
from tests.ledger_samples import outcome
from tests.unit.service.api.conftest import KEYS, STUDY, app, client, ledger, make_app, settings

__all__ = ["app", "client", "ledger", "settings"]
TEXT = """name: depth
trainable: toy
factors: {base: [relu, mish], depth: [1, 3]}
baseline: {base: relu}
fixed: {lr: 0.1}
seeds: 2
metrics: [{name: test_accuracy}]
"""


def run(ledger: Ledger, study_id: str, num: int) -> None:
    """End so many trials, the last by an error."""
    with ledger.write() as tx:
        number = attempts.begin(tx, study_id).number
        attempts.start(tx, study_id, number)
        ids = [row.id for row in trials.page(tx, study_id, limit=500, state="planned")][:num]
        leasing.lease(tx, study_id, number, ids)
        ended = [
            replace(outcome(id, accuracy=0.5 + 0.1 * n), curve={"val_loss": [(1, 2.0), (2, 1.0 / (n + 1))]})
            for n, id in enumerate(ids)
        ]
        ended[-1] = outcome(ids[-1], "failed")
        leasing.commit(tx, study_id, number, ended)


def test_a_page_shows_each_trial_and_the_means_of_what_is_done(client: TestClient, ledger: Ledger) -> None:
    study_id = client.post("/v1/studies", json=STUDY).json()["id"]
    run(ledger, study_id, 5)
    page = client.get(f"/studies/{study_id}").text
    items = client.get(f"/v1/studies/{study_id}/trials").json()["items"]
    places = re.findall(r'<span class="place (\w+)" title="trial (\d+), seed (\d+)', page)
    assert sorted(places, key=lambda each: int(each[1])) == [
        (item["state"], str(item["number"]), str(item["seed"])) for item in items
    ]
    done = [item for item in items if item["state"] == "done"]
    board = page.partition("Trials that failed")[0]
    for arm in {item["arm"] for item in done}:
        values = [item["metrics"]["test_accuracy"] for item in done if item["arm"] == arm]
        (shown,) = re.findall(rf"<td>{re.escape(arm)}</td>\s*<td class=\"number\">([\d.]+)", board)
        assert float(shown) == pytest.approx(sum(values) / len(values), rel=1e-3)
    assert "Interim mean test_accuracy" in page and "nothing is tested before the end" in page
    assert "<polyline" in page and f'data-events="/v1/studies/{study_id}/events"' in page
    assert 'data-post="/v1/studies/' in page and ">Pause<" in page and ">Resume<" not in page


def test_what_a_study_may_do_next_is_what_its_page_offers(client: TestClient) -> None:
    study_id = client.post("/v1/studies", json=STUDY).json()["id"]

    def verbs() -> set[str]:
        return set(
            re.findall(rf'data-post="/v1/studies/{study_id}/(\w+)"', client.get(f"/studies/{study_id}").text)
        )

    assert verbs() == {"pause", "cancel"}
    client.post(f"/v1/studies/{study_id}/pause")
    assert verbs() == {"resume", "cancel"}
    client.post(f"/v1/studies/{study_id}/cancel")
    assert verbs() == set()


def plan(client: TestClient, text: str) -> str:
    answer = client.post("/new/plan", json={"text": text})
    assert answer.status_code == 200, answer.text
    return answer.text


def test_a_plan_stands_beside_what_is_typed_and_submits_the_same(client: TestClient) -> None:
    piece = plan(client, TEXT)
    assert "4 arms x 2 seeds = 8 trials" in piece and "base=mish depth=3" in piece
    (study,) = re.findall(r'data-study="([^"]+)"', piece)
    answer = client.post("/v1/studies", json=json.loads(study.replace("&#34;", '"')))
    assert answer.status_code == 202 and answer.json()["progress"]["total"] == 8


@pytest.mark.parametrize(
    ("change", "line", "said"),
    [
        (("depth: [1, 3]", "depth: [0, 3]"), 3, "factors.depth.0"),
        (("lr: 0.1", "lrr: 0.1"), 5, "did you mean"),
        (("seeds: 2", "seeds: two"), 6, "seeds"),
        (("name: test_accuracy", "name: accuracy"), 7, "metrics.0"),
        (("trainable: toy", "trainable: <b>toy"), 2, "&lt;b&gt;toy"),
    ],
)
def test_a_refusal_stands_at_its_line(
    client: TestClient, change: tuple[str, str], line: int, said: str
) -> None:
    piece = plan(client, TEXT.replace(*change))
    assert (
        f'data-line="{line}"' in piece and said in piece and "data-study" not in piece and "<b>" not in piece
    )


@pytest.mark.parametrize("text", ["", "- 1", "a: [", "\tname: x", "{}", "name: {name: {name: 1}}"])
def test_what_is_no_study_is_refused_in_words(client: TestClient, text: str) -> None:
    piece = plan(client, text)
    assert "This cannot be asked yet" in piece and "<li>" in piece


def test_a_body_that_is_no_text_is_a_problem(client: TestClient) -> None:
    for body in ({}, {"text": 3}, [1]):
        answer = client.post("/new/plan", json=body)
        assert answer.status_code == 422 and "as text" in answer.json()["detail"]


def test_a_new_study_begins_with_a_preset_or_another_study(client: TestClient) -> None:
    assert "my-first-study" in client.get("/new").text
    assert "mnist" in client.get("/new?preset=mnist-depth&scale=laptop").text
    assert client.get("/new?preset=nothing").status_code == 422
    study_id = client.post("/v1/studies", json=STUDY).json()["id"]
    page = client.get(f"/new?study={study_id}").text
    (text,) = re.findall(r"<textarea[^>]*>(.*?)</textarea>", page, re.DOTALL)
    piece = plan(client, text.replace("&#39;", "'").replace("&#34;", '"'))
    assert "4 arms x 2 seeds = 8 trials" in piece
    assert client.get("/new?study=no-such-study").status_code == 404


def test_pages_run_only_the_services_own_script(client: TestClient) -> None:
    for path in ("/", "/new", "/claims", "/docs"):
        answer = client.get(path)
        policy = answer.headers["Content-Security-Policy"]
        assert "script-src 'self'" in policy and "default-src 'none'" in policy
        assert re.findall(r"<script[^>]*>", answer.text) == ['<script src="/static/live.js">']
    script = client.get("/static/live.js")
    assert script.headers["content-type"].startswith("text/javascript") and len(script.content) < 20_000


def test_no_page_opens_without_a_key(settings: Any) -> None:
    import hashlib

    digests = {hashlib.sha256(key.encode()).hexdigest(): project for project, key in KEYS.items()}
    made = make_app(replace(settings, api_keys=digests))
    with TestClient(made, base_url="http://127.0.0.1:8000") as keyed:
        theirs = keyed.post(
            "/v1/studies", json=STUDY, headers={"Authorization": f"Bearer {KEYS['beta']}"}
        ).json()["id"]
        for path in ("/", "/new", "/static/live.js", "/studies/last"):
            assert keyed.get(path).status_code == 401
        assert keyed.post("/new/plan", json={"text": TEXT}).status_code == 401
        mine = {"Authorization": f"Bearer {KEYS['alpha']}"}
        assert keyed.get(f"/new?study={theirs}", headers=mine).status_code == 404


def test_a_large_study_shows_the_first_of_its_arms_and_seeds() -> None:
    overview = make_overview([], "m", {})
    assert overview.rows == () and overview.num_arms == overview.num_seeds == 0

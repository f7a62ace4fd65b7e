"""Reports in every format, figures as files, and plans that rest on earlier studies."""

import math
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from starlette.testclient import TestClient

from service.api import written
from service.ledger import Ledger, attempts, builds, leasing, outbox, studies
from service.ledger.builds import FigureFile
from service.ledger.database import Tx
from tests.unit.service.api.conftest import STUDY
from trainables.training.lease import Outcome

BODIES = {
    "html": "<p>hi</p>",
    "md": "# hi",
    "json": "{}",
    "latex": "% hi",
    "csv": "kind,estimate\n",
    "csv-trials": "arm_id\n",
}
MEDIA = {
    "html": "text/html",
    "md": "text/markdown",
    "json": "application/json",
    "latex": "application/x-latex",
    "csv": "text/csv",
    "csv-trials": "text/csv",
}
FILES = [
    FigureFile(name="effects.pdf", caption="Effects", body=b"%PDF-1.4 \x00\xff"),
    FigureFile(name="effects.svg", caption="Effects", body=b"<svg/>"),
]


def row(sd: float, n: int = 3) -> dict[str, Any]:
    return {"of": "mish", "against": "relu", "sd": sd, "n": n}


def effects(*sds: float) -> dict[str, Any]:
    family = {"name": "base", "primary": True, "metric": "test_accuracy", "rows": [row(sd) for sd in sds]}
    return {"interim": False, "contrasts": [family], "exploratory": []}


def finish(
    ledger: Ledger, study_id: str, *, seconds: float, found: dict[str, Any], papers: bool = True
) -> None:
    with ledger.write() as tx:
        number = attempts.begin(tx, study_id).number
        attempts.start(tx, study_id, number)
        ids = [trial.id for trial in leasing.work(tx, study_id)]
        leasing.lease(tx, study_id, number, ids)
        ended = [Outcome(trial_id=i, state="done", seconds=seconds) for i in ids]
        leasing.commit(tx, study_id, number, ended)
        assert studies.complete(tx, study_id, state="done", effects=found)
        if papers:
            write(tx, study_id)


def write(tx: Tx, study_id: str) -> None:
    """The papers that follow a verdict."""
    last = studies.build(tx, study_id)
    assert last is not None
    assert builds.add_reports(tx, study_id, seq=last.seq, bodies=BODIES)
    assert builds.add_figures(tx, study_id, seq=last.seq, files=FILES)


@pytest.fixture
def done(client: TestClient, ledger: Ledger) -> str:
    study_id = str(client.post("/v1/studies", json=STUDY).json()["id"])
    finish(ledger, study_id, seconds=18.0, found=effects(0.01, 0.02))
    return study_id


@pytest.mark.parametrize("format", sorted(BODIES))
def test_every_format_is_served_under_its_media_type(client: TestClient, done: str, format: str) -> None:
    answer = client.get(f"/v1/studies/{done}/report", params={"format": format})
    assert (answer.status_code, answer.text) == (200, BODIES[format])
    assert answer.headers["content-type"].split(";")[0] == MEDIA[format]
    by_media = client.get(f"/v1/studies/{done}/report", headers={"Accept": MEDIA[format]})
    assert by_media.text == BODIES["csv" if format == "csv-trials" else format]


@pytest.mark.parametrize("format", sorted(BODIES))
def test_before_the_first_build_every_format_answers(client: TestClient, format: str) -> None:
    study_id = client.post("/v1/studies", json=STUDY).json()["id"]
    answer = client.get(f"/v1/studies/{study_id}/report", params={"format": format})
    assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (200, MEDIA[format])
    assert client.get(f"/v1/studies/{study_id}/figures").json() == {"items": [], "next": None, "drawn": False}


def test_who_asks_for_the_report_of_a_fresh_verdict_waits_for_it(
    client: TestClient, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    study_id = str(client.post("/v1/studies", json=STUDY).json()["id"])
    finish(ledger, study_id, seconds=18.0, found=effects(0.01), papers=False)
    assert client.get(f"/v1/studies/{study_id}/effects").json()["interim"] is False
    monkeypatch.setattr(written, "PATIENCE_S", 0.3)
    for path in ("report", "table", "citation"):
        answer = client.get(f"/v1/studies/{study_id}/{path}")
        assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (503, "report-follows")
        assert answer.headers["retry-after"] == "2"
    monkeypatch.setattr(written, "PATIENCE_S", 30.0)

    def later() -> None:
        time.sleep(0.3)
        with ledger.write() as tx:
            write(tx, study_id)

    with ThreadPoolExecutor(1) as hands:
        hands.submit(later)
        assert client.get(f"/v1/studies/{study_id}/report?format=md").text == BODIES["md"]


def test_figures_are_listed_and_served(client: TestClient, done: str) -> None:
    items = client.get(f"/v1/studies/{done}/figures").json()["items"]
    assert [(item["name"], item["caption"]) for item in items] == [(f.name, f.caption) for f in FILES]
    for item, file, media in zip(items, FILES, ("application/pdf", "image/svg+xml"), strict=True):
        answer = client.get(item["href"])
        assert (answer.content, answer.headers["content-type"]) == (file.body, media)
        assert "default-src 'none'" in answer.headers["content-security-policy"]
    for name in ("other.pdf", "effects", "..%2Feffects.pdf", "effects.exe"):
        assert client.get(f"/v1/studies/{done}/figures/{name}").status_code == 404


def test_a_first_plan_says_what_is_unknown(client: TestClient) -> None:
    plan = client.post("/v1/studies/plan", json=STUDY).json()
    assert plan["cost"]["cpu_hours"] is None and plan["cost"]["basis"].startswith("unknown")
    assert plan["power"]["spread"] is None and "is unknown" in plan["power"]["basis"]


@pytest.mark.usefixtures("done")
def test_a_plan_rests_on_the_latest_study_that_asked_alike(client: TestClient, ledger: Ledger) -> None:
    later = str(client.post("/v1/studies", json={**STUDY, "name": "later"}).json()["id"])
    finish(ledger, later, seconds=36.0, found=effects(0.03, 0.04))
    plan = client.post("/v1/studies/plan", json=STUDY).json()
    # Eight trials at the median of 18 s and 36 s.
    assert plan["cost"]["cpu_hours"] == pytest.approx(8 * 27.0 / 3600)
    assert "16 finished trials" in plan["cost"]["basis"] and later in plan["cost"]["basis"]
    (family, rate) = plan["contrasts"]
    assert family["spread"] == pytest.approx(math.sqrt((0.03**2 + 0.04**2) / 2)) and rate["spread"] is None
    assert later in plan["power"]["basis"] and "2 rows of base over 3 seeds" in plan["power"]["basis"]
    unit = plan["contrasts"][1]["detectable_effect"]
    assert plan["power"]["detectable_effect"] == pytest.approx(unit * family["spread"])


def test_another_factor_tells_a_spread_only_where_none_asked_alike(
    client: TestClient, ledger: Ledger, done: str
) -> None:
    other = {**STUDY, "name": "depths", "baseline": {"depth": 1}}
    assert done in client.post("/v1/studies/plan", json=other).json()["power"]["spread_from"]
    later = str(client.post("/v1/studies", json=other).json()["id"])
    found = effects(0.5)
    found["contrasts"][0]["name"] = "depth"
    finish(ledger, later, seconds=1.0, found=found)
    assert done in client.post("/v1/studies/plan", json=STUDY).json()["power"]["spread_from"]
    assert later in client.post("/v1/studies/plan", json=other).json()["power"]["spread_from"]


@pytest.mark.usefixtures("done")
def test_a_study_on_other_data_tells_a_plan_nothing(client: TestClient) -> None:
    plan = client.post("/v1/studies/plan", json={**STUDY, "fixed": {"lr": 0.1, "dataset": "mnist"}}).json()
    assert plan["cost"]["cpu_hours"] is None and plan["power"]["spread_from"] is None


def test_what_mlflow_refused_is_seen(client: TestClient, ledger: Ledger, done: str) -> None:
    with ledger.write() as tx:
        message = outbox.pending(tx, 1)[0]
        outbox.failed(tx, message.id, "no room on the disk")
        outbox.failed(tx, message.id, "no room on the disk")
    shown = client.get(f"/v1/studies/{done}").json()
    assert shown["publish_error"] == "1 waiting, tried 2 times: no room on the disk"
    assert "no room on the disk" in client.get("/").text
    assert "ablate_outbox_parked 1.0" in client.get("/metrics").text

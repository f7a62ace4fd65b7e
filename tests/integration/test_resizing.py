"""A study whose pilot sets its number of seeds, through HTTP, Ray, the ledger and MLflow, on real digits."""

import json
import math
from typing import Any

import numpy as np
import pytest

from ablations.stats.power import seeds_needed
from tests.integration.studies import SMALL
from tests.integration.system import System

pytestmark = pytest.mark.integration

MARGIN, MOST = 0.03, 8
STUDY: dict[str, Any] = {
    **{name: part for name, part in SMALL.items() if name != "seeds"},
    "name": "resized",
    "factors": {"base": ["relu", "mish"]},
    "baseline": {"base": "relu"},
    "analysis": {"resize": {"pilot": 3, "margin": MARGIN, "max": MOST}},
}


@pytest.fixture(scope="module")
def finished(system: System) -> dict[str, Any]:
    """The study, run to its end; at no time did its effects tell a difference before the number was set."""
    study_id = system.submit(STUDY)["id"]
    while True:
        study = system.client.get(f"/v1/studies/{study_id}").json()
        effects = system.client.get(f"/v1/studies/{study_id}/effects").json()
        if "found" not in study["spec"]["analysis"]["resize"]:
            rows = [row for contrast in effects["contrasts"] for row in contrast["rows"]]
            assert all(row["estimate"] is None and row["verdict"] is None for row in rows)
        if study["state"] in ("done", "failed"):
            return system.wait(study_id, published=True)


def scores(system: System, study_id: str, seeds: range) -> np.ndarray:
    """The paired differences, computed from the trials alone."""
    value = {
        (trial["levels"]["base"], trial["seed"]): trial["metrics"]["test_accuracy"]
        for trial in system.trials(study_id)
    }
    return np.array([value["mish", seed] - value["relu", seed] for seed in seeds])


def test_the_pilot_sets_the_number_once_and_the_study_goes_on_to_its_verdict(
    system: System, finished: dict[str, Any]
) -> None:
    found = finished["spec"]["analysis"]["resize"]["found"]
    spread = math.sqrt(np.mean(scores(system, finished["id"], range(3)) ** 2))
    assert found["spread"] == pytest.approx(spread) and found["pairs"] == 3 and found["missing"] == 0
    wanted = max(3, seeds_needed(MARGIN / spread, alpha=0.05) or MOST)
    assert found["seeds"] == min(wanted, MOST) and found["enough"] == (wanted <= MOST)
    assert finished["state"] == "done" and finished["progress"]["total"] == 2 * found["seeds"]
    effects = system.client.get(f"/v1/studies/{finished['id']}/effects").json()
    (row,) = effects["contrasts"][0]["rows"]
    differences = scores(system, finished["id"], range(found["seeds"]))
    assert (row["n"], row["estimate"]) == (found["seeds"], pytest.approx(differences.mean()))
    assert row["verdict"] is not None
    assert any(
        note.startswith(f"{found['seeds']} seeds, set once from the pilot of 3") for note in row["notes"]
    )


def test_an_event_records_what_was_set_and_the_report_says_it(
    system: System, finished: dict[str, Any]
) -> None:
    found = finished["spec"]["analysis"]["resize"]["found"]
    with system.client.stream("GET", f"/v1/studies/{finished['id']}/events") as stream:
        told: list[Any] = []
        kind = ""
        for line in stream.iter_lines():
            kind = line.removeprefix("event: ") if line.startswith("event: ") else kind
            if kind == "resized" and line.startswith("data: "):
                told.append(json.loads(line.removeprefix("data: ")))
    assert told[0].pop("at")
    assert told == [{**found, "trials_added": 2 * (found["seeds"] - 3)}]
    report = system.client.get(f"/v1/studies/{finished['id']}/report?format=md").text
    assert f"It set {found['seeds']} seed" in report and "Kieser and Friede" in report
    plan = system.client.post("/v1/studies/plan", json=STUDY).json()
    assert finished["id"] in plan["power"]["spread_from"] and plan["cost"]["cpu_hours"] is not None

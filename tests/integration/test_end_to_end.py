"""From POST to a verdict, through HTTP, Ray, Tune, the ledger and MLflow, on real digits."""

import json
import re
import time
from typing import Any

import httpx
import numpy as np
import optuna
import psutil
import pytest

from tests.integration.studies import SMALL, expected_effect
from tests.integration.system import System
from tests.unit.trainables.sources import stripes

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def finished(system: System) -> dict[str, Any]:
    """A small study, submitted and waited for until MLflow has everything."""
    study = system.submit(SMALL)
    assert study["state"] == "queued"
    return system.wait(study["id"], published=True)


def test_the_system_is_ready_soon(system: System) -> None:
    assert set(system.ready) == {"api", "mlflow", "ray", "data_dir", "pid"}
    # 40 s is the promise on an idle machine; a shared one gets slack, but not without end.
    assert system.seconds_to_ready < 120
    ready = system.client.get("/readyz")
    assert ready.status_code == 200, ready.text


def test_ray_s_dashboard_runs_jobs_and_nothing_else(system: System) -> None:
    family = psutil.Process(system.process.pid).children(recursive=True)
    titles = " ".join(word for process in family for word in process.cmdline())
    assert sorted(re.findall(r"ray-dashboard-([A-Za-z]+)", titles)) == ["JobHead", "NodeHead"]


def test_every_trial_is_done(system: System, finished: dict[str, Any]) -> None:
    trials = system.trials(finished["id"])
    # 2 bases x 2 depths x (none + per_layer x 2 beta_init) x 3 seeds
    assert len(trials) == 36
    assert {t["state"] for t in trials} == {"done"}
    assert finished["state"] == "done"
    assert finished["progress"]["total"] == finished["progress"]["done"] == 36
    assert all("beta_init" not in t["levels"] for t in trials if t["levels"]["scalars"] == "none")
    assert all(0.0 <= t["metrics"]["test_accuracy"] <= 1.0 for t in trials)
    assert max(t["metrics"]["test_accuracy"] for t in trials) > 0.8


def test_effects_equal_those_computed_by_scipy(system: System, finished: dict[str, Any]) -> None:
    effects = system.client.get(f"/v1/studies/{finished['id']}/effects").json()
    assert effects["interim"] is False
    (contrast,) = [c for c in effects["contrasts"] if c["metric"] == "test_accuracy"]
    assert contrast["name"] == "scalars" and contrast["primary"] is True and contrast["family_size"] == 1
    (row,) = contrast["rows"]
    want = expected_effect(
        system.trials(finished["id"]),
        factor="scalars",
        of="per_layer",
        against="none",
        metric="test_accuracy",
    )
    for name in ("estimate", "low", "high", "p", "n"):
        assert row[name] == pytest.approx(want[name], rel=1e-9, abs=1e-12), name
    assert row["p_adjusted"] == pytest.approx(want["p"])
    assert row["others"]["sign_flip"] == pytest.approx(want["sign_flip"])
    verdict = "inconclusive" if want["p"] > 0.05 else ("better" if want["estimate"] > 0 else "worse")
    assert row["verdict"] == verdict


def test_report_in_every_form(system: System, finished: dict[str, Any]) -> None:
    url = f"/v1/studies/{finished['id']}/report"
    page = system.client.get(url, headers={"Accept": "text/html"})
    assert page.headers["content-type"].startswith("text/html") and "<svg" in page.text
    assert "small-depth" in page.text
    markdown = system.client.get(url, params={"format": "md"})
    assert markdown.headers["content-type"].startswith("text/markdown") and "small-depth" in markdown.text
    assert system.client.get(url, params={"format": "json"}).json()


def test_mlflow_holds_the_study(system: System, finished: dict[str, Any]) -> None:
    tracker = httpx.Client(base_url=system.ready["mlflow"], timeout=60)
    with tracker:
        found = tracker.post("/api/2.0/mlflow/experiments/search", json={"max_results": 100}).json()
        mine = [
            e
            for e in found["experiments"]
            if {"key": "ablate.study_id", "value": finished["id"]} in e.get("tags", [])
        ]
        assert len(mine) == 1
        runs = tracker.post(
            "/api/2.0/mlflow/runs/search",
            json={"experiment_ids": [mine[0]["experiment_id"]], "max_results": 1000},
        ).json()["runs"]
        kinds = [{t["key"]: t["value"] for t in r["data"]["tags"]}["ablate.kind"] for r in runs]
        assert kinds.count("trial") == 36 and kinds.count("arm") == 12
        assert kinds.count("summary") == 1 and len(kinds) == 36 + 12 + 1
        assert {r["info"]["status"] for r in runs} == {"FINISHED"}
        trial = runs[kinds.index("trial")]
        history = tracker.get(
            "/api/2.0/mlflow/metrics/get-history",
            params={"run_id": trial["info"]["run_id"], "metric_key": "val_accuracy"},
        ).json()["metrics"]
        assert len({m["step"] for m in history}) >= 2
        summary = runs[kinds.index("summary")]
        files = tracker.get(
            "/api/2.0/mlflow/artifacts/list", params={"run_id": summary["info"]["run_id"]}
        ).json()["files"]
        assert any(f["path"].endswith(".html") for f in files)


def test_the_same_study_again_runs_nothing(system: System, finished: dict[str, Any]) -> None:
    again = system.wait(system.submit(SMALL)["id"])
    assert again["state"] == "done"
    assert again["progress"]["reused"] == 36

    def scores(study_id: str) -> dict[Any, Any]:
        return {(t["arm_id"], t["seed"]): t["metrics"] for t in system.trials(study_id)}

    assert scores(again["id"]) == scores(finished["id"])


def test_an_extended_study_reuses_what_is_done_and_says_what_it_is(
    system: System, finished: dict[str, Any]
) -> None:
    study_id = system.cli("extend", finished["id"], "--seeds", "4").stdout.strip()
    study = system.wait(study_id)
    assert study["state"] == "done"
    assert (study["progress"]["total"], study["progress"]["reused"]) == (48, 36)
    effects = system.client.get(f"/v1/studies/{study_id}/effects").json()
    rows = effects["contrasts"][0]["rows"]
    assert all(row["n"] == 4 and row["verdict"] is None for row in rows)
    report = system.client.get(f"/v1/studies/{study_id}/report?format=md").text
    assert "Verdicts are withheld" in report and "Extended after results were known" in report
    first = system.client.get(f"/v1/studies/{finished['id']}/effects").json()
    assert all(row["verdict"] for row in first["contrasts"][0]["rows"])


def test_a_one_level_factor_changes_no_fingerprint(system: System, finished: dict[str, Any]) -> None:
    fixed = {k: v for k, v in SMALL["fixed"].items() if k != "lr"}
    moved = {**SMALL, "fixed": fixed, "factors": {**SMALL["factors"], "lr": [1e-2]}}
    study = system.wait(system.submit(moved)["id"])
    before = {t["fingerprint"] for t in system.trials(finished["id"])}
    assert {t["fingerprint"] for t in system.trials(study["id"])} == before
    assert study["progress"]["reused"] == 36


def test_the_same_key_submits_once(system: System) -> None:
    study = {**SMALL, "name": "once", "seeds": [0], "factors": {"depth": [1]}, "baseline": {}}
    first = system.client.post("/v1/studies", json=study, headers={"Idempotency-Key": "k-1"})
    again = system.client.post("/v1/studies", json=study, headers={"Idempotency-Key": "k-1"})
    assert first.status_code == again.status_code == 202
    assert first.json()["id"] == again.json()["id"]
    other = system.client.post(
        "/v1/studies", json={**study, "name": "other"}, headers={"Idempotency-Key": "k-1"}
    )
    assert other.status_code == 422
    assert other.headers["content-type"].startswith("application/problem+json")
    system.wait(first.json()["id"])


def test_cancel_is_seen_at_once_and_ends_the_work(system: System) -> None:
    long = {**SMALL, "name": "long", "fixed": {**SMALL["fixed"], "epochs": 500}}
    study_id = system.submit(long)["id"]
    answer = system.client.post(f"/v1/studies/{study_id}/cancel")
    assert answer.status_code == 202
    assert system.client.get(f"/v1/studies/{study_id}").json()["state"] == "cancelled"
    assert system.client.post(f"/v1/studies/{study_id}/cancel").status_code == 202


def test_a_study_says_what_it_waits_for(system: System) -> None:
    study_id = system.submit({**SMALL, "name": "needy", "resources": {"gpus": 4}, "seeds": 4})["id"]
    deadline = time.monotonic() + 60
    while (shown := system.client.get(f"/v1/studies/{study_id}").json())["waits_for"] is None:
        assert time.monotonic() < deadline, shown
        time.sleep(0.1)
    assert shown["waits_for"] == "4 GPUs: no node of the cluster has one"
    assert "waits for 4 GPUs: no node of the cluster has one" in system.cli("show", study_id).stdout
    page = system.client.get(f"/studies/{study_id}", headers={"Accept": "text/html"})
    assert "Waits for 4 GPUs: no node of the cluster has one" in page.text
    system.client.post(f"/v1/studies/{study_id}/cancel").raise_for_status()
    assert system.client.get(f"/v1/studies/{study_id}").json()["waits_for"] is None


def test_a_paused_study_frees_its_workers_and_ends_as_if_nothing_had_been(system: System) -> None:
    study = {**SMALL, "name": "paused", "fixed": {**SMALL["fixed"], "epochs": 40}, "seeds": 6}
    study_id = system.submit(study)["id"]
    deadline = time.monotonic() + 120
    while not system.client.get(f"/v1/studies/{study_id}").json()["progress"]["done"]:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert "is paused" in system.cli("pause", study_id).stdout
    while {t["state"] for t in system.trials(study_id)} - {"done", "planned"}:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    held = {t["id"]: t["metrics"] for t in system.trials(study_id, state="done")}
    time.sleep(3)
    assert {t["id"] for t in system.trials(study_id, state="done")} == set(held)
    assert system.client.get(f"/v1/studies/{study_id}").json()["state"] == "paused"
    assert "is queued" in system.cli("resume", study_id).stdout
    done = system.wait(study_id)
    assert done["state"] == "done" and done["progress"]["done"] == done["progress"]["total"] > len(held)
    rows = {t["id"]: t for t in system.trials(study_id)}
    assert all(rows[i]["metrics"] == metrics and rows[i]["attempts"] == 1 for i, metrics in held.items())


def test_failed_trials_are_retried_once_what_they_lacked_is_there(system: System) -> None:
    folder = system.data_dir / "datasets"
    images = {"x_train": np.zeros((9, 8, 8), np.uint8), "x_test": np.zeros((9, 8, 8), np.uint8)}
    np.savez(folder / "stripes.npz", **images)  # type: ignore[arg-type]
    study = {**SMALL, "name": "stripes", "fixed": {**SMALL["fixed"], "dataset": "stripes", "batch_size": 33}}
    refused = system.client.post("/v1/studies", json=study)
    assert refused.status_code == 422 and "has no y_train, y_test" in refused.text
    classes = np.full(9, -1)  # which only those see who read the whole file
    np.savez(folder / "stripes.npz", **images, y_train=classes, y_test=classes)  # type: ignore[arg-type]
    study_id = system.submit(study)["id"]
    failed = system.wait(study_id, published=True)
    assert failed["state"] == "failed" and "not one class number" in failed["error"]
    stripes(folder)
    assert "is queued" in system.cli("retry", study_id).stdout
    done = system.wait(study_id, published=True)
    assert (done["state"], done["error"]) == ("done", None)
    assert done["progress"]["done"] == done["progress"]["total"]
    effects = system.client.get(f"/v1/studies/{study_id}/effects").json()
    assert not effects["interim"] and effects["contrasts"][0]["rows"]
    again = system.cli("retry", study_id, check=False)
    assert again.returncode == 2 and "no failed trial" in again.stderr


def test_a_diverging_arm_is_an_outcome_not_a_failure(system: System) -> None:
    study = {
        **SMALL,
        "name": "diverging",
        "factors": {"lr": [1e-2, 1e30]},
        "baseline": {"lr": 1e-2},
        "fixed": {**{k: v for k, v in SMALL["fixed"].items() if k != "lr"}, "optimizer": "sgd", "depth": 2},
        "seeds": 2,
    }
    done = system.wait(system.submit(study)["id"])
    assert done["state"] == "done"
    states = {t["levels"]["lr"]: t["state"] for t in system.trials(done["id"])}
    assert states == {1e-2: "done", 1e30: "diverged"}
    effects = system.client.get(f"/v1/studies/{done['id']}/effects").json()
    assert effects["contrasts"][0]["rows"][0]["n"] == 2


def test_a_plain_search_reports_its_best_settings(system: System) -> None:
    study = {
        "name": "search",
        "trainable": "mlp-classifier",
        "fixed": {"dataset": "digits-5k", "width": 16, "depth": 1, "epochs": 1, "batch_size": 256},
        "tuning": {
            "candidates": 4,
            "sampler": "tpe",
            "space": {"lr": {"low": 1e-4, "high": 1e-1, "log": True}},
            "metric": {"name": "val_accuracy", "goal": "maximize"},
        },
        "seeds": 2,
    }
    done = system.wait(system.submit(study)["id"])
    assert done["state"] == "done"
    trials = system.trials(done["id"])
    tuning = [t for t in trials if t["phase"] == "tuning"]
    measuring = [t for t in trials if t["phase"] == "measuring"]
    assert len(tuning) == 4 and len(measuring) == 2
    assert min(t["seed"] for t in tuning) >= 1_000_000
    best = max(tuning, key=lambda t: t["metrics"]["val_accuracy"])
    assert {t["settings"]["lr"] for t in measuring} == {best["settings"]["lr"]}
    page = system.client.get(f"/v1/studies/{done['id']}/report", params={"format": "md"}).text
    assert f"{best['settings']['lr']:.3g}"[:4] in page or str(best["settings"]["lr"]) in page
    (search,) = system.client.get(f"/v1/studies/{done['id']}/searches").json()["items"]
    scored = {each["settings"]["lr"]: each["score"] for each in search["candidates"]}
    assert scored == {t["settings"]["lr"]: t["metrics"]["val_accuracy"] for t in tuning}
    storage = f"sqlite:///{system.data_dir / 'optuna.db'}"
    assert system.cli("export", done["id"], "--optuna", storage).stdout == "4 trials: search\n"
    written = optuna.load_study(storage=storage, study_name="search")
    assert written.best_params == {"lr": best["settings"]["lr"]}
    again = system.cli("export", done["id"], "--optuna", storage, check=False)
    assert again.returncode != 0 and "has a study 'search' already" in again.stderr
    nowhere = system.cli("export", done["id"], "--optuna", "nothing://x", check=False)
    assert (
        nowhere.returncode != 0
        and "--optuna nothing://x" in nowhere.stderr
        and "Traceback" not in nowhere.stderr
    )


def test_searches_are_shared_repeated_and_more_than_their_best_is_measured(system: System) -> None:
    fixed = {"dataset": "digits-5k", "width": 16, "depth": 1, "epochs": 1, "batch_size": 256}
    rates = [1e-4, 1e-3, 1e-2]
    usual = {"trainable": "mlp-classifier", "fixed": fixed, "seeds": 2}
    ranked = {
        **usual,
        "name": "ranked",
        "tuning": {"sampler": "grid", "space": {"lr": rates}, "confirm": 2},
        "baseline": {"rank_in_search": 1},
    }
    space = {"lr": {"low": 1e-4, "high": 0.1, "log": True}}
    shared = {
        **usual,
        "name": "shared-search",
        "factors": {"base": ["relu", "silu"]},
        "baseline": {"base": "relu"},
        "tuning": {"sampler": "qmc", "candidates": 3, "space": space, "per": [], "repeats": 2},
    }
    first, second = (system.wait(study["id"]) for study in [system.submit(ranked), system.submit(shared)])
    assert (first["state"], second["state"]) == ("done", "done")

    trials = system.trials(first["id"])
    tried = {t["settings"]["lr"]: t["metrics"]["val_accuracy"] for t in trials if t["phase"] == "tuning"}
    assert sorted(tried) == rates
    order = sorted(tried, key=lambda lr: -tried[lr])
    measuring = [t for t in trials if t["phase"] == "measuring"]
    measured = {(t["levels"]["rank_in_search"], t["settings"]["lr"]) for t in measuring}
    assert measured == {(1, order[0]), (2, order[1])}
    effects = system.client.get(f"/v1/studies/{first['id']}/effects").json()
    (row,) = effects["contrasts"][0]["rows"]
    assert (row["of"], row["against"], row["n"]) == (2, 1, 2)

    trials = system.trials(second["id"])
    best = []
    for repeat in range(2):
        scores: dict[float, list[float]] = {}
        for trial in trials:
            if trial["phase"] == "tuning" and trial["repeat"] == repeat:
                scores.setdefault(trial["settings"]["lr"], []).append(trial["metrics"]["val_accuracy"])
        assert [len(values) for values in scores.values()] == [2, 2, 2]  # each in both arms
        best.append(max(scores, key=lambda lr: sum(scores[lr])))
    measuring = [t for t in trials if t["phase"] == "measuring"]
    assert {(t["seed"], t["settings"]["lr"]) for t in measuring} == {(0, best[0]), (1, best[1])}
    effects = system.client.get(f"/v1/studies/{second['id']}/effects").json()
    assert not any("tuned" in note for note in effects["contrasts"][0]["rows"][0].get("notes", []))


def test_the_command_line_tells_the_same(system: System, finished: dict[str, Any]) -> None:
    listed = json.loads(system.cli("list", "--json").stdout)
    assert finished["id"] in {item["id"] for item in listed["items"]}
    effects = json.loads(system.cli("effects", finished["id"], "--json").stdout)
    assert effects == system.client.get(f"/v1/studies/{finished['id']}/effects").json()
    assert "per_layer" in system.cli("effects", finished["id"]).stdout
    assert system.cli("show", "00000000-0000-0000-0000-000000000000", check=False).returncode == 2

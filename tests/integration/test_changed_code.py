"""A plugin is edited while its study is paused, on a running service: asked, mixed openly, or run anew."""

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.example import install_example
from tests.integration.system import System, running_system

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
STUDY: dict[str, Any] = {
    "name": "descent",
    "trainable": "parabola",
    "factors": {"lr": [0.1, 0.05]},
    "baseline": {"lr": 0.1},
    "seeds": 8,
    "metrics": [{"name": "height"}],
    "analysis": {"test": "sign_flip"},
}
CODE = "parabola's code"


class Plugin:
    """The example's code, which multiplies what it reports by a factor that a test edits."""

    def __init__(self, site: Path) -> None:
        self.file = site / "ablate_example" / "code.py"
        # So slow that a study can be paused in its midst.
        slow = "import time\n\n    time.sleep(1)\n    x = 10 *"
        self.source = self.file.read_text().replace("x = 10 *", slow)
        self.edit(1)

    def edit(self, factor: int) -> None:
        changed = self.source.replace("height=(x - 3)", f"height={factor} * (x - 3)")
        assert changed != self.source and "time.sleep" in changed
        self.file.write_text(changed)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install_example(tmp_path_factory.mktemp("plugin"))


@pytest.fixture(scope="module")
def plugin(site: Path) -> Plugin:
    return Plugin(site)


@pytest.fixture(scope="module")
def served(site: Path, plugin: Plugin, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A service in whose environment the plugin is installed."""
    assert plugin.file.is_relative_to(site)
    path = os.pathsep.join([str(ROOT), str(site)])
    with running_system(tmp_path_factory.mktemp("changed"), PYTHONPATH=path) as running:
        yield running


def paused_in_its_midst(served: System, **changes: Any) -> str:
    """A study of which some trials are done and some are not, and none runs."""
    study_id: str = served.submit({**STUDY, **changes})["id"]
    deadline = time.monotonic() + 300
    while served.client.get(f"/v1/studies/{study_id}").json()["progress"]["done"] < 2:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert served.client.post(f"/v1/studies/{study_id}/pause").status_code == 202
    while {trial["state"] for trial in served.trials(study_id)} != {"done", "planned"}:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return study_id


def asked(served: System, study_id: str) -> tuple[str, str]:
    """The versions that the question names, on the command line as over REST."""
    answer = served.client.post(f"/v1/studies/{study_id}/resume")
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/study-changed")
    (problem,) = answer.json()["errors"]
    assert problem["path"] == CODE
    said = served.cli("resume", study_id, check=False)
    assert said.returncode == 2 and f"{CODE}: {problem['detail']}" in said.stderr
    assert served.client.get(f"/v1/studies/{study_id}").json()["state"] == "paused"
    found = re.fullmatch("was ([0-9a-f]{12}), is ([0-9a-f]{12}) now", problem["detail"])
    assert found is not None
    return found[1], found[2]


def only_row(served: System, study_id: str) -> dict[str, Any]:
    effects = served.client.get(f"/v1/studies/{study_id}/effects").json()
    (row,) = effects["contrasts"][0]["rows"]
    return dict(row)


def test_going_on_anyway_names_both_versions_and_decides_nothing(served: System, plugin: Plugin) -> None:
    study_id = paused_in_its_midst(served)
    num_before = len(served.trials(study_id, state="done"))
    plugin.edit(10)
    old, new = asked(served, study_id)
    assert "is queued" in served.cli("resume", study_id, "--anyway").stdout
    done = served.wait(study_id)
    assert (done["state"], done["progress"]["done"]) == ("done", 16)
    row = only_row(served, study_id)
    assert (row["verdict"], row["p"], row["p_adjusted"]) == ("inconclusive", None, None)
    (reason,) = row["mixed"]
    assert reason.startswith(f"{CODE} changed between ")
    report = served.client.get(f"/v1/studies/{study_id}/report?format=md").text
    assert old in report and new in report and reason in report
    assert 0 < num_before < 16
    assert "inconclusive" in served.cli("effects", study_id).stdout


def test_running_afresh_judges_the_new_code_alone(served: System, plugin: Plugin) -> None:
    plugin.edit(2)
    study_id = paused_in_its_midst(served, seeds=list(range(20, 28)))
    before = {trial["id"]: trial["metrics"]["height"] for trial in served.trials(study_id, state="done")}
    plugin.edit(200)
    asked(served, study_id)
    assert "is queued" in served.cli("resume", study_id, "--afresh").stdout
    done = served.wait(study_id, published=True)
    assert (done["state"], done["progress"]["done"]) == ("done", 16)
    row = only_row(served, study_id)
    assert (row["verdict"], row["mixed"], row["n"]) == ("worse", [], 8)
    now = {trial["id"]: trial["metrics"]["height"] for trial in served.trials(study_id)}
    assert {id: now[id] / height for id, height in before.items()} == pytest.approx(
        dict.fromkeys(before, 100.0), rel=1e-4
    )
    kept = served.trials(study_id, superseded="true")
    assert {trial["id"]: trial["metrics"]["height"] for trial in kept} == before
    check_mlflow(served, study_id, now)


def check_mlflow(served: System, study_id: str, now: dict[str, float]) -> None:
    """The comparison shows each trial once, by its new value and no point of the old one."""
    with httpx.Client(base_url=served.ready["mlflow"], timeout=60) as tracker:
        filter = f"tags.`ablate.study_id` = '{study_id}'"
        (experiment,) = tracker.post(
            "/api/2.0/mlflow/experiments/search", json={"filter": filter, "max_results": 5}
        ).json()["experiments"]
        query = {"experiment_ids": [experiment["experiment_id"]], "max_results": 100}
        shown = {**query, "filter": "tags.`ablate.kind` = 'trial'"}
        runs = tracker.post("/api/2.0/mlflow/runs/search", json=shown).json()["runs"]
        tags = [{tag["key"]: tag["value"] for tag in run["data"]["tags"]} for run in runs]
        assert {each["ablate.trial_id"] for each in tags} == set(now) and len(runs) == len(now)
        for run, each in zip(runs, tags, strict=True):
            history = tracker.get(
                "/api/2.0/mlflow/metrics/get-history",
                params={"run_id": run["info"]["run_id"], "metric_key": "height"},
            ).json()["metrics"]
            steps = [point["step"] for point in history]
            assert len(set(steps)) == len(steps)
            assert max(history, key=lambda point: point["step"])["value"] == pytest.approx(
                now[each["ablate.trial_id"]]
            )

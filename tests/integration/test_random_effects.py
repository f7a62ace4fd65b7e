"""The guide's study of models in general, trained for real: REST, command line, page and report agree."""

from typing import Any

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.meta_analysis import combine_effects

from ablations.study.documents import loads_yaml
from tests.integration.system import System
from tests.unit.test_guides import STUDIES, blocks

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def finished(system: System) -> dict[str, Any]:
    (text,) = [block for block in blocks(STUDIES, "yaml") if "random: model" in block]
    done = system.wait(system.submit(loads_yaml(text))["id"])
    assert done["state"] == "done" and done["progress"]["done"] == 40
    return done


@pytest.fixture(scope="module")
def row(system: System, finished: dict[str, Any]) -> dict[str, Any]:
    effects = system.client.get(f"/v1/studies/{finished['id']}/effects").json()
    (contrast,) = effects["contrasts"]
    assert (contrast["test"], contrast["random"]) == ("hartung_knapp", "model")
    (row,) = contrast["rows"]
    return dict(row)


def test_the_row_is_what_statsmodels_makes_of_its_trials(
    system: System, finished: dict[str, Any], row: dict[str, Any]
) -> None:
    values = {
        (t["levels"]["model"], t["levels"]["scalars"], t["seed"]): t["metrics"]["test_accuracy"]
        for t in system.trials(finished["id"])
    }
    models = ["narrow", "wide", "deep", "smooth", "bounded"]
    differences = np.array(
        [[values[m, "per_layer", s] - values[m, "none", s] for s in range(4)] for m in models]
    )
    covariances = np.cov(differences)
    shared = max(0.0, covariances[~np.eye(5, dtype=bool)].mean()) / 4
    variance = np.diag(covariances).mean() / 4 - shared
    told = combine_effects(differences.mean(axis=1), np.full(5, variance), method_re="pm", atol=1e-8)
    assert row["estimate"] == pytest.approx(told.mean_effect_re)
    population = row["population"]
    assert {stratum["level"] for stratum in population["strata"]} == set(models)
    assert population["q"] == pytest.approx(told.q)
    assert population["tau"] ** 2 == pytest.approx(told.tau2, rel=1e-4, abs=1e-12)
    # Never surer than Hartung and Knapp's interval, nor than that over seeds.
    reach = stats.t.ppf(0.975, 4) * told.var_hksj_re**0.5
    assert row["high"] - row["estimate"] >= reach * (1 - 1e-9) or shared > 0
    assert row["low"] < row["estimate"] < row["high"]
    ahead = population["prediction"]
    assert ahead["low"] <= row["low"] and row["high"] <= ahead["high"]


def test_command_line_page_and_report_say_the_same(
    system: System, finished: dict[str, Any], row: dict[str, Any]
) -> None:
    (note,) = [note for note in row["notes"] if note.startswith("for the next model")]
    home = f"/v1/studies/{finished['id']}"
    assert note in system.cli("effects", finished["id"]).stdout
    assert note in system.client.get(f"/studies/{finished['id']}").text
    report = system.client.get(f"{home}/report", params={"format": "md"}).text
    assert "## Over models" in report and note[1:] in report
    assert row["verdict"] in system.cli("effects", finished["id"]).stdout

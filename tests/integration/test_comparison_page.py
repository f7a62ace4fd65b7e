"""The MLflow page that a study links to, opened in a browser: curves grouped by arm, without a click."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, sync_playwright

from service.worker.mlflow import views
from tests.integration.studies import SMALL
from tests.integration.system import System

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium, as apt-get install chromium gives it"),
]
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]
PATIENCE_MS = 120_000


@pytest.fixture
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


def test_the_linked_view_shows_curves_by_arm(system: System, browser: Browser, tmp_path: Path) -> None:
    study = system.wait(system.submit(SMALL)["id"], published=True)
    arms = {trial["arm"] for trial in system.trials(study["id"])}
    page = browser.new_page(viewport={"width": 1800, "height": 1200})
    page.goto(study["links"]["mlflow"])
    page.get_by_text("Group by: arm").wait_for(timeout=PATIENCE_MS)
    page.get_by_text(re.compile("Group: ")).first.wait_for(timeout=PATIENCE_MS)
    chart = page.get_by_test_id("experiment-view-compare-runs-card").first
    chart.wait_for(timeout=PATIENCE_MS)
    page.screenshot(path=str(tmp_path / "curves.png"))
    text = page.inner_text("body")
    assert "Curves by arm" in text and "val_accuracy" in text and "small-depth" in text
    # The summary run is not among the trials, and each arm is one group of its three seeds.
    assert f"{len(arms) * 3} matching runs" in text
    assert len(page.locator("svg.main-svg path.js-line").all()) >= len(arms)


def test_the_other_view_shows_parallel_coordinates(system: System, browser: Browser) -> None:
    study = system.wait(system.submit(SMALL)["id"], published=True)
    experiment = re.search(r"/experiments/(\d+)/", study["links"]["mlflow"])
    assert experiment is not None
    page = browser.new_page(viewport={"width": 1800, "height": 1200})
    page.goto(system.ready["mlflow"] + views.link(experiment[1], views.FACTORS))
    page.get_by_text("Parallel Coordinates").first.wait_for(timeout=PATIENCE_MS)
    page.locator("div.parcoords g.dimension").first.wait_for(timeout=PATIENCE_MS)
    axes = page.locator("div.parcoords g.dimension").all_text_contents()
    for name in ("scalars", "base", "depth", "test_accuracy"):
        assert any(axis.endswith(name) for axis in axes), (name, axes)


def test_every_arm_is_on_one_page(system: System, browser: Browser, tmp_path: Path) -> None:
    study = system.wait(system.submit(SMALL)["id"], published=True)
    arms = {trial["arm"] for trial in system.trials(study["id"])}
    experiment = re.search(r"/experiments/(\d+)/", study["links"]["mlflow"])
    assert experiment is not None
    page = browser.new_page(viewport={"width": 1800, "height": 1600})
    page.goto(system.ready["mlflow"] + views.link(experiment[1], views.ARMS))
    page.locator("div.parcoords g.dimension").first.wait_for(timeout=PATIENCE_MS)
    page.locator("svg.main-svg path.js-line").first.wait_for(timeout=PATIENCE_MS)
    page.screenshot(path=str(tmp_path / "arms.png"))
    text = page.inner_text("body")
    assert f"{len(arms)} matching runs" in text
    assert {"Arms", "val_accuracy", "beta_by_layer"} <= set(text.split())
    axes = page.locator("div.parcoords g.dimension").all_text_contents()
    for name in ("scalars", "base", "depth", "test_accuracy"):
        assert any(axis.endswith(name) for axis in axes), (name, axes)


def test_the_note_is_the_answer(system: System) -> None:
    study = system.wait(system.submit(SMALL)["id"], published=True)
    experiment = re.search(r"/experiments/(\d+)/", study["links"]["mlflow"])
    assert experiment is not None
    found = httpx.get(
        f"{system.ready['mlflow']}/api/2.0/mlflow/experiments/get", params={"experiment_id": experiment[1]}
    ).json()["experiment"]
    note = {tag["key"]: tag["value"] for tag in found["tags"]}["mlflow.note.content"]
    effects = system.client.get(f"/v1/studies/{study['id']}/effects").json()
    row = effects["contrasts"][0]["rows"][0]
    assert f"{row['estimate']:+.4g}" in note and row["verdict"] in note and "/report" in note

"""In Chromium, over a real system: a study is written, planned, submitted, watched and steered on pages."""

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from ablations.effects.wording import words_of
from tests.integration.system import System

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium, as apt-get install chromium gives it"),
]
STUDY = """name: on-a-page
trainable: mlp-classifier
factors: {scalars: [none, per_layer]}
baseline: {scalars: none}
fixed: {dataset: digits-5k, width: 48, depth: 4, epochs: 60}
seeds: 12
metric: test_accuracy
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def said(browser: Browser) -> Iterator[tuple[Page, list[str]]]:
    """A page, and what its console and its scripts complained of."""
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page, complaints
    page.close()


def places(page: Page) -> dict[str, int]:
    """How many trials the grid shows in each state."""
    return dict(
        page.evaluate(
            "[...document.querySelectorAll('.place')].reduce((all, each) => ("
            "{...all, [each.classList[1]]: (all[each.classList[1]] ?? 0) + 1}), {})"
        )
    )


def test_from_a_pasted_study_to_its_verdict_without_a_reload(
    system: System, said: tuple[Page, list[str]]
) -> None:
    page, complaints = said
    page.goto(f"{system.ready['api']}/new")
    page.fill("#text", STUDY.replace("width: 48", "widht: 48"))
    page.click("[data-line='5']")
    assert page.evaluate("getSelection().toString()").startswith("fixed:")
    assert page.is_disabled("#submit")
    page.fill("#text", STUDY)
    page.wait_for_selector("#plan dl")
    assert "2 arms x 12 seeds = 24 trials" in page.inner_text("#plan")
    # By keyboard alone: from the text to the button.
    page.focus("#text")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "submit"
    page.keyboard.press("Enter")
    page.wait_for_url("**/studies/*")
    study_id = page.url.rpartition("/")[2]
    page.evaluate("window.unloaded = false")

    page.focus("#pause")
    page.keyboard.press("Enter")
    page.wait_for_selector("header .state.paused")
    page.click("#resume")
    page.wait_for_selector("header .state:not(.paused)")
    seen = set()
    for _ in range(600):
        found = places(page)
        seen.add(found.get("done", 0))
        if page.query_selector("header .state.done"):
            break
        page.wait_for_timeout(200)
    page.wait_for_selector(".verdict")
    expect(page.locator(".place.done")).to_have_count(24, timeout=30_000)
    assert 0 in seen and len(seen) > 1, "the grid filled while it was watched"
    assert page.evaluate("window.unloaded === false"), "the page was loaded anew"

    trials = system.trials(study_id)
    assert places(page) == {"done": len(trials)}
    effects: Any = system.client.get(f"/v1/studies/{study_id}/effects").json()
    (row,) = effects["contrasts"][0]["rows"]
    assert page.inner_text(".verdict") == words_of(row)
    for arm in {trial["arm"] for trial in trials}:
        values = [trial["metrics"]["test_accuracy"] for trial in trials if trial["arm"] == arm]
        line = page.locator("table.overview tr", has_text=arm).first.inner_text()
        assert f"{sum(values) / len(values):.4g}" in line
    assert page.query_selector("figure svg polyline") is not None
    assert not complaints


@pytest.mark.parametrize("width", [1400, 360])
def test_no_page_is_wider_than_its_window(system: System, said: tuple[Page, list[str]], width: int) -> None:
    page, complaints = said
    page.set_viewport_size({"width": width, "height": 800})
    for path in ("/", "/new", "/claims", "/docs", "/studies/last"):
        page.goto(f"{system.ready['api']}{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
    assert not complaints


def test_what_is_refused_is_said_on_the_page(system: System, said: tuple[Page, list[str]]) -> None:
    page, _ = said
    page.goto(f"{system.ready['api']}/studies/last")
    page.on("dialog", lambda dialog: dialog.accept("1"))
    page.click("#extend")
    expect(page.locator("#said")).to_contain_text("seeds", timeout=30_000)

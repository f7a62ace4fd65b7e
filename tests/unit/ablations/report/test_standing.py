"""What a report says of a study that is not done: each end has its words, and nothing differs unjudged."""

import pytest

from ablations.contrasts.contrast import compile_contrasts
from ablations.effects.judge import judge
from ablations.effects.standing import LABELS, State
from ablations.report.build import build_report
from ablations.report.renderers import html, markdown
from ablations.results.results import Results
from tests.unit.ablations.report.example import PROVENANCE, SMALL, example_design, example_records

WORDS: dict[State, str] = {
    "queued": "The study waits to run: 16 of 24 trials have a result. Estimates may move",
    "running": "The study is still running: 16 of 24 trials have a result. Estimates may move",
    "paused": "come only after it is resumed and has ended",
    "cancelled": "there are no p-values and no verdicts",
    "failed": "The study failed: 0 of 24 trials have a result.",
    "done": "The study is done, with 8 of 24 trials without a result.",
}


def told(state: State, *, keep: int = 16) -> str:
    """The Markdown report of a small study of which so many trials have a result."""
    design = example_design({**SMALL, "factors": {"scalars": ["none", "shared"], "depth": [1, 25]}})
    by_seed = sorted(example_records(design), key=lambda record: record.seed)
    records = by_seed[: 0 if state == "failed" else keep]
    results = Results.build(design, records)
    final = state in ("done", "failed")
    effects = judge(compile_contrasts(design), results, final=final, state=state)
    parts = {"design": design, "effects": effects, "results": results, "records": records}
    report = build_report(study_id="s", provenance=PROVENANCE, **parts)
    assert effects.to_json()["standing"]["words"] == effects.standing.words
    assert ('class="badge interim"' in html.render(report)) == (state != "done")
    return markdown.render(report) if state != "done" else f"{effects.standing.words}\n"


@pytest.mark.parametrize("state", [*LABELS])
def test_each_state_has_its_own_words(state: State) -> None:
    text = told(state)
    assert WORDS[state] in text.replace("\\", "")
    if state not in ("queued", "running"):
        assert "still running" not in text and "Interim" not in text


@pytest.mark.parametrize("state", ["running", "paused", "cancelled"])
def test_what_was_not_decided_does_not_differ(state: State) -> None:
    text = told(state)
    assert "differs" not in text
    assert "The estimate: `shared` against `none` on `test_accuracy` (difference " in text


def test_a_study_whose_trials_all_have_a_result_needs_no_word() -> None:
    assert told("done", keep=24) == "\n"


def test_nothing_to_estimate_yet_is_said_so() -> None:
    text = told("running", keep=0)
    assert "The comparison on `test_accuracy` cannot be estimated yet" in text and "differs" not in text

"""Every sentence a report, a plan, a terminal or a note can print is brought by a condition of the table."""

import pytest

from tests.unit.ablations.report.said import EVERY, text_of
from tests.unit.ablations.report.sentences import ROOT, templates

SPEAKING: dict[str, tuple[str, ...]] = {
    **{
        str(path.relative_to(ROOT)): ()
        for folder in ("ablations/report/sections", "ablations/effects")
        for path in sorted((ROOT / folder).glob("*.py"))
        if path.stem not in ("population", "populations")
    },
    "ablations/report/build.py": (),
    "ablations/report/renderers/markdown.py": (),
    "ablations/plan/cautions.py": (),
    "ablations/plan/plan.py": (),
    "ablations/results/environments.py": (),
    "service/cli/plan_table.py": (),
    "service/plan_words.py": (),
    "service/cli/tables.py": ("print_effects", "_effect_table", "_effect_cells", "_holes", "_title"),
    "service/worker/mlflow/summary.py": (),
}
"""Files that speak, with the functions in them that do where not all of it is about results."""
SILENT = {
    "simulated study": "the table that comes along holds thousands, never one",
}

ELSEWHERE = (
    " for {} in general",
    " from a spread of {} in {}{}",
    " It set {}{}.",
    "The number of seeds was not fixed at the start but set once,",
    ", the most that there may be, as no row of it had two comple",
    ", the most that there may be, though that chance asks for mo",
    "Levels of {} are taken for a sample of {} in general. The ef",
    "the t test of Hartung, Knapp, Sidik and Jonkman over strata",
    ", for {} in general",
    "judged on results of a study that is to have more seeds, as ",
    "fewer than {} {} have two seeds with a value on both sides",
    "This is the pilot of {} seeds: differences are shown once it",
    "Hartung and Knapp's t test",
    " with {} seeds, the most there may be",
    "by {}{} over {} {}, in standard deviations of the effects th",
    "the pilot will tell it",
    "{}, then {} in all{}",
    ", about {} CPU-hours",
)
"""How sentences begin that only studies with a random factor or a pilot bring: their own tests do."""


@pytest.mark.parametrize("place", range(len(EVERY)), ids=[case.when for case in EVERY])
def test_each_condition_brings_its_sentences(place: int) -> None:
    case, text = EVERY[place], text_of(place)
    missing = [said for said in case.says if said.lower() not in text.lower()]
    assert not missing


def test_no_sentence_of_the_source_is_left_out() -> None:
    lines = (line for place in range(len(EVERY)) for line in text_of(place).splitlines())
    everything = "\n".join(dict.fromkeys(lines))
    left_out = [
        f"{found.place} {found.text!r}"
        for path, functions in SPEAKING.items()
        for found in templates(path, functions)
        if found.text not in SILENT
        and not found.text.startswith(ELSEWHERE)
        and not found.pattern.search(everything)
    ]
    assert not left_out

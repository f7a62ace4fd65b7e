"""A report put together from what was planned, measured and judged."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from ablations.design.design import Design
from ablations.effects.judge import Effects
from ablations.errors import Json
from ablations.report.document.document import Block, Callout, Report, Section
from ablations.report.evidence import Evidence
from ablations.report.sections import (
    answer,
    arms,
    comparisons,
    crossings,
    curves,
    interactions,
    methods,
    populations,
    question,
    scalars,
    searches,
    variance,
)
from ablations.report.sections.provenance import provenance as provenance_section
from ablations.results.results import Results, TrialRecord

Builder = Callable[[Evidence], list[Block]]

SECTIONS: tuple[tuple[str, str | Callable[[Evidence], str], Builder], ...] = (
    ("answer", "Answer", answer.answer),
    ("effects", "Effects", comparisons.primary),
    ("populations", populations.title, populations.populations),
    ("search", "Search", searches.search),
    ("other-contrasts", "Other contrasts", comparisons.others),
    ("interactions", "Interactions", interactions.interactions),
    ("variance", "Shares of variance", variance.variance),
    ("against", "Across levels", curves.draw_across_factor),
    ("crossings", "Where rates cross a level", crossings.crossings),
    ("curves", "Learning curves", curves.learning_curves),
    ("scalars", "Learned scalars", scalars.learned_scalars),
    ("arms", "Every arm", arms.arms),
    ("failures", "Failures", arms.failures),
    ("exploratory", "Exploratory effects", comparisons.exploratory),
    ("methods", "Methods", methods.methods),
)


BLINDED = ("answer", "failures", "methods")
"""What may be told before a pilot has set the number of seeds: nothing that tells one arm from another."""


def build_report(
    *,
    study_id: str,
    design: Design,
    effects: Effects,
    results: Results,
    records: Sequence[TrialRecord],
    provenance: Mapping[str, Json],
) -> Report:
    """The report of a study, finished or not; a section that fails is an error card in its place.

    Everything that may differ between two runs of one study (id, times, machine) is in the provenance alone.
    """
    evidence = Evidence(design=design, effects=effects, results=results, records=records)
    return Report(
        title=design.study.name,
        summary=_one_line(evidence),
        interim=effects.interim,
        sections=tuple(_sections(evidence)),
        provenance=provenance_section(study_id, design, provenance),
        label=effects.standing.label,
        standing=effects.standing.words,
    )


def _sections(evidence: Evidence) -> Iterator[Section]:
    resize = evidence.design.resize
    blinded = resize is not None and resize.pending
    for name, title, build in SECTIONS:
        if blinded and name not in BLINDED:
            continue
        blocks = _built(build, evidence)
        if blocks:
            shown = title if isinstance(title, str) else title(evidence)
            yield Section(id=name, title=shown, blocks=tuple(blocks))


def _built(build: Builder, evidence: Evidence) -> list[Block]:
    try:
        return build(evidence)
    except Exception as error:  # one broken section must not cost the others
        text = f"{type(error).__name__}: {error}"
        return [Callout(tone="error", title="This section could not be built", text=text)]


def _one_line(evidence: Evidence) -> str:
    try:
        return question.question(evidence)
    except Exception:  # the title page stands even if the question cannot be put into words
        return ""

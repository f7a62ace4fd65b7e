"""What was asked, in one sentence."""

from ablations.contrasts.contrast import Contrast
from ablations.design.factor import name_many
from ablations.design.search import RANK
from ablations.report.document.numbers import compact, listing
from ablations.report.evidence import Evidence, Measure, selection_text


def question(evidence: Evidence) -> str:
    """The primary question in one sentence."""
    main = evidence.main.name if evidence.measures else "the metric"
    if evidence.primary is None:
        if any(factor.name != RANK for factor in evidence.varying):
            return f"How does {main} depend on {listing([f.name for f in evidence.varying])}?"
        if evidence.design.study.tuning is not None:
            return f"Which settings give the best {main}?"
        return f"What {main} does this recipe reach?"
    asked = evidence.question(evidence.primary)
    where = selection_text(evidence.selection(asked.name))
    return _contrast_question(asked, evidence.measure(asked.metric), where)


def _contrast_question(asked: Contrast, measure: Measure, where: str) -> str:
    against = sorted({compact(row.against) for row in asked.rows})
    of = list(dict.fromkeys(compact(row.of) for row in asked.rows))
    sentence = (
        f"Does {asked.factor} = {listing(of, last='or')} change {measure.name}"
        f" against {asked.factor} = {listing(against, last='or')}"
    )
    if where:
        sentence += f" where {where}"
    if asked.within:
        sentence += f", for each {listing(asked.within)}"
    if asked.over:
        sentence += f", averaged over {listing(asked.over)}"
    if asked.random:
        sentence += f", for {name_many(asked.random)} in general"
    return f"{sentence}?"

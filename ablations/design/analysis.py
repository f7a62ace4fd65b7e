"""The declared analysis, checked against what the study reads."""

from collections.abc import Sequence

from ablations.design.margin import FORMS, read_margin
from ablations.design.reading import Reading
from ablations.errors import Json, Problems
from ablations.study.spec import StudySpec


def check_analysis(study: StudySpec, readings: Sequence[Reading], problems: Problems) -> None:
    """Refuse margins of what is not read, and looks that could never be taken."""
    known: list[Json] = [reading.name for reading in readings]
    for field, named in (("margin", study.analysis.margin), ("spread", study.analysis.spread)):
        for name in named:
            if name not in known:
                problems.add(f"analysis.{field}.{name}", f"{name} is not among the study's metrics", known)
    for reading in readings:
        if reading.name in study.analysis.margin:
            try:
                read_margin(study.analysis.margin[reading.name], reading)
            except ValueError as error:
                problems.add(f"analysis.margin.{reading.name}", str(error), FORMS[reading.scale])
    _check_looks(study, problems)


def _check_looks(study: StudySpec, problems: Problems) -> None:
    looks, num_seeds = study.analysis.looks, len(study.seed_list())
    if looks != sorted(set(looks)):
        problems.add("analysis.looks", "looks are numbers of seeds, each larger than the one before")
    if looks and num_seeds not in looks:
        allowed: list[Json] = [look for look in sorted(set(looks))]
        detail = f"the study ends with {num_seeds} seeds, which is no look: it would end without verdict"
        problems.add("seeds", detail, allowed)

"""A number of seeds that is set once, from the spread of a pilot: what it needs of a study."""

from collections.abc import Sequence
from dataclasses import dataclass

from ablations.design.margin import FORMS, margin_text, read_margin
from ablations.design.question import Question
from ablations.design.reading import Reading
from ablations.errors import Problems
from ablations.study.analysis import ResizedSpec
from ablations.study.spec import StudySpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Resize:
    """The rule: as many seeds, at most `most`, as find `margin` on `metric` with a chance of `power`.

    On a log scale the margin is a share. `found` is what the pilot told, None before it has ended.
    """

    pilot: int
    most: int
    power: float
    metric: str
    margin: float
    log: bool
    found: ResizedSpec | None

    @property
    def pending(self) -> bool:
        """Whether the number of seeds is still to be set."""
        return self.found is None

    @property
    def aim(self) -> str:
        """What the number of seeds is set for."""
        margin = margin_text(self.margin, log=self.log)
        return f"a difference of {margin} in {self.metric} is found with a chance of {100 * self.power:g} %"

    @property
    def rule(self) -> str:
        """The rule as a plan says it."""
        return (
            f"starts with {self.pilot} seeds; the number is set once from the spread of the pilot, blinded to"
            f" which arm is which, so that {self.aim}; at most {self.most}"
        )

    @property
    def outcome(self) -> str:
        """What a reader must know beside the answer: the number that was set, or that it is not yet."""
        found = self.found
        if found is None:
            return (
                f"pilot of {self.pilot} seeds: no difference is shown and no verdict given before it has set"
                " the number of seeds"
            )
        told = f"{found.seeds} seeds, set once from the pilot of {self.pilot}, blinded to which arm is which"
        if found.spread is None:
            return (
                f"{told}: no row had two complete pairs to tell a spread, so that the most declared were run"
            )
        parts = [f"{told}: a spread of {found.spread:.3g} in {found.row} over {found.pairs} pairs"]
        if not found.enough:
            parts.append(f"which asks for more than the {self.most} declared at most")
        if found.missing:
            parts.append(f"{found.missing} trials of the pilot have no result")
        if found.unknown:
            parts.append(f"no two pairs in {', '.join(found.unknown)}")
        return "; ".join(parts)


def read_resize(
    study: StudySpec, readings: Sequence[Reading], questions: Sequence[Question], problems: Problems
) -> Resize | None:
    """The declared rule, if there is one; what it does not go with is a problem."""
    declared, path = study.analysis.resize, "analysis.resize"
    if declared is None:
        return None
    if "seeds" in study.model_fields_set:
        detail = f"{path} starts with {declared.pilot} and sets the number later: leave seeds out"
        problems.add("seeds", detail)
    if study.analysis.looks:
        detail = "looks and resize each say when there are verdicts: declare one of them"
        problems.add("analysis.looks", detail)
    if declared.max <= declared.pilot:
        detail = f"{declared.max} seeds at most are no more than the pilot's"
        problems.add(f"{path}.max", detail, {"low": declared.pilot + 1})
    if study.tuning is not None and study.tuning.repeats > 1:
        detail = f"a search for each seed must know their number at the start, which {path} sets later"
        problems.add("tuning.repeats", detail, 1)
    primary = next((question for question in questions if question.primary), None)
    if primary is None:
        problems.add(path, "the study judges nothing, so that no number of seeds is needed to find it")
    elif primary.shape == "trend":
        problems.add(path, f"{primary.name} asks for a slope, which has no margin: say seeds instead")
    elif primary.random is not None:
        detail = f"what {primary.name} can find depends on how far effects differ between levels of"
        problems.add(path, f"{detail} {primary.random}, which a pilot does not tell: say seeds instead")
    return _resize(study, readings[0], problems) if readings else None


def _resize(study: StudySpec, reading: Reading, problems: Problems) -> Resize | None:
    declared, path = study.analysis.resize, "analysis.resize.margin"
    assert declared is not None
    if reading.kind == "rate":
        detail = f"{reading.name} is a rate, whose spread follows from its level: say seeds instead"
        problems.add("analysis.resize", detail)
        return None
    written = declared.margin or study.analysis.margin.get(reading.name)
    if written is None:
        detail = f"the difference in {reading.name} that is to be found, here or in analysis.margin"
        problems.add(path, detail, FORMS[reading.scale])
        return None
    try:
        margin = read_margin(written, reading)
    except ValueError as error:
        problems.add(path, str(error), FORMS[reading.scale])
        return None
    return Resize(
        pilot=declared.pilot,
        most=declared.max,
        power=declared.power,
        metric=reading.name,
        margin=margin,
        log=reading.scale == "log",
        found=declared.found,
    )

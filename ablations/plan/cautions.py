"""Warnings: what a plan should say before anybody waits for the results."""

from collections.abc import Iterable

from ablations.contrasts.contrast import Contrasts
from ablations.contrasts.rows import varying_names
from ablations.design.arm import text_of
from ablations.design.design import Design
from ablations.design.search import grid_size

FEW_SEEDS = 5


def warnings_of(design: Design, contrasts: Contrasts) -> tuple[str, ...]:
    """Everything about this design that its author may not have meant."""
    found = [
        *_unused(design),
        *_unmatched(design, contrasts),
        *_search(design),
        *_seeds(design, contrasts),
    ]
    return tuple(dict.fromkeys(found))


def _unused(design: Design) -> Iterable[str]:
    varying = set(varying_names(design.arms))
    for factor in design.factors:
        if len(factor.levels) > 1 and factor.name not in varying:
            yield f"{factor.name} has {len(factor.levels)} levels and varies in no two arms"
        for name in factor.settings:
            if name in design.study.fixed:
                yield f"fixed.{name} is overridden by the factor {factor.name}"
    for name in design.study.fixed:
        if not any(name in design.possible(arm) for arm in design.arms):
            yield f"fixed.{name} applies to no arm"


def _unmatched(design: Design, contrasts: Contrasts) -> Iterable[str]:
    for question in design.questions:
        rows = [row for c in contrasts.contrasts if c.name == question.name for row in c.rows]
        # The components of a leave-one-out design are judged together, under another name.
        if question.shape == "trend" or not rows:
            continue
        for level in question.of:
            if not any(row.of == level for row in rows):
                yield (
                    f"{question.name}: no arm with {question.vary.name}={text_of(level)} matches one with "
                    f"{text_of(question.against)}"
                )


def _search(design: Design) -> Iterable[str]:
    tuning = design.study.tuning
    if tuning is None:
        return
    if tuning.repeats == 1 and design.questions:
        yield "tuned once: the effects hold for these tuned settings (tuning.repeats: 1)"
    if grid_size(tuning) < tuning.candidates:
        points = _counted(int(grid_size(tuning)), "point")
        yield f"{tuning.candidates} candidates for a space of {points}"
    idle = [arm for arm in design.arms if not tuning.space.keys() & design.possible(arm, tuning.fixed).keys()]
    if idle:
        among = ", among them" if len(idle) > 1 else ":"
        yield f"nothing that is searched applies to {_counted(len(idle), 'arm')}{among} [{idle[0].label}]"
    for name in tuning.space:
        if name in design.study.fixed:
            yield f"fixed.{name} is overridden by the search"


def _seeds(design: Design, contrasts: Contrasts) -> Iterable[str]:
    if contrasts.contrasts and len(design.seeds) < FEW_SEEDS:
        yield f"{len(design.seeds)} seeds: intervals will be wide, and rest on the differences being normal"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"

"""From data to a study, and what is wrong with it in words: every field by its path, and what it may be."""

import re
from collections.abc import Mapping

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ablations.errors import InvalidStudy, Json, Problem, Problems
from ablations.study.spec import (
    AnalysisSpec,
    ContrastSpec,
    LeaveOneOut,
    Model,
    Range,
    RateSpec,
    ReadingSpec,
    Requirement,
    ResourcesSpec,
    StudySpec,
    TuningMetric,
    TuningSpec,
)

MODELS: Mapping[tuple[str, ...], type[Model]] = {
    (): StudySpec,
    ("metrics", "*"): ReadingSpec,
    ("analysis",): AnalysisSpec,
    ("analysis", "contrasts", "*"): ContrastSpec,
    ("tuning",): TuningSpec,
    ("tuning", "metric"): TuningMetric,
    ("tuning", "space", "*"): Range,
    ("resources",): ResourcesSpec,
    ("leave_one_out",): LeaveOneOut,
    ("require", "*"): Requirement,
}

BOUNDS: Mapping[str, str] = {"ge": "low", "gt": "above", "le": "high", "lt": "below"}

MESSAGES: Mapping[str, str] = {
    "missing": "this field is required",
    "model_type": "must be an object",
    "dict_type": "must be an object",
    "list_type": "must be a list",
    "string_type": "must be a string",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "too_short": "must not be empty",
    "string_too_short": "must not be empty",
    "literal_error": "is none of the choices",
    "string_pattern_mismatch": "holds a character that is not allowed here",
}


def parse_study(data: Json) -> StudySpec:
    """The study in this data.

    Raises: InvalidStudy with every field that is wrong, by its path.
    """
    try:
        study = StudySpec.model_validate(data)
    except ValidationError as error:
        raise InvalidStudy(_problem(details) for details in error.errors(include_url=False)) from None
    problems = Problems()
    _check_across_fields(study, problems)
    problems.raise_if_any()
    return study


def _problem(details: ErrorDetails) -> Problem:
    # A key that is wrong stands in the path itself.
    steps = [str(part) for part in details["loc"] if part != "[key]"]
    path = tuple(step for step in steps if not step.startswith("\x00"))
    detail, allowed = details["msg"].removeprefix("Value error, "), None
    if path == ("metric",):
        detail = "give metric or metrics, not both"
    elif details["type"] == "extra_forbidden":
        detail, allowed = "unknown field", _fields_beside(path)
    else:
        detail = MESSAGES.get(details["type"], detail)
        allowed = _allowed(details)
        detail = detail.replace("Input should be", "must be")
    return Problem(path=".".join(path), detail=detail, allowed=allowed)


def _allowed(details: ErrorDetails) -> Json:
    """The bound or the choices that pydantic found broken, in the words of a setting's own."""
    context = details.get("ctx", {})
    if details["type"] == "string_pattern_mismatch":
        return {"pattern": context["pattern"]}
    if details["type"] == "literal_error":
        return list(re.findall(r"'([^']*)'", str(context["expected"])))
    return {name: context[bound] for bound, name in BOUNDS.items() if bound in context} or None


def _fields_beside(path: tuple[str, ...]) -> Json:
    for pattern, model in MODELS.items():
        if len(pattern) == len(path) - 1 and all(
            want in ("*", have) for want, have in zip(pattern, path, strict=False)
        ):
            names = set(model.model_fields) | (set(RateSpec.model_fields) if model is ReadingSpec else set())
            return [name for name in sorted(names)]
    return None


def _check_across_fields(study: StudySpec, problems: Problems) -> None:
    if isinstance(study.seeds, list) and len(set(study.seeds)) < len(study.seeds):
        problems.add("seeds", "a seed is listed twice")
    names = [metric.name for metric in study.metrics]
    for i, name in enumerate(names):
        if name in names[:i]:
            problems.add(f"metrics.{i}.name", f"{name} is listed twice")
    defaults = ["components"] if study.design == "leave_one_out" else list(study.baseline)
    declared: list[Json] = list(study.analysis.contrasts) or [name for name in defaults]
    if study.analysis.primary is not None and study.analysis.primary not in declared:
        problems.add("analysis.primary", "no contrast of this name", declared)
    for field in ("factors", "fixed", "baseline"):
        for name in set(getattr(study, field)) & {"seed", "arm"}:
            problems.add(f"{field}.{name}", f"{name} is a reserved name")
    if study.tuning is not None and study.tuning.candidates == 0:
        problems.add("tuning.candidates", "this field is required, but for a grid")
    if (study.arms is not None) != (study.design == "listed"):
        problems.add("arms", "a listed design has arms, and no other has")
    if study.leave_one_out is not None and study.design != "leave_one_out":
        problems.add("leave_one_out", "only a leave_one_out design has components")

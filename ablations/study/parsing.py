"""From data to a study, and what is wrong with it in words: every field by its path, and what it may be."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ablations.errors import InvalidStudy, Json, Problem, Problems, close_word
from ablations.study.analysis import AnalysisSpec, ContrastSpec, ResizeSpec
from ablations.study.fields import Model
from ablations.study.spec import (
    LeaveOneOut,
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
    ("analysis", "resize"): ResizeSpec,
    ("tuning",): TuningSpec,
    ("tuning", "metric"): TuningMetric,
    ("tuning", "space", "*"): Range,
    ("resources",): ResourcesSpec,
    ("leave_one_out",): LeaveOneOut,
    ("require", "*"): Requirement,
}

BOUNDS: Mapping[str, str] = {
    "ge": "low",
    "gt": "above",
    "le": "high",
    "lt": "below",
    "max_length": "max_length",
}

MESSAGES: Mapping[str, str] = {
    "missing": "this field is required",
    "extra_forbidden": "unknown field",
    "model_type": "must be an object",
    "dict_type": "must be an object",
    "list_type": "must be a list",
    "string_type": "must be a string",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "too_short": "must not be empty",
    "string_too_short": "must not be empty",
    "literal_error": "is none of the choices",
    "enum": "is none of the choices",
    "string_pattern_mismatch": "holds a character that is not allowed here",
}

FORMS: Mapping[tuple[str, ...], str] = {
    ("factors",): "{depth: [1, 5]}",
    ("factors", "*"): "[relu, mish]",
    ("baseline",): "{scalars: none}",
    ("fixed",): "{lr: 0.001, epochs: 5}",
    ("exclude",): "[{depth: 1}]",
    ("exclude", "*"): "{depth: 1}",
    ("require",): "[{when: {depth: 1}, then: {scalars: none}}]",
    ("arms",): "[{base: relu}, {base: mish}]",
    ("metrics",): "[{name: test_accuracy}]",
    ("metrics", "*"): "{name: test_accuracy}",
    ("analysis",): "{alpha: 0.05}",
    ("analysis", "margin"): "{test_accuracy: 0.01}",
    ("analysis", "spread"): "{test_accuracy: 0.01}",
    ("analysis", "looks"): "[5, 10]",
    ("analysis", "contrasts"): "{deep: {vary: scalars, over: [base]}}",
    ("analysis", "contrasts", "*"): "{vary: scalars, over: [base]}",
    ("analysis", "contrasts", "*", "over"): "[base]",
    ("analysis", "contrasts", "*", "within"): "[base]",
    ("analysis", "resize"): "{pilot: 4, margin: 0.01, max: 20}",
    ("tuning",): "{candidates: 8, space: {lr: {low: 0.0001, high: 0.1, log: true}}}",
    ("tuning", "space"): "{lr: {low: 0.0001, high: 0.1, log: true}}",
    ("tuning", "metric"): "{name: val_accuracy}",
    ("leave_one_out",): "{components: {dropout: 0.0}}",
    ("resources",): "{cpus: 1}",
    ("tags",): "{team: vision}",
}
"""A form to copy where something else stands than a mapping or a list."""
SHAPES = ("model_type", "dict_type", "list_type")
MAX_SHOWN = 60


def parse_study(data: Json) -> StudySpec:
    """The study in this data.

    Raises: InvalidStudy with every field that is wrong, by its path.
    """
    try:
        study = StudySpec.model_validate(data)
    except ValidationError as error:
        raise InvalidStudy(_study_problems(error.errors(include_url=False))) from None
    problems = Problems()
    _check_across_fields(study, problems)
    problems.raise_if_any()
    return study


def problem_in_words(details: ErrorDetails) -> Problem:
    """What pydantic found wrong with a value, in our words, and what it may be; never the value itself."""
    detail = details["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    if details.get("ctx", {}).get("min_length", 1) == 1:
        detail = MESSAGES.get(details["type"], detail)
    return Problem(path=".".join(_steps(details)), detail=detail, allowed=_allowed(details))


def _steps(details: ErrorDetails) -> tuple[str, ...]:
    # A key that is wrong stands in the path itself.
    steps = [str(part) for part in details["loc"] if part != "[key]"]
    return tuple(step for step in steps if not step.startswith("\x00"))


def _study_problems(found: Iterable[ErrorDetails]) -> list[Problem]:
    """What is wrong with a study; a field that lacks as its name is misspelt is told once."""
    told = [(details["type"], _study_problem(details)) for details in found]
    meant = set()
    for kind, problem in told:
        if kind == "extra_forbidden" and isinstance(problem.allowed, list):
            above, dot, name = problem.path.rpartition(".")
            meant.add(f"{above}{dot}{close_word(name, map(str, problem.allowed))}")
    return [problem for kind, problem in told if kind != "missing" or problem.path not in meant]


def _study_problem(details: ErrorDetails) -> Problem:
    problem = problem_in_words(details)
    if problem.path == "metric":
        return replace(problem, detail="give metric or metrics, not both", allowed=None)
    if details["type"] == "extra_forbidden":
        return replace(problem, allowed=_fields_beside(_steps(details)))
    if details["type"] in SHAPES and (form := _form_at(_steps(details))) is not None:
        return replace(problem, detail=f"{problem.detail}, as in {form}")
    if problem.path == "seeds" and details["type"] == "int_type":
        return replace(problem, detail="must be a whole number or a list of them, as in 10 or [0, 1, 2]")
    value = details["input"]
    if details["type"] == "literal_error" and isinstance(value, str) and len(value) <= MAX_SHOWN:
        shown = value if value.isprintable() and "'" not in value else "this"
        return replace(problem, detail=f"'{shown}' is none of the choices")
    return problem


def _form_at(path: tuple[str, ...]) -> str | None:
    for pattern, form in FORMS.items():
        if _fits(pattern, path):
            return form
    return None


def _fits(pattern: tuple[str, ...], path: tuple[str, ...]) -> bool:
    return len(pattern) == len(path) and all(
        want in ("*", have) for want, have in zip(pattern, path, strict=True)
    )


def _allowed(details: ErrorDetails) -> Json:
    """The bound or the choices that pydantic found broken, in the words of a setting's own."""
    context = details.get("ctx", {})
    if details["type"] == "string_pattern_mismatch":
        return {"pattern": context["pattern"]}
    if details["type"] in ("literal_error", "enum"):
        return list(re.findall(r"'([^']*)'", str(context["expected"])))
    return {name: context[bound] for bound, name in BOUNDS.items() if bound in context} or None


def _fields_beside(path: tuple[str, ...]) -> Json:
    for pattern, model in MODELS.items():
        if _fits(pattern, path[:-1]):
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

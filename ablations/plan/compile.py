"""From a study and the manifest of its trainable to a design: arms, readings and questions, all checked."""

from collections.abc import Sequence

from ablations.contrasts.contrast import check_questions
from ablations.design.analysis import check_analysis
from ablations.design.arm import Arm, build_arms, read_rules
from ablations.design.design import Design, costly_metrics, trials_of
from ablations.design.factor import read_factors
from ablations.design.layout import check_baseline, lay_out, listed, read_layout
from ablations.design.question import read_questions
from ablations.design.reading import Reading, read_readings
from ablations.design.resize import read_resize
from ablations.design.resolution import Resolver, read_settings
from ablations.design.search import check_tuning, confirmed
from ablations.errors import Json, NotEstimable, Problem, Problems, TooFewSeeds
from ablations.manifest import Manifest
from ablations.study.spec import StudySpec
from ablations.study.support import refuse_unbuilt

MAX_TRIALS = 1_000_000
MIN_SEEDS = 2


def compile_design(study: StudySpec, manifest: Manifest) -> Design:
    """The arms, readings and questions of a study.

    Raises: InvalidStudy with everything that is wrong, by path.
    """
    problems = Problems()
    refuse_unbuilt(study, problems)
    factors = (*read_factors(study, manifest, problems), *confirmed(study, problems))
    layout = read_layout(study, manifest, factors, problems)
    fixed = read_settings(study.fixed, manifest, "fixed", problems)
    rules = read_rules(study, layout.factors, problems)
    readings = read_readings(study, manifest, problems)
    questions = read_questions(study, layout, problems)
    check_analysis(study, readings, problems)
    resize = read_resize(study, readings, questions, problems)
    check_tuning(study, manifest, layout.factors, problems)
    _check_resources(study, manifest, readings, problems)
    if questions and len(study.seed_list()) < MIN_SEEDS:
        problems.add("seeds", f"an interval needs {MIN_SEEDS} seeds", MIN_SEEDS, TooFewSeeds)
    space = study.tuning.space if study.tuning is not None else {}
    resolver = Resolver(manifest, layout.factors, fixed, space)
    assignments = lay_out(study, layout, problems)
    if study.design == "listed":
        assignments = iter(listed(study, layout, resolver, problems))
    problems.raise_if_any()
    table = build_arms(assignments, resolver, rules, problems)
    if not table.arms:
        path = "exclude" if study.exclude else "require" if study.require else "factors"
        raise NotEstimable(Problem(path=path, detail=f"every arm is excluded: {table.excluded[0].reason}"))
    check_baseline(study, layout, [arm.levels for arm in table.arms], problems)
    _check_size(study, table.arms, problems)
    problems.raise_if_any()
    design = Design(
        study=study,
        manifest=manifest,
        layout=layout,
        arms=table.arms,
        excluded=table.excluded,
        collapsed=table.collapsed,
        seeds=study.seed_list(),
        readings=readings,
        questions=questions,
        resize=resize,
        resolver=resolver,
    )
    check_questions(design)
    return design


def _check_resources(
    study: StudySpec, manifest: Manifest, readings: tuple[Reading, ...], problems: Problems
) -> None:
    pack = study.resources.pack
    if pack in ("auto", 1):
        return
    allowed: Json = ["auto", 1]
    for name in costly_metrics(study, manifest, readings):
        detail = f"{name} measures time or memory, which a trial must not share: pack must be 1"
        problems.add("resources.pack", detail, allowed)
    if not manifest.packs:
        detail = f"{manifest.name} trains one trial at a time: pack must be 1"
        problems.add("resources.pack", detail, allowed)


def _check_size(study: StudySpec, arms: Sequence[Arm], problems: Problems) -> None:
    size, resize = trials_of(study, arms, at_most=True), study.analysis.resize
    if size > MAX_TRIALS:
        path = "seeds" if resize is None else "analysis.resize.max"
        problems.add(path, f"{size} trials; at most {MAX_TRIALS} are planned", MAX_TRIALS)

"""From the bytes of a study to the study in the ledger."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from ablations.design.design import Design, each_trial, num_trials
from ablations.errors import InvalidStudy, Json, Problem, Problems
from ablations.identity import canonical
from ablations.manifest import Manifest
from ablations.plan.compile import compile_design
from ablations.study.parsing import parse_study
from ablations.study.spec import StudySpec
from service.errors import LedgerUnavailable
from service.ledger import Ledger, Tx, arrivals, studies
from service.ledger.studies import NewTrial, StudyRow
from trainables.catalogue import Catalogue
from trainables.data.inspection import complaint


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A study that can be asked: parsed, compiled, and with every trial it needs."""

    study: StudySpec
    manifest: Manifest
    design: Design


def read_question(data: Json, catalogue: Catalogue) -> Submission:
    """Check a study as far as it can be checked without running it.

    Raises: InvalidStudy with every problem's path.
    """
    study, manifest = read_study(data, catalogue)
    design = compile_design(study, manifest)
    check_files(design, catalogue)
    return Submission(study=study, manifest=manifest, design=design)


def read_study(data: Json, catalogue: Catalogue) -> tuple[StudySpec, Manifest]:
    """A study as it is written, and the manifest of its trainable.

    Raises: InvalidStudy.
    """
    study, manifest = recall_study(data, catalogue)
    if study.analysis.resize is not None and study.analysis.resize.found is not None:
        detail = "what a pilot has set in another study; leave it out, and this study's own sets it"
        raise InvalidStudy(Problem(path="analysis.resize.found", detail=detail))
    return study, manifest


def recall_study(data: Json, catalogue: Catalogue) -> tuple[StudySpec, Manifest]:
    """A study that was accepted, with what its pilot has set.

    Raises: InvalidStudy.
    """
    study = parse_study(data)
    manifest = catalogue.trainables.get(study.trainable)
    if manifest is None:
        allowed: list[Json] = [*sorted(catalogue.trainables)]
        detail = f"there is no trainable {study.trainable!r}"
        raise InvalidStudy(Problem(path="trainable", detail=detail, allowed=allowed))
    return study, manifest


def check_files(design: Design, catalogue: Catalogue) -> None:
    """Look into the users' own files that are named: a broken one would fail every trial a minute later.

    Raises: InvalidStudy.
    """
    problems = Problems()
    for place, setting, value in dict.fromkeys(_words(design)):
        for name in catalogue.data_of(design.manifest.name, {setting: value}):
            part = catalogue.datasets.get(name)
            wrong = complaint(part.file) if part is not None and part.file is not None else None
            if wrong is not None:
                problems.add(f"{place}.{setting}", wrong)
    problems.raise_if_any()


def _words(design: Design) -> Iterator[tuple[str, str, str]]:
    """Settings that are words: where the study says them, their names and values, searched ones included."""
    study, tuning = design.study, design.study.tuning
    for arm in design.arms:
        for name, value in arm.settings.items():
            if isinstance(value, str):
                yield "fixed" if name in study.fixed else "factors", name, value
    if tuning is None:
        return
    said = {f"tuning.start.{place}": start for place, start in enumerate(tuning.start)}
    for place, settings in {"tuning.fixed": tuning.fixed, **said}.items():
        yield from ((place, name, value) for name, value in settings.items() if isinstance(value, str))
    for name, values in tuning.space.items():
        for value in values if isinstance(values, list) else ():
            if isinstance(value, str):
                yield "tuning.space", name, value


def accept(
    ledger: Ledger,
    question: Submission,
    project: str,
    answer: Callable[[Tx, StudyRow], Json],
    *,
    max_trials: int,
) -> Json:
    """Accept a study with its trials; what `answer` makes of it is stored with it, or nothing is.

    Raises: ProjectFull.
    """
    size = num_trials(question.design)
    with ledger.read() as tx:
        arrivals.check_room(tx, project, num_trials(question.design, at_most=True), max_trials)
    study_id = studies.new_id()
    planned = new_trials(study_id, question.design)
    store = partial(
        partial(_create, planned=[*planned])
        if size <= arrivals.SLICE
        else partial(_bring, planned=planned, num=size),
        ledger,
        study_id=study_id,
        project=project,
        name=question.study.name,
        spec=question.study.to_json(),
        labels=question.study.tags,
    )
    return store(answer)


def _create(ledger: Ledger, answer: Callable[[Tx, StudyRow], Json], **study: Any) -> Json:
    with ledger.write() as tx:
        return answer(tx, studies.create(tx, **study))


def _bring(ledger: Ledger, answer: Callable[[Tx, StudyRow], Json], **study: Any) -> Json:
    try:
        arrivals.bring(ledger, **study)
        with ledger.write() as tx:
            return answer(tx, arrivals.announce(tx, study["study_id"], study["num"]))
    except BaseException:
        # Whoever cannot be reached now is swept later.
        with suppress(LedgerUnavailable):
            arrivals.drop(ledger, study["study_id"])
        raise


def new_trials(study_id: str, design: Design) -> Iterator[NewTrial]:
    """The trials of a design one by one, with ids that follow from what they are."""
    return (
        NewTrial(
            id=_trial_id(
                study_id, planned.arm.id, planned.phase, planned.repeat, planned.candidate, planned.seed
            ),
            arm_id=planned.arm.id,
            arm=planned.arm.label,
            levels=planned.arm.levels,
            settings=planned.arm.settings,
            seed=planned.seed,
            phase=planned.phase,
            candidate=planned.candidate,
            repeat=planned.repeat,
        )
        for planned in each_trial(design)
    )


def body_digest(data: Json) -> str:
    """What tells two bodies apart under one Idempotency-Key: their content, not their spacing."""
    return hashlib.sha256(canonical(data).encode()).hexdigest()


def _trial_id(study_id: str, *key: str | int | None) -> str:
    return hashlib.sha256("\n".join([study_id, *map(str, key)]).encode()).hexdigest()[:24]

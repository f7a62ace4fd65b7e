"""From the bytes of a study to the study in the ledger."""

import hashlib
from dataclasses import dataclass

from ablations.design.design import Design, planned_trials
from ablations.errors import InvalidStudy, Json, Problem, Problems
from ablations.identity import canonical
from ablations.manifest import Manifest
from ablations.plan.compile import compile_design
from ablations.study.parsing import parse_study
from ablations.study.spec import StudySpec
from service.ledger import Tx, studies
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
    study = parse_study(data)
    manifest = catalogue.trainables.get(study.trainable)
    if manifest is None:
        allowed: list[Json] = [*sorted(catalogue.trainables)]
        detail = f"there is no trainable {study.trainable!r}"
        raise InvalidStudy(Problem(path="trainable", detail=detail, allowed=allowed))
    design = compile_design(study, manifest)
    _check_files(design, catalogue)
    return Submission(study=study, manifest=manifest, design=design)


def _check_files(design: Design, catalogue: Catalogue) -> None:
    """Look into the users' own files that arms name: a broken one would fail every trial a minute later.

    Raises: InvalidStudy.
    """
    problems = Problems()
    for name in dict.fromkeys(arm.settings.get("dataset") for arm in design.arms):
        part = catalogue.datasets.get(name) if isinstance(name, str) else None
        wrong = complaint(part.file) if part is not None and part.file is not None else None
        if wrong is not None:
            problems.add("fixed.dataset" if "dataset" in design.study.fixed else "factors.dataset", wrong)
    problems.raise_if_any()


def store(tx: Tx, question: Submission, project: str) -> StudyRow:
    """Accept a study with its trials."""
    study_id = studies.new_id()
    return studies.create(
        tx,
        study_id=study_id,
        project=project,
        name=question.study.name,
        spec=question.study.to_json(),
        labels=question.study.tags,
        planned=new_trials(study_id, question.design),
    )


def new_trials(study_id: str, design: Design) -> list[NewTrial]:
    """The trials of a design, with ids that follow from what they are."""
    return [
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
        for planned in planned_trials(design)
    ]


def body_digest(data: Json) -> str:
    """What tells two bodies apart under one Idempotency-Key: their content, not their spacing."""
    return hashlib.sha256(canonical(data).encode()).hexdigest()


def _trial_id(study_id: str, *key: str | int | None) -> str:
    return hashlib.sha256("\n".join([study_id, *map(str, key)]).encode()).hexdigest()[:24]

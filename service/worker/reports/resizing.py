"""The pilot of a study has ended: how many seeds it takes in all, and the trials that are still to be run."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ablations.contrasts.contrast import compile_contrasts
from ablations.effects.resizing import resize
from ablations.errors import Json
from ablations.manifest import Manifest
from ablations.plan.compile import compile_design
from ablations.results.results import Results, TrialRecord
from ablations.study.parsing import parse_study
from service.api.submission import new_trials
from service.ledger.studies import NewTrial, StudyRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """The study with its number of seeds, and its trials beyond the pilot."""

    spec: Mapping[str, Json]
    more: tuple[NewTrial, ...]


def growth_of(
    study: StudyRow, manifest: Callable[[str], Manifest], records: Sequence[TrialRecord]
) -> Growth | None:
    """What the pilot sets; None where no trial of it came to an end, and the study fails."""
    if not any(r.phase == "measuring" and r.state in ("done", "diverged") for r in records):
        return None
    spec = parse_study(dict(study.spec))
    pilot = compile_design(spec, manifest(spec.trainable))
    found = resize(compile_contrasts(pilot), Results.build(pilot, records))
    whole = compile_design(spec.resized(found), manifest(spec.trainable))
    there = {trial.id for trial in new_trials(study.id, pilot)}
    more = tuple(trial for trial in new_trials(study.id, whole) if trial.id not in there)
    return Growth(spec=whole.study.to_json(), more=more)

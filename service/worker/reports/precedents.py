"""What earlier studies of a project asked of the results that a study uses again."""

import logging
from collections.abc import Callable, Sequence

from ablations.contrasts.contrast import compile_contrasts
from ablations.contrasts.hindsight import Earlier, Precedent
from ablations.errors import InvalidStudy
from ablations.manifest import Manifest
from ablations.plan.compile import compile_design
from ablations.study.parsing import parse_study
from service.ledger import Tx, reuse
from service.ledger.reuse import EarlierQuestion, Reused
from service.ledger.studies import StudyRow
from trainables.errors import TrainableError

logger = logging.getLogger(__name__)


def precedent_of(tx: Tx, study: StudyRow, manifest: Callable[[str], Manifest]) -> Precedent | None:
    """The results that were known when the study was submitted; None if there were none."""
    by_study: dict[str, list[Reused]] = {}
    for trial in reuse.reused_trials(tx, study.id):
        by_study.setdefault(trial.study_id, []).append(trial)
    earlier: dict[str, Earlier] = {}
    for study_id, found in by_study.items():
        asked = reuse.asked(tx, study_id)
        if asked is None:
            continue
        try:
            earlier[study_id] = _earlier(asked, found, manifest)
        except (InvalidStudy, TrainableError):
            # Nobody can say any more what it asked, so nothing is held against this one.
            logger.warning("study %s: what study %s asked is not understood", study.id, study_id)
    if not earlier:
        return None
    return Precedent(
        asked_at=study.created_at,
        known={(t.arm_id, t.seed): t.known_at for name in earlier for t in by_study[name]},
        earlier=tuple(earlier.values()),
    )


def _earlier(study: EarlierQuestion, found: Sequence[Reused], manifest: Callable[[str], Manifest]) -> Earlier:
    spec = parse_study(dict(study.spec))
    design = compile_design(spec, manifest(spec.trainable))
    return Earlier(
        asked_at=study.created_at,
        ended_at=study.judged_at,
        over_at=study.finished_at,
        contrasts=compile_contrasts(design),
        seeds=frozenset(design.seeds),
        arms={trial.arm_id: trial.arm_there for trial in found},
    )

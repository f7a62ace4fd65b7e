"""Deleting studies: the only way in which a result is ever removed."""

import logging

from fastapi import APIRouter

from service.api.answers import utc
from service.api.context import InContext, InProject, StudyId
from service.ledger.upkeep import deletions
from service.schemas import DeletedStudy

router = APIRouter(prefix="/v1/studies", tags=["studies"])
_log = logging.getLogger(__name__)


@router.delete("/{study_id}")
def delete(context: InContext, project: InProject, study_id: StudyId) -> DeletedStudy:
    """Delete an ended study for good; one that has not ended must be cancelled first.

    It is gone at once. Trials, results, report and checkpoints are removed in the background, and so is its
    experiment in MLflow. Other studies keep the results that they reused from it, and it stays known when
    those were measured. Repeating it changes nothing.
    """
    with context.ledger.read() as tx:
        reused = deletions.num_reused(tx, study_id)
    with context.ledger.write() as tx:
        done = deletions.delete(tx, study_id, project, num_reused=reused)
    _log.info("study %s of project %s is deleted", study_id, project)
    return DeletedStudy(
        id=done.study_id,
        name=done.name,
        deleted_at=utc(done.deleted_at),
        num_trials=done.num_trials,
        num_reused=done.num_reused,
    )

"""What users do to a study after it was accepted: cancel, pause, resume, retry."""

from sqlalchemy import update

from service.errors import NothingToRetry, StudyFinished
from service.ledger import anew, attempts, events, leasing, outbox
from service.ledger import studies as studies_
from service.ledger.database import Tx
from service.ledger.fence import hold
from service.ledger.studies import StudyRow
from service.ledger.tables import OPEN_STUDIES, OPEN_TRIALS, builds, db_now, studies, trials


def cancel(tx: Tx, study_id: str) -> StudyRow:
    """End a study now: whatever has not ended is cancelled with it. Repeating it changes nothing.

    Raises: StudyFinished when the study is done or failed; StudyNotFound.
    """
    state = hold(tx, study_id)
    if state in ("done", "failed"):
        raise StudyFinished(f"study {study_id} is {state}, so it cannot be cancelled")
    ended = tx.execute(
        update(studies)
        .where(studies.c.id == study_id, studies.c.state.in_(OPEN_STUDIES))
        .values(state="cancelled", finished_at=db_now())
    )
    if ended.rowcount:
        trials_ended = tx.execute(
            update(trials)
            .where(trials.c.study_id == study_id, trials.c.state.in_(OPEN_TRIALS))
            .values(state="cancelled", reason="study cancelled", finished_at=db_now())
        )
        events.append(
            tx, study_id, "study", {"state": "cancelled", "trials_cancelled": trials_ended.rowcount}
        )
    return studies_.get(tx, study_id)


def pause(tx: Tx, study_id: str) -> StudyRow:
    """Hold a study up: no trial is given out, and what runs is ended and planned again.

    Repeating it changes nothing. Raises: StudyFinished when it has ended; StudyNotFound.
    """
    _refuse_ended(study_id, hold(tx, study_id), "paused")
    changed = tx.execute(
        update(studies)
        .where(studies.c.id == study_id, studies.c.state.in_(("queued", "running")))
        .values(state="paused")
    )
    if changed.rowcount:
        events.append(tx, study_id, "study", {"state": "paused"})
    return studies_.get(tx, study_id)


def resume(tx: Tx, study_id: str, *, changed: bool = False, afresh: bool = False) -> StudyRow:
    """Let a paused study go on; nothing changes for one that is not paused.

    Where code has `changed`, an attempt from before the pause ends here: it has the old code loaded.
    `afresh` runs every trial anew and keeps old results as superseded. Raises: StudyFinished when it has
    ended; StudyNotFound.
    """
    state = hold(tx, study_id)
    _refuse_ended(study_id, state, "resumed")
    if state == "paused" and (changed or afresh):
        _end_live(tx, study_id)
    if state == "paused" and afresh:
        anew.supersede(tx, study_id)
    queued = tx.execute(
        update(studies)
        .where(studies.c.id == study_id, studies.c.state == "paused")
        .values(state="queued", requeued_at=db_now())
    )
    if queued.rowcount:
        events.append(tx, study_id, "study", {"state": "queued"})
    return studies_.get(tx, study_id)


def retry(tx: Tx, study_id: str, *, changed: bool = False, afresh: bool = False) -> StudyRow:
    """Run the failed trials of an ended study again; its report is interim until they have ended.

    Failed tuning trials are among them only while nothing is measured: settings that results stand on
    are not chosen anew. `afresh` runs all trials anew, failed or not, and keeps what they found as
    superseded; `changed` as in `resume`. Raises: NothingToRetry; StudyFinished when it was cancelled;
    StudyNotFound.
    """
    state = hold(tx, study_id)
    if state == "cancelled":
        raise StudyFinished(f"study {study_id} is cancelled; submit it again to run what is left of it")
    if state in OPEN_STUDIES:
        raise NothingToRetry(f"study {study_id} is {state}; failed trials can be retried when it has ended")
    if changed or afresh:
        _end_live(tx, study_id)
    num = anew.supersede(tx, study_id) if afresh else leasing.retry(tx, study_id)
    if not num:
        raise NothingToRetry(f"study {study_id} has no failed trial that could be retried")
    tx.execute(
        update(studies)
        .where(studies.c.id == study_id)
        .values(state="queued", requeued_at=db_now(), finished_at=None, published_at=None, error=None)
    )
    tx.execute(update(builds).where(builds.c.study_id == study_id).values(interim=True))
    outbox.forget_summary(tx, study_id)
    events.append(tx, study_id, "study", {"state": "queued", "retried": num})
    return studies_.get(tx, study_id)


def _end_live(tx: Tx, study_id: str) -> None:
    """End the live attempt, if there is one; what it held is planned again and its writes are refused."""
    live = attempts.live(tx, study_id)
    if live is not None:
        attempts.lost(tx, study_id, live.number, "the study goes on with changed code, or anew")


def _refuse_ended(study_id: str, state: str, verb: str) -> None:
    if state not in OPEN_STUDIES:
        raise StudyFinished(f"study {study_id} is {state}, so it cannot be {verb}")

"""What a driver says and asks, with the token of its attempt. Nothing here is for callers."""

import asyncio
from dataclasses import fields
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Depends, Path, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from service.api.body import InternalBody, parse_lenient
from service.api.context import Context, InContext, StudyId
from service.api.problems import problems_of
from service.auth import attempt_token, check_attempt_token, check_ticket, holder_of
from service.errors import InvalidRequest, NotFound
from service.ledger import Ledger, attempts, leasing, standbys, studies
from service.protocol import MAX_ID_CHARS, Id, Resolved, Running, StudyToRun, Work
from trainables.training.lease import Outcome

MAX_PACK = 10**6
POLL_S = 0.1
ANSWER_S = 10.0
"""How long a driver that stands by is kept waiting for an answer."""

M = TypeVar("M", bound=BaseModel)


def _check_outcome(outcome: Outcome) -> Outcome:
    """What a column takes, which training code need not know."""
    if len(outcome.trial_id) > MAX_ID_CHARS:
        raise ValueError(f"a trial's id has at most {MAX_ID_CHARS} characters")
    if outcome.pack is not None and not 0 <= outcome.pack <= MAX_PACK:
        raise ValueError(f"a pack has 0 to {MAX_PACK} trials, not {outcome.pack}")
    return outcome


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class SettingsBody(_Body):
    """Settings of planned trials."""

    trials: list[Resolved]


class LeaseBody(_Body):
    """Trials to lease."""

    trials: list[Id]


class CommitBody(_Body):
    """Outcomes to commit."""

    outcomes: list[Annotated[Outcome, AfterValidator(_check_outcome)]]


class HeartbeatBody(_Body):
    """Trials that run."""

    running: list[Running] = []
    waits_for: Annotated[str, Field(max_length=500, pattern=r"^[^\x00]*$")] | None = None


class HolderBody(_Body):
    """A word that only the process knows which asks for its attempt."""

    holder: Annotated[str, Field(min_length=32, max_length=200)]


class FinishBody(_Body):
    """How the attempt ended."""

    state: Literal["done", "failed", "cancelled"]
    error: str | None = None


def _authorize(
    request: Request,
    context: InContext,
    study_id: StudyId,
    number: Annotated[int, Path(ge=1, le=10**6)],
) -> int:
    check_attempt_token(context.settings, request.headers.get("authorization"), study_id, number)
    return number


Number = Annotated[int, Depends(_authorize)]
router = APIRouter(prefix="/internal", include_in_schema=False)
ATTEMPT = "/studies/{study_id}/attempts/{number}"


@router.post("/jobs/{job}")
async def stand_by(
    request: Request, context: InContext, job: Annotated[str, Path(max_length=100)], body: InternalBody
) -> dict[str, Any]:
    """The attempt that a job is to make, as soon as it has one; nothing if it has none for a while.

    Raises: NotFound when it is not wanted any more, Forbidden when its ticket has been used by another.
    """
    check_ticket(context.settings, request.headers.get("authorization"), job)
    holder = holder_of(_read(HolderBody, body).holder)
    given = await run_in_threadpool(hand_out, context.ledger, context.settings.secret, job, holder)
    for _ in range(round(ANSWER_S / POLL_S)):
        if given:
            break
        await asyncio.sleep(POLL_S)
        given = await run_in_threadpool(_look_for_work, context, job, holder)
    return given


def hand_out(ledger: Ledger, secret: str, job: str, holder: str) -> dict[str, Any]:
    """A job's attempt with its token, from here on for this holder alone; nothing while it has none.

    Raises: NotFound, Forbidden.
    """
    with ledger.write() as tx:
        attempt = attempts.claim(tx, job, holder)
        waits = attempt is None and standbys.heard(tx, job, holder)
    if attempt is not None:
        token = attempt_token(secret, attempt.study_id, attempt.number)
        return {"study_id": attempt.study_id, "attempt": attempt.number, "token": token}
    if not waits:
        raise NotFound(f"{job} has no study, and is not to wait for one")
    return {}


def _look_for_work(context: Context, job: str, holder: str) -> dict[str, Any]:
    with context.ledger.read() as tx:
        if attempts.live_of(tx, job) is None and standbys.waits(tx, job):
            return {}
    return hand_out(context.ledger, context.settings.secret, job, holder)


@router.get(ATTEMPT)
def show(context: InContext, study_id: StudyId, number: Number) -> dict[str, Any]:
    """The study and its trials; from here on the attempt holds its lease."""
    with context.ledger.write() as tx:
        attempts.start(tx, study_id, number, context.settings.lease_s)
        study = studies.get(tx, study_id)
        planned = leasing.work(tx, study_id)
    to_run = StudyToRun(**{field.name: getattr(study, field.name) for field in fields(StudyToRun)})
    return Work(study=to_run, trials=tuple(planned), lease_s=context.settings.lease_s).to_json()


@router.post(ATTEMPT + "/settings")
def settings(context: InContext, study_id: StudyId, number: Number, body: InternalBody) -> dict[str, Any]:
    """Set resolved settings and fingerprints; says which trials are done already."""
    entries = _read(SettingsBody, body).trials
    with context.ledger.write() as tx:
        return {"reused": leasing.set_settings(tx, study_id, number, entries)}


@router.post(ATTEMPT + "/lease")
def lease(context: InContext, study_id: StudyId, number: Number, body: InternalBody) -> dict[str, Any]:
    """Lease trials; says which the attempt now holds."""
    ids = _read(LeaseBody, body).trials
    with context.ledger.write() as tx:
        return {"leased": leasing.lease(tx, study_id, number, ids)}


@router.post(ATTEMPT + "/commit")
def commit(context: InContext, study_id: StudyId, number: Number, body: InternalBody) -> dict[str, Any]:
    """Commit outcomes, each once; says which are in the ledger now and which are not."""
    outcomes = _read(CommitBody, body).outcomes
    with context.ledger.write() as tx:
        committed = leasing.commit(tx, study_id, number, outcomes)
    taken = set(committed)
    refused = [each.trial_id for each in outcomes if each.trial_id not in taken]
    return {"committed": committed, "refused": refused}


@router.post(ATTEMPT + "/heartbeat")
def heartbeat(context: InContext, study_id: StudyId, number: Number, body: InternalBody) -> dict[str, Any]:
    """Renew the lease; says what is wanted: run, pause or cancel."""
    said, lease_s = _read(HeartbeatBody, body), context.settings.lease_s
    with context.ledger.write() as tx:
        desired = attempts.heartbeat(
            tx, study_id, number, said.running, lease_s=lease_s, waits_for=said.waits_for
        )
    return {"desired": desired}


@router.post(ATTEMPT + "/finish")
def finish(context: InContext, study_id: StudyId, number: Number, body: InternalBody) -> dict[str, Any]:
    """The driver ends."""
    said = _read(FinishBody, body)
    with context.ledger.write() as tx:
        attempts.finish(tx, study_id, number, said.state, said.error)
    return {}


def _read(model: type[M], body: bytes) -> M:
    try:
        return model.model_validate(parse_lenient(body))
    except ValidationError as error:
        problems = problems_of(error.errors(include_url=False))
        raise InvalidRequest("; ".join(str(item) for item in problems), problems) from error

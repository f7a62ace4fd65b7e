"""What a driver says and asks, with the token of its attempt. Nothing here is for callers."""

from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Depends, Path, Request
from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from service.api.body import InternalBody, parse_lenient
from service.api.context import InContext, StudyId
from service.api.problems import problems_of
from service.auth import check_attempt_token
from service.errors import InvalidRequest
from service.ledger import attempts, leasing, studies
from service.protocol import MAX_ID_CHARS, Id, Resolved, Running, StudyToRun, Work
from trainables.training.lease import Outcome

MAX_PACK = 10**6

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
router = APIRouter(prefix="/internal/studies/{study_id}/attempts/{number}", include_in_schema=False)


@router.get("")
def show(context: InContext, study_id: StudyId, number: Number) -> dict[str, Any]:
    """The study and its trials; from here on the attempt holds its lease."""
    with context.ledger.write() as tx:
        attempts.start(tx, study_id, number, context.settings.lease_s)
        study = studies.get(tx, study_id)
        planned = leasing.work(tx, study_id)
    to_run = StudyToRun(id=study.id, name=study.name, project=study.project, spec=study.spec)
    return Work(study=to_run, trials=tuple(planned), lease_s=context.settings.lease_s).to_json()


@router.post("/settings")
def settings(context: InContext, study_id: StudyId, number: Number, body: InternalBody) -> dict[str, Any]:
    """Set resolved settings and fingerprints; says which trials are done already."""
    entries = _read(SettingsBody, body).trials
    with context.ledger.write() as tx:
        return {"reused": leasing.set_settings(tx, study_id, number, entries)}


@router.post("/lease")
def lease(context: InContext, study_id: StudyId, number: Number, body: InternalBody) -> dict[str, Any]:
    """Lease trials; says which the attempt now holds."""
    ids = _read(LeaseBody, body).trials
    with context.ledger.write() as tx:
        return {"leased": leasing.lease(tx, study_id, number, ids)}


@router.post("/commit")
def commit(context: InContext, study_id: StudyId, number: Number, body: InternalBody) -> dict[str, Any]:
    """Commit outcomes, each once; says which are in the ledger now and which are not."""
    outcomes = _read(CommitBody, body).outcomes
    with context.ledger.write() as tx:
        committed = leasing.commit(tx, study_id, number, outcomes)
    taken = set(committed)
    refused = [each.trial_id for each in outcomes if each.trial_id not in taken]
    return {"committed": committed, "refused": refused}


@router.post("/heartbeat")
def heartbeat(context: InContext, study_id: StudyId, number: Number, body: InternalBody) -> dict[str, Any]:
    """Renew the lease; says what is wanted: run, pause or cancel."""
    running = _read(HeartbeatBody, body).running
    with context.ledger.write() as tx:
        desired = attempts.heartbeat(tx, study_id, number, running, context.settings.lease_s)
    return {"desired": desired}


@router.post("/finish")
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

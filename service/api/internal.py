"""What a driver says and asks, with the token of its attempt. Nothing here is for callers."""

from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Depends, Path, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from service.api.body import InternalBody, parse_lenient
from service.api.context import InContext, StudyId
from service.api.problems import problems_of
from service.auth import check_attempt_token
from service.errors import InvalidRequest
from service.ledger import attempts, studies, trials

PROTOCOL = 1
"""Raised when a driver of one version can no longer work with an API of another."""
M = TypeVar("M", bound=BaseModel)
_Id = Annotated[str, Field(max_length=40)]


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class EnvironmentBody(_Body):
    """What a trial will run with, and the commits of its code."""

    parts: dict[str, str]
    commits: dict[str, str] = {}


class Resolved(_Body):
    """The resolved settings of a planned trial. `metrics` names what a reused trial must have."""

    id: _Id
    settings: dict[str, Any]
    fingerprint: str = Field(pattern="^[0-9a-f]{1,64}$")
    environment: EnvironmentBody | None = None
    metrics: list[str] = []


class SettingsBody(_Body):
    """Settings of planned trials."""

    trials: list[Resolved]


class LeaseBody(_Body):
    """Trials to lease."""

    trials: list[_Id]


class Outcome(_Body):
    """How a trial ended."""

    trial_id: _Id
    state: Literal["done", "failed", "diverged", "pruned", "cancelled"]
    metrics: dict[str, float | None] = {}
    curve: dict[str, list[tuple[float, float | None]]] = {}
    scalars: Any = None
    reason: str | None = None
    traceback: str | None = None
    seconds: float | None = None
    device: str | None = None
    pack: int | None = Field(None, ge=0, le=10**6)


class CommitBody(_Body):
    """Outcomes to commit."""

    outcomes: list[Outcome]


class Running(_Body):
    """How far a running trial is."""

    id: _Id
    step: float | None = None
    metrics: dict[str, float | None] = {}


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
        work = trials.work(tx, study_id)
    return {
        "protocol": PROTOCOL,
        "study": {"id": study.id, "name": study.name, "project": study.project, "spec": study.spec},
        "trials": work,
        "lease_s": context.settings.lease_s,
    }


@router.post("/settings")
def settings(context: InContext, study_id: StudyId, number: Number, body: InternalBody) -> dict[str, Any]:
    """Set resolved settings and fingerprints; says which trials are done already."""
    entries = [entry.model_dump() for entry in _read(SettingsBody, body).trials]
    with context.ledger.write() as tx:
        return {"reused": trials.set_settings(tx, study_id, number, entries)}


@router.post("/lease")
def lease(context: InContext, study_id: StudyId, number: Number, body: InternalBody) -> dict[str, Any]:
    """Lease trials; says which the attempt now holds."""
    ids = _read(LeaseBody, body).trials
    with context.ledger.write() as tx:
        return {"leased": trials.lease(tx, study_id, number, ids)}


@router.post("/commit")
def commit(context: InContext, study_id: StudyId, number: Number, body: InternalBody) -> dict[str, Any]:
    """Commit outcomes, each once; says which are in the ledger now and which are not."""
    outcomes = [outcome.model_dump() for outcome in _read(CommitBody, body).outcomes]
    with context.ledger.write() as tx:
        committed = trials.commit(tx, study_id, number, outcomes)
    refused = [each["trial_id"] for each in outcomes if each["trial_id"] not in set(committed)]
    return {"committed": committed, "refused": refused}


@router.post("/heartbeat")
def heartbeat(context: InContext, study_id: StudyId, number: Number, body: InternalBody) -> dict[str, Any]:
    """Renew the lease; says what is wanted: run, pause or cancel."""
    running = [entry.model_dump() for entry in _read(HeartbeatBody, body).running]
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

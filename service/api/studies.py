"""Studies: submitted, planned, listed, looked at, paused, resumed, retried, extended, cancelled."""

import re
from collections.abc import Callable, Mapping
from functools import partial
from itertools import count, islice
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import Field

from ablations.errors import Json, Problem
from ablations.study.documents import loads_json
from ablations.study.spec import MAX_SEEDS, StudySpec
from service.api.answers import studies_shown, study_shown
from service.api.body import StudyBody
from service.api.context import Context, InContext, InProject, StudyId
from service.api.paging import PageQuery, Word, base_url, decode_cursor, encode_cursor, link_next
from service.api.schemas import Study, StudyPage, StudyState
from service.api.submission import Submission, accept, body_digest, read_question
from service.api.versions import ask_first, changes
from service.errors import InvalidRequest, KeyInFlight, KeyReused
from service.ledger import Tx, history, steering, studies, submissions
from service.ledger.studies import StudyRow
from service.ledger.tables import OPEN_TRIALS, TRIAL_STATES
from service.sizes import with_sizes

router = APIRouter(prefix="/v1/studies", tags=["studies"])
Anyway = Annotated[bool, Query(description="Go on though code, data or libraries have changed")]
Afresh = Annotated[bool, Query(description="Run every trial anew; old results are kept as superseded")]
REUSES_NOTHING = "`anyway` makes the new study all the same: what has changed runs anew, the rest is reused"
MAX_TAGS = 16
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/StudyRequest"}}},
    }
}
_EXTEND = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "seeds": {
                            "type": "integer",
                            "minimum": 2,
                            "maximum": MAX_SEEDS,
                            "description": "How many in all.",
                        }
                    },
                    "required": ["seeds"],
                    "additionalProperties": False,
                }
            }
        },
    }
}


class StudyQuery(PageQuery):
    """Which studies to list."""

    state: StudyState | None = None
    tag: list[Word] = Field([], max_length=MAX_TAGS)


@router.post("", status_code=202, response_model=Study, openapi_extra=_BODY)
def submit(
    request: Request,
    context: InContext,
    project: InProject,
    body: StudyBody,
    idempotency_key: Annotated[str | None, Header()] = None,
) -> JSONResponse:
    """Accept a study; what it needs is run as soon as there is room."""
    if idempotency_key is None:
        return _accepted(_submit(context, project, body, request))
    if not _KEY.fullmatch(idempotency_key):
        detail = "1 to 255 visible ASCII characters"
        problem = Problem(path="Idempotency-Key", detail=detail, allowed=_KEY.pattern)
        raise InvalidRequest(f"Idempotency-Key: {detail}", [problem])
    context.in_flight.enter(project, idempotency_key)
    try:
        return _accepted(_submit_once(context, project, body, idempotency_key, request))
    finally:
        context.in_flight.leave(project, idempotency_key)


@router.post("/plan", openapi_extra=_BODY)
def plan(context: InContext, project: InProject, body: StudyBody) -> dict[str, Any]:
    """What a study will do, computed without doing it.

    Cost and power rest on the project's earlier studies of the trainable, where there are any.
    """
    question = read_question(loads_json(body), context.catalogue)
    with context.ledger.read() as tx:
        known = history.known(tx, project, question.study.trainable)
    # Here and not above: it loads scipy, which the API does without until it is asked for a plan.
    from ablations.plan.plan import make_plan

    spreads = known.spreads(question.study)
    made = make_plan(question.study, question.manifest, rates=known.timed, spread=spreads)
    return with_sizes(made.to_json(), question.design)


@router.get("")
def list_studies(
    request: Request,
    response: Response,
    context: InContext,
    project: InProject,
    query: Annotated[StudyQuery, Query()],
) -> StudyPage:
    """The project's studies, newest first; `tag` is a name or name=value and may be given more than once."""
    before = decode_cursor(query.cursor)
    labels = [_label(tag) for tag in query.tag]
    with context.ledger.read() as tx:
        rows = studies.page(
            tx, project=project, limit=query.limit + 1, before=before, state=query.state, labels=labels
        )
        items = studies_shown(tx, rows[: query.limit], context.settings, base_url(request, context.settings))
    cursor = encode_cursor(items[-1].id) if len(rows) > query.limit else None
    link_next(request, response, context.settings, cursor)
    return StudyPage(items=items, next=cursor)


@router.get("/{study_id}", response_model=Study)
def show(
    request: Request,
    context: InContext,
    project: InProject,
    study_id: StudyId,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """One study. Its ETag changes with every event of the study."""
    with context.ledger.read() as tx:
        row = studies.get(tx, study_id, project)
        # Weak: the estimate of the time left moves on without an event.
        tag = f'W/"{row.seq}"'
        if _matches(if_none_match, tag):
            return Response(status_code=304, headers={"ETag": tag})
        study = study_shown(tx, row, context.settings, base_url(request, context.settings))
    return JSONResponse(study.model_dump(), headers={"ETag": tag, "Cache-Control": "no-cache"})


@router.post("/{study_id}/cancel", status_code=202)
def cancel(request: Request, context: InContext, project: InProject, study_id: StudyId) -> Study:
    """End a study now. Repeating it changes nothing; a done or failed study cannot be cancelled."""
    return _change(steering.cancel, request, context, project, study_id)


@router.post("/{study_id}/pause", status_code=202)
def pause(request: Request, context: InContext, project: InProject, study_id: StudyId) -> Study:
    """Hold a study up and free its workers. What has ended is kept, what ran is run again after `resume`.

    Trainings that save checkpoints go on from the last one. Repeating it changes nothing.
    """
    return _change(steering.pause, request, context, project, study_id)


@router.post("/{study_id}/resume", status_code=202)
def resume(
    request: Request,
    context: InContext,
    project: InProject,
    study_id: StudyId,
    anyway: Anyway = False,
    afresh: Afresh = False,
) -> Study:
    """Let a paused study go on. Repeating it changes nothing.

    Where code, data or libraries have changed since its results were measured, the answer is 409 and says
    what, unless `anyway` or `afresh` is given.
    """
    return _go_on(steering.resume, request, context, project, study_id, anyway=anyway, afresh=afresh)


@router.post("/{study_id}/retry", status_code=202)
def retry(
    request: Request,
    context: InContext,
    project: InProject,
    study_id: StudyId,
    anyway: Anyway = False,
    afresh: Afresh = False,
) -> Study:
    """Run the failed trials of an ended study again, and judge it anew when they have ended.

    What has changed since is asked about as for `resume`; with `afresh` all trials run anew, failed or not.
    """
    return _go_on(steering.retry, request, context, project, study_id, anyway=anyway, afresh=afresh)


@router.post("/{study_id}/extend", status_code=202, response_model=Study, openapi_extra=_EXTEND)
def extend(
    request: Request,
    context: InContext,
    project: InProject,
    study_id: StudyId,
    body: StudyBody,
    anyway: Anyway = False,
    afresh: Afresh = False,
) -> JSONResponse:
    """Ask the same question with more seeds in all, as a new study: trials that are done are reused.

    The first report stays as it is. The new one says that the study was extended, and gives verdicts only
    where looks were declared at the start. What was measured with other code, data or libraries cannot be
    reused and runs anew: that is asked about as for `resume`, and both answers mean the same here.
    """
    wanted = loads_json(body)
    with context.ledger.read() as tx:
        row = studies.get(tx, study_id, project)
        spec = dict(row.spec)
        spec.setdefault("seeds", StudySpec.model_fields["seeds"].default)
        seeds = _more_seeds(wanted, spec["seeds"])
        if not (anyway or afresh):
            ask_first(tx, context, row, TRIAL_STATES, REUSES_NOTHING)
    question = read_question({**spec, "seeds": seeds, **_more_searches(spec, seeds)}, context.catalogue)
    return _accepted(_accept(context, project, question, request))


def _more_seeds(wanted: Json, had: Json) -> Json:
    """The seeds of an extended study: those it had, and the next ones.

    Raises: InvalidRequest.
    """
    num = _num_seeds(had)
    total = wanted.get("seeds") if isinstance(wanted, dict) and wanted.keys() == {"seeds"} else None
    if not isinstance(total, int) or isinstance(total, bool) or not num < total <= MAX_SEEDS:
        detail = f"say how many seeds there should be in all, more than the {num} there are"
        problem = Problem(path="seeds", detail=detail, allowed={"low": num + 1, "high": MAX_SEEDS})
        raise InvalidRequest(f"seeds: {detail}, at most {MAX_SEEDS}", [problem])
    if not isinstance(had, list):
        return total
    known = set(had)
    new = (seed for seed in count() if seed not in known)
    return [*had, *islice(new, total - num)]


def _more_searches(spec: Mapping[str, Json], seeds: Json) -> dict[str, Json]:
    """The search of an extended study, where every seed has one of its own."""
    tuning = spec.get("tuning")
    if not isinstance(tuning, dict) or tuning.get("repeats", 1) == 1:
        return {}
    return {"tuning": {**tuning, "repeats": _num_seeds(seeds)}}


def _num_seeds(seeds: Json) -> int:
    return seeds if isinstance(seeds, int) else len(seeds) if isinstance(seeds, list) else 0


def _change(
    change: Callable[[Tx, str], StudyRow], request: Request, context: Context, project: str, study_id: str
) -> Study:
    with context.ledger.write() as tx:
        studies.get(tx, study_id, project)
        row = change(tx, study_id)
        return study_shown(tx, row, context.settings, base_url(request, context.settings))


def _go_on(
    change: Callable[..., StudyRow],
    request: Request,
    context: Context,
    project: str,
    study_id: str,
    *,
    anyway: bool,
    afresh: bool,
) -> Study:
    """Resume or retry, once it is sure that results of several versions are not mixed unawares."""
    with context.ledger.read() as tx:
        row = studies.get(tx, study_id, project)
        states = OPEN_TRIALS if row.state == "paused" else ("failed",)
        asked = afresh or row.state not in ("paused", "done", "failed")
        if not (asked or anyway):
            ask_first(tx, context, row, states)
        changed = not asked and bool(changes(tx, context, row, states))
    return _change(partial(change, changed=changed, afresh=afresh), request, context, project, study_id)


def _submit(context: Context, project: str, body: bytes, request: Request) -> Json:
    question = read_question(loads_json(body), context.catalogue)
    return _accept(context, project, question, request)


def _submit_once(context: Context, project: str, body: bytes, key: str, request: Request) -> Json:
    """The first answer to this key, or the answer to this request if it is the first."""
    data = loads_json(body)
    digest = body_digest(data)
    with context.ledger.read() as tx:
        before = submissions.answered(tx, project, key)
    if before is not None:
        return _replayed(before, digest, key)
    question = read_question(data, context.catalogue)
    try:
        return _accept(context, project, question, request, (key, digest))
    except KeyInFlight:
        # Another process was faster. Its answer is this one's too.
        with context.ledger.read() as tx:
            faster = submissions.answered(tx, project, key)
        if faster is None:
            raise
        return _replayed(faster, digest, key)


def _accept(
    context: Context,
    project: str,
    question: Submission,
    request: Request,
    once: tuple[str, str] | None = None,
) -> Json:
    """The answer to a study that is accepted; `once` are the key and the digest that it is stored under."""

    def answer(tx: Tx, row: StudyRow) -> Json:
        shown = study_shown(tx, row, context.settings, base_url(request, context.settings)).model_dump()
        if once is not None:
            submissions.remember(tx, project, *once, row.id, shown)
        return shown

    return accept(context.ledger, question, project, answer, max_trials=context.settings.max_trials)


def _replayed(answer: tuple[str, Json], digest: str, key: str) -> Json:
    if answer[0] != digest:
        problem = Problem(path="Idempotency-Key", detail="used before with another body")
        raise KeyReused(f"Idempotency-Key {key!r} was used for another body", [problem])
    return answer[1]


def _accepted(study: Json) -> JSONResponse:
    assert isinstance(study, dict)
    return JSONResponse(study, 202, {"Location": f"/v1/studies/{study['id']}"})


def _label(tag: str) -> tuple[str, str | None]:
    for separator in ("=", ":"):
        name, found, value = tag.partition(separator)
        if found:
            return name, value
    return tag, None


def _matches(header: str | None, tag: str) -> bool:
    candidates = [part.strip() for part in (header or "").split(",")]
    return "*" in candidates or any(part.removeprefix("W/") == tag.removeprefix("W/") for part in candidates)

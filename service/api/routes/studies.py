"""Studies: submitted, planned, listed, looked at, paused, resumed, retried, extended, cancelled."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import count, islice
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from ablations.errors import Json, Problem
from ablations.study.documents import loads_json
from ablations.study.fields import MAX_SEEDS
from ablations.study.spec import StudySpec
from service.api.answers import studies_shown, study_shown
from service.api.body import StudyBody
from service.api.context import Context, InContext, InProject, StudyId
from service.api.keys import Keep, Key, answer_once
from service.api.paging import StudyPageQuery, Word, base_url, link_next
from service.api.submission import Submission, accept
from service.api.versions import changes, refuse
from service.errors import InvalidRequest
from service.ledger import Tx, steering, studies
from service.ledger.studies import StudyRow
from service.ledger.tables import OPEN_TRIALS, TRIAL_STATES
from service.schemas import Study, StudyPage, StudyState

router = APIRouter(prefix="/v1/studies", tags=["studies"])
REUSES_NOTHING = "`anyway` makes the new study all the same: what has changed runs anew, the rest is reused"
MAX_TAGS = 16
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


class StudyQuery(StudyPageQuery):
    """Which studies to list."""

    study: Word | None = Field(
        None, description="Only the one that is meant: its id or how that begins, its name, or `last`"
    )
    state: StudyState | None = None
    tag: list[Word] = Field([], max_length=MAX_TAGS)


class Answer(BaseModel):
    """What to do where something has changed since results were measured. Without an answer: ask."""

    anyway: bool = Field(False, description="Go on though code, data or libraries have changed")
    afresh: bool = Field(False, description="Run every trial anew; old results are kept as superseded")


Answered = Annotated[Answer, Query()]


@router.post("", status_code=202, response_model=Study, openapi_extra=_BODY)
def submit(
    request: Request,
    context: InContext,
    project: InProject,
    body: StudyBody,
    key: Key = None,
) -> JSONResponse:
    """Accept a study; what it needs is run as soon as there is room."""
    wanted = loads_json(body)

    def act(keep: Keep) -> Json:
        return _accept(context, project, context.planner.question(wanted), request, keep)

    return _accepted(answer_once(context, project, key, wanted, act))


@router.post("/plan", response_model=dict[str, Any], openapi_extra=_BODY)
def plan(context: InContext, project: InProject, body: StudyBody) -> Response:
    """What a study will do, computed without doing it.

    Cost and power rest on the project's earlier studies of the trainable that are comparable, else they are
    unknown.
    """
    made = context.planner.plan(loads_json(body), project)
    return Response(made, media_type="application/json")


@router.get("")
def list_studies(
    request: Request,
    response: Response,
    context: InContext,
    project: InProject,
    query: Annotated[StudyQuery, Query()],
) -> StudyPage:
    """The project's studies, newest first; `tag` is a name or name=value and may be given more than once."""
    labels = [_label(tag) for tag in query.tag]
    with context.ledger.read() as tx:
        rows = (
            [studies.find(tx, query.study, project)]
            if query.study is not None
            else studies.page(
                tx,
                project=project,
                limit=query.limit + 1,
                before=query.cursor,
                state=query.state,
                labels=labels,
            )
        )
        items = studies_shown(tx, rows[: query.limit], context.settings, base_url(request, context.settings))
    cursor = items[-1].id if len(rows) > query.limit else None
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
        shown = study_shown(tx, row, context.settings, base_url(request, context.settings))
    # Weak: the estimate of the time left moves on without an event.
    headers = {"ETag": f'W/"{row.seq}"', "Cache-Control": "no-cache"}
    if _matches(if_none_match, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return JSONResponse(shown.model_dump(), headers=headers)


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
    request: Request, context: InContext, project: InProject, study_id: StudyId, answer: Answered
) -> Study:
    """Let a paused study go on. Repeating it changes nothing.

    Where code, data or libraries have changed since its results were measured, the answer is 409 and says
    what, unless `anyway` or `afresh` is given.
    """
    open_trials = {"paused": OPEN_TRIALS}
    return _go_on(steering.resume, open_trials, request, context, project, study_id, answer)


@router.post("/{study_id}/retry", status_code=202, response_model=Study)
def retry(
    request: Request,
    context: InContext,
    project: InProject,
    study_id: StudyId,
    answer: Answered,
    key: Key = None,
) -> JSONResponse:
    """Run the failed trials of an ended study again, and judge it anew when they have ended.

    What has changed since is asked about as for `resume`; with `afresh` all trials run anew, failed or not.
    A repeated request would do so once more when the study has ended again: a key keeps it from that.
    """
    failed = dict.fromkeys(("done", "failed"), ("failed",))

    def act(keep: Keep) -> Json:
        again = steering.retry, failed, request, context, project, study_id, answer
        return _go_on(*again, keep=keep).model_dump()

    return JSONResponse(answer_once(context, project, key, {"retry": study_id}, act), 202)


@router.post("/{study_id}/extend", status_code=202, response_model=Study, openapi_extra=_EXTEND)
def extend(
    request: Request,
    context: InContext,
    project: InProject,
    study_id: StudyId,
    body: StudyBody,
    answer: Answered,
    key: Key = None,
) -> JSONResponse:
    """Ask the same question with more seeds in all, as a new study: trials that are done are reused.

    The first report stays as it is. The new one says that the study was extended, and gives verdicts only
    where looks were declared at the start. What was measured with other code, data or libraries cannot be
    reused and runs anew: that is asked about as for `resume`, and both answers mean the same here.
    """
    wanted = loads_json(body)

    def act(keep: Keep) -> Json:
        with context.ledger.read() as tx:
            row = studies.get(tx, study_id, project)
            spec = dict(row.spec)
            seeds = _more_seeds(wanted, _seeds_of(spec))
            if not (answer.anyway or answer.afresh):
                refuse(row, changes(tx, context, row, TRIAL_STATES), REUSES_NOTHING)
        more = {**_fixed_size(spec), "seeds": seeds, **_more_searches(spec, seeds)}
        return _accept(context, project, context.planner.question(more), request, keep)

    return _accepted(answer_once(context, project, key, {"extend": study_id, "body": wanted}, act))


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


def _seeds_of(spec: Mapping[str, Json]) -> Json:
    """The seeds of a study as it was accepted, or as its pilot has set them."""
    analysis = spec.get("analysis")
    resize = analysis.get("resize") if isinstance(analysis, dict) else None
    if isinstance(resize, dict):
        found = resize.get("found")
        return found["seeds"] if isinstance(found, dict) else resize["pilot"]
    return spec.get("seeds", StudySpec.model_fields["seeds"].default)


def _fixed_size(spec: Mapping[str, Json]) -> dict[str, Json]:
    """The study without a pilot that sets its seeds: a person has set them."""
    analysis = spec.get("analysis")
    if not isinstance(analysis, dict) or not analysis.get("resize"):
        return dict(spec)
    return {**spec, "analysis": {name: part for name, part in analysis.items() if name != "resize"}}


def _more_searches(spec: Mapping[str, Json], seeds: Json) -> dict[str, Json]:
    """The search of an extended study, where every seed has one of its own."""
    tuning = spec.get("tuning")
    if not isinstance(tuning, dict) or tuning.get("repeats", 1) == 1:
        return {}
    return {"tuning": {**tuning, "repeats": _num_seeds(seeds)}}


def _num_seeds(seeds: Json) -> int:
    return seeds if isinstance(seeds, int) else len(seeds) if isinstance(seeds, list) else 0


def _change(
    change: Callable[[Tx, str], StudyRow],
    request: Request,
    context: Context,
    project: str,
    study_id: str,
    keep: Keep | None = None,
) -> Study:
    with context.ledger.write() as tx:
        studies.get(tx, study_id, project)
        row = change(tx, study_id)
        study = study_shown(tx, row, context.settings, base_url(request, context.settings))
        if keep is not None:
            keep(tx, study_id, study.model_dump())
        return study


def _go_on(
    change: Callable[..., StudyRow],
    again: Mapping[str, Sequence[str]],
    request: Request,
    context: Context,
    project: str,
    study_id: str,
    answer: Answer,
    keep: Keep | None = None,
) -> Study:
    """Resume or retry, once it is sure that results of several versions are not mixed unawares.

    `again` says for each state in which this can be done the states of the trials that then run.
    """
    changed = False
    with context.ledger.read() as tx:
        row = studies.get(tx, study_id, project)
        states = again.get(row.state)
        if states is not None and not answer.afresh:
            found = changes(tx, context, row, states)
            if not answer.anyway:
                refuse(row, found)
            # Without a result there is nothing to ask, but a driver that has the old code must go too.
            changed = bool(found or changes(tx, context, row, states, since=OPEN_TRIALS))
    once = partial(change, changed=changed, afresh=answer.afresh)
    return _change(once, request, context, project, study_id, keep)


def _accept(context: Context, project: str, question: Submission, request: Request, keep: Keep) -> Json:
    """The answer to a study that is accepted."""

    def answer(tx: Tx, row: StudyRow) -> Json:
        shown = study_shown(tx, row, context.settings, base_url(request, context.settings)).model_dump()
        keep(tx, row.id, shown)
        return shown

    return accept(context.ledger, question, project, answer, max_trials=context.settings.max_trials)


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

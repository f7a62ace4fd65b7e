"""Trials, and the logs of what ran them."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import PlainTextResponse
from pydantic import Field

from ablations.results.results import reads_curves
from ablations.results.values import Points
from service.api.answers import readings_of, trial_shown
from service.api.context import Context, InContext, InProject, StudyId
from service.api.paging import PageQuery, Word, link_next
from service.errors import NotFound
from service.ledger import anew, attempts, studies, trials
from service.ledger.trials import TrialRow
from service.schemas import Phase, TrialPage, TrialState

router = APIRouter(prefix="/v1/studies", tags=["trials"])
MAX_SEED, MAX_POSITION = 2**63 - 1, 10**9


class TrialQuery(PageQuery):
    """Which trials to list."""

    state: TrialState | None = None
    phase: Phase | None = None
    cursor: int = Field(-1, ge=-1, le=MAX_POSITION, description="From the `next` of the page before")
    arm: Word | None = None
    arm_id: Word | None = None
    seed: int | None = Field(None, ge=0, le=MAX_SEED)
    curves: bool = Field(False, description="With each trial's metrics by step")
    superseded: bool = Field(False, description="Instead, earlier results of trials that were run anew")


@router.get("/{study_id}/trials")
def list_trials(
    request: Request,
    response: Response,
    context: InContext,
    project: InProject,
    study_id: StudyId,
    query: Annotated[TrialQuery, Query()],
) -> TrialPage:
    """A study's trials as planned. `arm` is an arm's label or id."""
    if query.superseded:
        return _superseded(request, response, context, project, study_id, query)
    with context.ledger.read() as tx:
        study = studies.get(tx, study_id, project)
        rows = trials.page(
            tx,
            study_id,
            limit=query.limit + 1,
            after=query.cursor,
            state=query.state,
            phase=query.phase,
            arm=query.arm,
            arm_id=query.arm_id,
            seed=query.seed,
        )
    readings = readings_of(study.spec, context.catalogue)
    shown = rows[: query.limit]
    curves: dict[str, Mapping[str, Points]] = {}
    if shown and (query.curves or reads_curves(readings)):
        with context.ledger.read() as tx:
            curves = trials.curves(tx, study_id, [row.id for row in shown])
    cursor = str(shown[-1].position) if len(rows) > query.limit else None
    link_next(request, response, context.settings, cursor)
    items = [trial_shown(row, readings, curves.get(row.id), with_curve=query.curves) for row in shown]
    return TrialPage(items=items, next=cursor)


def _superseded(
    request: Request, response: Response, context: Context, project: str, study_id: str, query: TrialQuery
) -> TrialPage:
    """Results that `afresh` set aside, oldest first; other filters do not apply to them."""
    with context.ledger.read() as tx:
        study = studies.get(tx, study_id, project)
        rows = anew.page(tx, study_id, limit=query.limit + 1, after=query.cursor)
    readings = readings_of(study.spec, context.catalogue)
    shown = rows[: query.limit]
    cursor = str(shown[-1][0]) if len(rows) > query.limit else None
    link_next(request, response, context.settings, cursor)
    names = {field.name for field in fields(TrialRow)}
    old = [(TrialRow(**{name: row[name] for name in names}), row.get("curve")) for _, row in shown]
    return TrialPage(items=[trial_shown(row, readings, curve) for row, curve in old], next=cursor)


@router.get("/{study_id}/logs", response_class=PlainTextResponse)
def logs(
    context: InContext,
    project: InProject,
    study_id: StudyId,
    trial: Annotated[Word | None, Query(description="A trial's id or number: its traceback instead")] = None,
    attempt: Annotated[int | None, Query(ge=1, le=10**6, description="The latest, if not given")] = None,
) -> str:
    """The log of the study's driver, or the traceback of a trial that failed; empty before there is one."""
    with context.ledger.read() as tx:
        studies.get(tx, study_id, project)
        if trial is not None:
            row = trials.get(tx, study_id, trial)
            return trials.traceback(tx, study_id, row.id) or row.reason or ""
        made = attempts.all_of(tx, study_id)
    if attempt is not None:
        made = [one for one in made if one.number == attempt]
        if not made:
            raise NotFound(f"study {study_id} has no attempt {attempt}")
    if not made:
        return ""
    return context.job_logs(context.settings, made[-1].submission_id)

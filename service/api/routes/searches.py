"""What the searches of a study have tried."""

from typing import Any

from fastapi import APIRouter

from ablations.errors import Json
from ablations.plan.compile import compile_design
from ablations.results.results import TrialRecord
from ablations.results.tried import tried_searches
from ablations.study.parsing import parse_study
from service.api.context import InContext, InProject, StudyId
from service.ledger import studies, trials

router = APIRouter(prefix="/v1/studies", tags=["studies"])


@router.get("/{study_id}/searches")
def searches(context: InContext, project: InProject, study_id: StudyId) -> dict[str, Any]:
    """Every search of a study with the space it draws from and its candidates: settings, score, mean curve.

    A study without `tuning` has none, and one whose trainable is not installed any more shows none.
    """
    with context.ledger.read() as tx:
        study = studies.get(tx, study_id, project)
        tuned = study.spec.get("tuning") is not None
        rows = trials.each_record(tx, study_id, phase="tuning") if tuned else iter(())
        records = [TrialRecord.from_json(row) for row in rows]
    spec = parse_study(dict(study.spec))
    manifest = context.catalogue.trainables.get(spec.trainable)
    items: list[Json] = []
    if records and manifest is not None:
        items = [search.to_json() for search in tried_searches(compile_design(spec, manifest), records)]
    return {"items": items, "next": None}

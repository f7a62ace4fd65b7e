"""Claims: what the abstract of arXiv 2603.22154 says, and what finished studies of the presets found."""

from typing import Any

from fastapi import APIRouter

from service.api.context import Context, InContext, InProject

router = APIRouter(prefix="/v1", tags=["reports"])


@router.get("/claims")
def list_claims(context: InContext, project: InProject) -> dict[str, Any]:
    """Every claim with its number, our estimate and interval, seeds, scale and verdict.

    At paper scale a claim is reproduced or not; below it, it is consistent or inconsistent. Nothing is
    typed in: a claim whose preset has not been run says so.
    """
    return {"items": read_claims(context, project), "next": None}


def read_claims(context: Context, project: str) -> list[dict[str, Any]]:
    """The claims table of a project."""
    # Here and not above: it loads scipy, which the API does without until it is asked for an interval.
    from service.claims import Read, claims_table

    known: Read = context.kept.setdefault("claims", Read())
    with context.ledger.read() as tx:
        return [dict(entry) for entry in claims_table(tx, context.catalogue, project, known)]

"""A study's events as Server-Sent Events; ids are the ledger's sequence."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Query, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event

from service.api.answers import utc
from service.api.context import Context, InContext, InProject, StudyId
from service.ledger import events, studies
from service.ledger.events import Event
from service.ledger.studies import StudyRow
from service.ledger.tables import OPEN_STUDIES

router = APIRouter(prefix="/v1/studies", tags=["studies"])
_POLL_S = 0.5
_PING_S = 15.0
_MAX_SEQ = 2**63 - 1
_HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


@router.get(
    "/{study_id}/events",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}}, 204: {"description": "No event will follow"}},
)
async def stream(
    context: InContext,
    project: InProject,
    study_id: StudyId,
    last_event_id: Annotated[str | None, Header()] = None,
    after: Annotated[int, Query(ge=0, le=_MAX_SEQ, description="Only events behind this number")] = 0,
) -> Response:
    """Events as they happen, from the first or from behind Last-Event-ID, until the study is published."""
    seen = last_event_id or ""
    seq = min(int(seen[:20]), _MAX_SEQ) if seen.isascii() and seen.isdecimal() else after
    study, found = await run_in_threadpool(_read, context, study_id, seq, project)
    if _is_final(study) and not found:
        return Response(status_code=204)
    return StreamingResponse(
        _follow(context, study_id, seq), media_type="text/event-stream", headers=_HEADERS
    )


async def _follow(context: Context, study_id: str, seq: int) -> AsyncIterator[bytes]:
    spoken = time.monotonic()
    while True:
        study, found = await run_in_threadpool(_read, context, study_id, seq)
        for event in found:
            yield _encode(event)
        if found:
            seq, spoken = found[-1].seq, time.monotonic()
        elif _is_final(study):
            return
        else:
            if time.monotonic() - spoken > _PING_S:
                spoken = time.monotonic()
                yield KEEPALIVE_COMMENT
            await asyncio.sleep(_POLL_S)


def _read(
    context: Context, study_id: str, seq: int, project: str | None = None
) -> tuple[StudyRow, list[Event]]:
    with context.ledger.read() as tx:
        return studies.get(tx, study_id, project), events.after(tx, study_id, seq)


def _is_final(study: StudyRow) -> bool:
    return study.state not in OPEN_STUDIES and study.published


def _encode(event: Event) -> bytes:
    data = {"at": utc(event.created_at), **event.data}
    return format_sse_event(data_str=json.dumps(data), event=event.kind, id=str(event.seq))

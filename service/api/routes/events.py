"""A study's events as Server-Sent Events; ids are the ledger's sequence."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Annotated

from fastapi import APIRouter, Header, Query, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event

from service.api.answers import utc
from service.api.context import Context, InContext, InProject, StudyId
from service.errors import LedgerUnavailable, StudyNotFound
from service.ledger import events, studies
from service.ledger.events import Event
from service.ledger.studies import StudyRow
from service.ledger.tables import OPEN_STUDIES

router = APIRouter(prefix="/v1/studies", tags=["studies"])
_POLL_S = 0.5
_PING_S = 15.0
_MAX_SEQ = 2**63 - 1
_log = logging.getLogger(__name__)
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
        _follow(context, _news_of(context), study_id, seq), media_type="text/event-stream", headers=_HEADERS
    )


class News:
    """Asks the ledger for all streams of this process at once, and wakes those whose study has moved on."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._waiting: dict[str, set[asyncio.Event]] = {}
        self._asking: asyncio.Task[None] | None = None

    @contextmanager
    def follow(self, study_id: str) -> Iterator[asyncio.Event]:
        """What is set whenever the study may have new events."""
        moved = asyncio.Event()
        self._waiting.setdefault(study_id, set()).add(moved)
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
        try:
            yield moved
        finally:
            self._waiting[study_id].discard(moved)
            if not self._waiting[study_id]:
                del self._waiting[study_id]

    async def _ask(self) -> None:
        seen: dict[str, int] = {}
        while self._waiting:
            try:
                known = await run_in_threadpool(self._latest, list(self._waiting))
            except LedgerUnavailable as error:
                _log.warning("event streams wait: %s", error)
                known = {}
            for study_id, seq in known.items():
                if seen.get(study_id) != seq:
                    for moved in self._waiting.get(study_id, ()):
                        moved.set()
            seen |= known
            await asyncio.sleep(_POLL_S)

    def _latest(self, ids: list[str]) -> dict[str, int]:
        with self._context.ledger.read() as tx:
            return events.latest_seqs(tx, ids)


def _news_of(context: Context) -> News:
    """The one asker of this process and its event loop."""
    loop = asyncio.get_running_loop()
    known = context.kept.get("news")
    if known is None or known[0] is not loop:
        known = context.kept["news"] = (loop, News(context))
    news: News = known[1]
    return news


async def _follow(context: Context, news: News, study_id: str, seq: int) -> AsyncIterator[bytes]:
    with news.follow(study_id) as moved:
        while True:
            moved.clear()
            try:
                study, found = await run_in_threadpool(_read, context, study_id, seq)
            except StudyNotFound:  # deleted while somebody looked on
                return
            for event in found:
                yield _encode(event)
            if found:
                seq = found[-1].seq
                continue
            if _is_final(study):
                return
            try:
                async with asyncio.timeout(_PING_S):
                    await moved.wait()
            except TimeoutError:
                yield KEEPALIVE_COMMENT


def _read(
    context: Context, study_id: str, seq: int, project: str | None = None
) -> tuple[StudyRow, list[Event]]:
    with context.ledger.read() as tx:
        return studies.get(tx, study_id, project), events.list_after(tx, study_id, seq)


def _is_final(study: StudyRow) -> bool:
    return study.state not in OPEN_STUDIES and study.published


def _encode(event: Event) -> bytes:
    data = {"at": utc(event.created_at), **event.data}
    return format_sse_event(data_str=json.dumps(data), event=event.kind, id=str(event.seq))

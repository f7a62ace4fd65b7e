"""A study's events as Server-Sent Events; ids are the ledger's sequence."""

import asyncio
import json
import logging
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import takewhile
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
_POLL_S = 0.25
_MOST = 2000
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


@dataclass
class LatestEvents:
    """What one study's streams share: its latest events as they are sent, and who waits for more."""

    seq: int
    recent: deque[tuple[int, bytes]] = field(default_factory=lambda: deque(maxlen=_MOST))
    final: bool = False
    moved: asyncio.Event = field(default_factory=asyncio.Event)
    num_streams: int = 0

    def newer(self, seq: int) -> list[tuple[int, bytes]] | None:
        """The events behind a number; None where the first of them are kept no more."""
        first = self.recent[0][0] if self.recent else self.seq + 1
        if seq < first - 1:
            return None
        return list(takewhile(lambda entry: entry[0] > seq, reversed(self.recent)))[::-1]

    def add(self, entries: Sequence[tuple[int, bytes]], final: bool) -> None:
        """Tell all streams; nothing where nothing is new."""
        if entries or final != self.final:
            self.recent.extend(entries)
            self.seq = entries[-1][0] if entries else self.seq
            self.final = final
            self.moved.set()
            self.moved = asyncio.Event()


class News:
    """Asks the ledger for all streams of this process at once: each event is read and written out once."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._feeds: dict[str, LatestEvents] = {}
        self._asking: asyncio.Task[None] | None = None
        self._seen: int | None = None

    @contextmanager
    def follow(self, study_id: str, seq: int) -> Iterator[LatestEvents]:
        """What happens in a study behind this event, which was its last lately."""
        if study_id not in self._feeds:
            self._feeds[study_id] = LatestEvents(seq)
            self._seen = None  # what was written meanwhile has been told, but not to this one
        feed = self._feeds[study_id]
        feed.num_streams += 1
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
        try:
            yield feed
        finally:
            feed.num_streams -= 1
            if feed.num_streams == 0 and self._feeds.get(study_id) is feed:
                del self._feeds[study_id]

    async def _ask(self) -> None:
        while self._feeds:
            version = self._context.ledger.version()
            if version is None or version != self._seen:
                self._seen = version
                if not await self._tell():
                    self._seen = None
            await asyncio.sleep(_POLL_S)

    async def _tell(self) -> bool:
        feeds = dict(self._feeds)
        try:
            found = await run_in_threadpool(self._news, {id: feed.seq for id, feed in feeds.items()})
        except LedgerUnavailable as error:
            _log.warning("event streams wait: %s", error)
            return False
        whole = True
        for study_id, feed in feeds.items():
            if study_id in found:
                entries, final = found[study_id]
                whole &= not entries  # there may be more than are read at once
                feed.add(entries, final and not entries)
            else:  # deleted: its streams find that out
                feed.add([], True)
        return whole

    def _news(self, seqs: Mapping[str, int]) -> dict[str, tuple[list[tuple[int, bytes]], bool]]:
        found = {}
        with self._context.ledger.read() as tx:
            for study_id, seq in seqs.items():
                with suppress(StudyNotFound):
                    study = studies.get(tx, study_id)
                    found[study_id] = _entries(events.list_after(tx, study_id, seq)), _is_final(study)
        return found


def _news_of(context: Context) -> News:
    """The one asker of this process and its event loop."""
    loop = asyncio.get_running_loop()
    known = context.kept.get("news")
    if known is None or known[0] is not loop:
        known = context.kept["news"] = (loop, News(context))
    news: News = known[1]
    return news


async def _follow(context: Context, news: News, study_id: str, seq: int) -> AsyncIterator[bytes]:
    with ExitStack() as stack, suppress(StudyNotFound):  # deleted while somebody looked on
        feed: LatestEvents | None = None
        while True:
            moved = None if feed is None else feed.moved
            entries = None if feed is None or feed.final else feed.newer(seq)
            final = False
            if entries is None:  # history; or it is final, if nobody has resumed it
                study, found = await run_in_threadpool(_read, context, study_id, seq)
                entries, final = _entries(found), _is_final(study)
            if entries:
                yield b"".join(text for _, text in entries)
                seq = entries[-1][0]
            elif final:
                return
            elif feed is None or moved is None:
                feed = stack.enter_context(news.follow(study_id, seq))
            else:
                try:
                    async with asyncio.timeout(_PING_S):
                        await moved.wait()
                except TimeoutError:
                    yield KEEPALIVE_COMMENT


def _entries(found: Sequence[Event]) -> list[tuple[int, bytes]]:
    return [(event.seq, _encode(event)) for event in found]


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

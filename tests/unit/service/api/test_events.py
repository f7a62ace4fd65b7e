"""Many event streams ask the ledger as often as one, and each has every event once."""

import asyncio
import time
from random import Random
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import event as sqlalchemy_event
from starlette.testclient import TestClient

from service.api.routes import events as streams
from service.ledger import events, steering, studies
from tests.unit.service.api.conftest import STUDY

NUM_STREAMS = 40
WATCHED_S = 2.0


def test_streams_share_one_look_at_the_ledger(app: FastAPI, client: TestClient) -> None:
    study_id = client.post("/v1/studies", json=STUDY).json()["id"]
    context = app.state.context
    asked: list[str] = []
    engine = context.ledger._reader

    def note(*args: object) -> None:
        asked.append(str(args[2]))

    async def watch() -> list[int]:
        news = streams.News(context)
        found = [0] * NUM_STREAMS

        async def follow(place: int) -> None:
            async for _ in streams._follow(context, news, study_id, 0):
                found[place] += 1

        tasks = [asyncio.create_task(follow(place)) for place in range(NUM_STREAMS)]
        async with asyncio.timeout(60):
            while min(found) < 1:  # all have been told how it stands
                await asyncio.sleep(0.05)
        await asyncio.sleep(3.0)
        before = len(asked)
        await asyncio.sleep(WATCHED_S)
        assert len(asked) == before, "nobody has written"
        with context.ledger.write() as tx:
            steering.cancel(tx, study_id)
        async with asyncio.timeout(60):
            while min(found) < 2:
                await asyncio.sleep(0.05)
        assert len(asked) - before <= 10, "and what is new is read once for all"
        for task in tasks:
            task.cancel()
        return found

    sqlalchemy_event.listen(engine, "before_cursor_execute", note)
    try:
        assert set(asyncio.run(watch())) == {2}
    finally:
        sqlalchemy_event.remove(engine, "before_cursor_execute", note)


def test_every_stream_has_every_event_once_whenever_it_joins(
    app: FastAPI, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Streams join from anywhere while events come faster than they are kept for."""
    study_id = client.post("/v1/studies", json=STUDY).json()["id"]
    context, num, rng = app.state.context, 300, Random(3)
    monkeypatch.setattr(streams, "_POLL_S", 0.02)
    monkeypatch.setattr(streams, "_MOST", 8)

    def write() -> None:
        for _ in range(num):
            with context.ledger.write() as tx:
                events.append(tx, study_id, "started", {})
            time.sleep(rng.choice((0.0, 0.0, 0.01)))

    async def watch() -> None:
        news = streams.News(context)
        with context.ledger.read() as tx:
            last = studies.get(tx, study_id).seq + num

        async def follow(seq: int, slow_s: float) -> list[int]:
            got: list[int] = []
            async for text in streams._follow(context, news, study_id, seq):
                got += [int(line[4:]) for line in text.decode().splitlines() if line.startswith("id: ")]
                if got and got[-1] == last:
                    break
                await asyncio.sleep(slow_s)
            assert got == list(range(seq + 1, last + 1))
            return got

        writer = asyncio.create_task(asyncio.to_thread(write))
        tasks = []
        for _ in range(30):
            await asyncio.sleep(0.05)
            tasks.append(asyncio.create_task(follow(rng.choice((0, 1, 7)), rng.choice((0.0, 0.1, 0.4)))))
        async with asyncio.timeout(60):
            await asyncio.gather(writer, *tasks)

    asyncio.run(watch())


def test_a_stream_misses_nothing_between_history_and_news(
    app: FastAPI, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    study_id = client.post("/v1/studies", json=STUDY).json()["id"]
    context, read, others = app.state.context, streams._read, []
    news = streams.News(context)

    def read_slowly(*args: Any) -> Any:
        found = read(*args)
        if not found[1] and not others:  # it knows all there is; then something happens, and others are told
            others.append(True)
            with context.ledger.write() as tx:
                events.append(tx, study_id, "started", {})
            time.sleep(3 * streams._POLL_S)
        return found

    async def watch() -> bytes:
        with context.ledger.write() as tx:
            other = studies.new_id()
            studies.create(tx, study_id=other, project="default", name="o", spec={}, labels={}, planned=[])
        with news.follow(other, 0):
            await asyncio.sleep(2 * streams._POLL_S)
            monkeypatch.setattr(streams, "_read", read_slowly)
            async with asyncio.timeout(5):
                async for text in streams._follow(context, news, study_id, 0):
                    if b"started" in text:
                        return text
        return b""

    assert asyncio.run(watch())


@pytest.mark.parametrize("number", [17, 1_100])
def test_a_listing_takes_few_tags(client: TestClient, number: int) -> None:
    answer = client.get("/v1/studies", params=[("tag", f"a{n}") for n in range(number)])
    assert answer.status_code == 422 and answer.json()["errors"][0]["allowed"] == {"max_length": 16}
    assert client.get("/v1/studies", params=[("tag", f"a{n}") for n in range(16)]).status_code == 200

"""Many event streams ask the ledger as often as one."""

import asyncio

import pytest
from fastapi import FastAPI
from sqlalchemy import event
from starlette.testclient import TestClient

from service.api.routes import events as streams
from service.ledger import steering
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
        assert len(asked) - before <= 2 * WATCHED_S / streams._POLL_S
        with context.ledger.write() as tx:
            steering.cancel(tx, study_id)
        async with asyncio.timeout(60):
            while min(found) < 2:
                await asyncio.sleep(0.05)
        for task in tasks:
            task.cancel()
        return found

    event.listen(engine, "before_cursor_execute", note)
    try:
        assert set(asyncio.run(watch())) == {2}
    finally:
        event.remove(engine, "before_cursor_execute", note)


@pytest.mark.parametrize("number", [17, 1_100])
def test_a_listing_takes_few_tags(client: TestClient, number: int) -> None:
    answer = client.get("/v1/studies", params=[("tag", f"a{n}") for n in range(number)])
    assert answer.status_code == 422 and answer.json()["errors"][0]["allowed"] == {"max_length": 16}
    assert client.get("/v1/studies", params=[("tag", f"a{n}") for n in range(16)]).status_code == 200

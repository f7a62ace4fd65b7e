"""The answer about a study is kept until somebody writes to the ledger, and never longer."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import event
from starlette.testclient import TestClient

from service.api import memory
from service.ledger import Ledger, open_ledger, steering
from service.settings import Settings
from tests.unit.service.api.conftest import STUDY, make_app


@contextmanager
def statements(ledger: Ledger) -> Iterator[list[str]]:
    """What the ledger is asked meanwhile."""
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    engine = ledger._reader
    event.listen(engine, "before_cursor_execute", note)
    yield asked
    event.remove(engine, "before_cursor_execute", note)


def test_a_study_is_read_once_while_nobody_writes(client: TestClient, ledger: Ledger) -> None:
    url = "/v1/studies/" + client.post("/v1/studies", json=STUDY).json()["id"]
    first = client.get(url)
    known = {"If-None-Match": first.headers["etag"]}
    unchanged = client.get(url, headers=known)
    with statements(ledger) as asked:
        again = client.get(url), client.get(url, headers=known)
    assert not asked and again[0].json() == first.json() and dict(again[0].headers) == dict(first.headers)
    assert [again[1].status_code, dict(again[1].headers)] == [304, dict(unchanged.headers)]


def test_what_another_process_writes_is_seen_at_once(client: TestClient, settings: Settings) -> None:
    study_id = client.post("/v1/studies", json=STUDY).json()["id"]
    assert client.get(f"/v1/studies/{study_id}").json()["state"] == "queued"
    other = open_ledger(settings.database_url)
    with other.write() as tx:
        steering.cancel(tx, study_id)
    other.close()
    answer = client.get(f"/v1/studies/{study_id}")
    assert answer.json()["state"] == "cancelled" and answer.json()["progress"]["cancelled"] == 8


def test_what_moves_on_by_itself_is_read_again(
    client: TestClient, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "/v1/studies/" + client.post("/v1/studies", json=STUDY).json()["id"]
    client.get(url)
    monkeypatch.setattr(memory, "FRESH_S", -1.0)
    with statements(ledger) as asked:
        client.get(url)
    assert asked


def test_projects_do_not_share_answers(keyed: Settings) -> None:
    guarded = TestClient(make_app(keyed), base_url="http://127.0.0.1:8000")
    mine = {"Authorization": "Bearer alpha-key"}
    url = "/v1/studies/" + guarded.post("/v1/studies", json=STUDY, headers=mine).json()["id"]
    assert guarded.get(url, headers=mine).status_code == 200
    assert guarded.get(url, headers={"Authorization": "Bearer beta-key"}).status_code == 404


def test_those_who_ask_at_once_have_it_read_once(app: FastAPI, client: TestClient) -> None:
    url = "/v1/studies/" + client.post("/v1/studies", json=STUDY).json()["id"]

    async def ask() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app=app, client=("127.0.0.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as many:
            return await asyncio.gather(*(many.get(url) for _ in range(12)))

    with statements(app.state.context.ledger) as once:
        client.get(url, headers={"User-Agent": "another"})
    with statements(app.state.context.ledger) as asked:
        answers = asyncio.run(ask())
    assert {answer.status_code for answer in answers} == {200} and len({a.text for a in answers}) == 1
    assert len(asked) == len(once)

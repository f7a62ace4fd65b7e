"""The Python client against the real API over a socket: what is submitted, steered and read."""

import asyncio
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import uvicorn

from ablations.study.documents import loads_yaml
from ablations.study.spec import StudySpec
from service.client import AsyncClient, Client, ServiceAway, ServiceRefused
from service.client.tables import effect_table
from service.ledger import Ledger, attempts, leasing, studies, trials
from service.settings import Settings
from tests.integration.system import free_port
from tests.ledger_samples import outcome
from tests.unit.service.api.conftest import STUDY, make_app

CURVE = {"val_loss": [(1, 2.0), (2, None), (3, 1.5)]}


@pytest.fixture
def settings(tmp_path: Path, empty_ledger: Path) -> Settings:
    shutil.copy(empty_ledger, tmp_path / "ledger.db")
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    return Settings(data_dir=tmp_path, database_url=url, internal_url="http://127.0.0.1:1", secret="s" * 64)


@pytest.fixture
def served(settings: Settings) -> Iterator[tuple[str, Ledger]]:
    """The API's address, and its ledger."""
    app, port = make_app(settings), free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{port}", app.state.context.ledger
    server.should_exit = True
    thread.join()


@pytest.fixture
def client(served: tuple[str, Ledger]) -> Iterator[Client]:
    with Client(served[0]) as made:
        yield made


@pytest.fixture
def ledger(served: tuple[str, Ledger]) -> Ledger:
    return served[1]


def run(ledger: Ledger, study_id: str, num: int | None = None) -> None:
    """End the first so many trials, all if not said, the last of them by an error."""
    with ledger.write() as tx:
        live = attempts.live(tx, study_id)
        number = live.number if live is not None else attempts.begin(tx, study_id).number
        attempts.start(tx, study_id, number)
        ids = [row.id for row in trials.page(tx, study_id, limit=500, state="planned")][:num]
        leasing.lease(tx, study_id, number, ids)
        ended = [replace(outcome(id), curve=CURVE) for id in ids]
        ended[-1] = outcome(ids[-1], "failed")
        leasing.commit(tx, study_id, number, ended)
        if num is None:
            attempts.finish(tx, study_id, number, "done")


def test_a_study_is_the_same_as_a_mapping_a_file_and_a_model(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(
        "name: depth\ntrainable: toy\nfactors: {base: [relu, mish], depth: [1, 3]}\nbaseline: {base: relu}\n"
        "fixed: {lr: 0.1}\nseeds: 2\ntags: {team: vision}\n"
        "metrics: [{name: test_accuracy}, {name: collapsed, of: test_accuracy, below: 0.8}]\n"
    )
    assert loads_yaml(path.read_text()) == STUDY
    plans = [client.plan(study) for study in (STUDY, path, str(path), StudySpec(**STUDY))]
    assert plans[0]["arms"] and all(plan == plans[0] for plan in plans)
    assert client.submit(StudySpec(**STUDY)).spec == client.submit(path).spec


def test_studies_are_found_as_on_the_command_line(client: Client) -> None:
    first = client.submit(STUDY)
    second = client.submit({**STUDY, "name": "other", "tags": {}})
    assert [study.id for study in client.studies()] == [second.id, first.id]
    assert [study.id for study in client.studies(tag="team=vision")] == [first.id]
    for meant in (first.id, first.id[:20], "depth"):
        assert client.study(meant).id == first.id
    assert client.study("last").id == second.id
    assert repr(second) == f"<study {second.id}: other: 0 of 8 trials, queued>"


def test_what_is_wrong_is_said_with_its_path(client: Client) -> None:
    with pytest.raises(ServiceRefused, match=r"factors\.depth\.0") as refused:
        client.submit({**STUDY, "factors": {"depth": [0, 1]}, "baseline": {}})
    assert refused.value.kind == "invalid-study"
    assert refused.value.problems[0]["path"] == "factors.depth.0"
    with pytest.raises(ServiceRefused, match="StudySpec, or the path"):
        client.submit(3)
    with pytest.raises(ServiceRefused) as unknown:
        client.study("nothing-like-it")
    assert unknown.value.kind == "study-not-found"
    with Client("http://127.0.0.1:1") as away, pytest.raises(ServiceAway, match="no service at"):
        away.studies()


def test_steering_answers_with_the_state(client: Client, ledger: Ledger) -> None:
    study = client.submit(STUDY)
    assert study.pause().state == "paused" and client.study(study.id).state == "paused"
    assert study.resume().state == "queued"
    run(ledger, study.id)
    with ledger.write() as tx:
        assert studies.complete(tx, study.id, state="failed", effects={"interim": False, "contrasts": []})
    assert study.refresh().state == "failed"
    more = study.extend(3)
    assert more.id != study.id and more.now.progress.total == 12
    assert study.retry().state == "queued"
    assert study.cancel().state == "cancelled"
    study.delete()
    with pytest.raises(ServiceRefused) as gone:
        client.study(study.id)
    assert gone.value.kind == "study-deleted"


def test_trials_and_curves_are_rows(client: Client, ledger: Ledger) -> None:
    study = client.submit(STUDY)
    run(ledger, study.id, 3)
    table = study.trials()
    assert len(table) == 8 and [row["number"] for row in table] == list(range(1, 9))
    assert table[0]["base"] == "relu" and table[0]["depth"] == 1 and table[0]["metric.test_accuracy"] == 0.9
    assert [row["state"] for row in study.trials(state="failed")] == ["failed"]
    frame = table.to_pandas()
    assert frame.shape[0] == 8 and frame["metric.test_accuracy"].count() == 3
    curves = study.curves("val_loss")
    assert len(curves) == 6
    assert [(row["step"], row["value"]) for row in curves if row["number"] == 1] == CURVE["val_loss"]
    assert not study.curves("no-such-metric")
    assert study.curves().to_pandas().groupby(["base", "depth"]).size().tolist() == [2, 3, 3]


def test_waiting_ends_with_the_study_and_says_how_far_it_is(
    client: Client, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = client.submit(STUDY)
    with pytest.raises(TimeoutError, match="0 of 8 trials, queued"):
        study.wait(0.0)
    shown: list[str] = []

    class Display:
        def update(self, html: str) -> None:
            shown.append(html)

    def display(html: str, **_: Any) -> Display:
        shown.append(html)
        return Display()

    kernel = SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=1))
    monkeypatch.setitem(sys.modules, "IPython", kernel)
    notebook = SimpleNamespace(HTML=str, display=display)
    monkeypatch.setitem(sys.modules, "IPython.display", notebook)
    timer = threading.Timer(0.5, lambda: (run(ledger, study.id), study_ends(ledger, study.id)))
    timer.start()
    assert study.wait(30).state == "done"
    timer.join()
    assert "0 of 8" in shown[0] and 'value="0" max="8"' in shown[0]
    assert "8 of 8 trials, done, 1 failed" in shown[-1]


def study_ends(ledger: Ledger, study_id: str) -> None:
    with ledger.write() as tx:
        assert studies.complete(tx, study_id, state="done", effects={"interim": False, "contrasts": []})


def test_a_service_that_restarts_is_waited_for(
    client: Client, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = client.submit(STUDY)
    run(ledger, study.id)
    study_ends(ledger, study.id)
    asked = client.connection.get
    failures = iter([ServiceAway("no service"), ServiceAway("no service")])

    def get(path: str, **query: Any) -> dict[str, Any]:
        for failure in failures:
            raise failure
        return asked(path, **query)

    monkeypatch.setattr(client.connection, "get", get)
    assert study.wait(30).state == "done"


def test_coroutines_do_the_same(served: tuple[str, Ledger]) -> None:
    url, ledger = served

    async def use() -> None:
        async with AsyncClient(url) as client:
            plan = await client.plan(STUDY)
            study = await client.submit(STUDY)
            assert (await client.study("last")).id == study.id == (await client.studies())[0].id
            assert len(plan["arms"]) == 4
            await study.pause()
            await study.resume()
            waiting = asyncio.create_task(study.wait(30))
            await asyncio.to_thread(run, ledger, study.id)
            await asyncio.to_thread(study_ends, ledger, study.id)
            assert (await waiting).now.state == "done"
            assert len(await study.trials(state="done")) == 7 and len(await study.curves("val_loss")) == 21
            assert not (await study.effects()).interim
            with pytest.raises(TimeoutError):
                await (await study.extend(3)).wait(0.0)
            await study.delete()

    asyncio.run(use())


def test_a_table_in_a_notebook_is_text() -> None:
    row = {
        "of": "<b>",
        "against": "none",
        "within": {"depth": 25},
        "verdict": "better",
        "p_adjusted": 0.00123456,
    }
    contrast = {"name": "it", "primary": True, "metric": "m", "rows": [{**row, "n": k} for k in range(25)]}
    table = effect_table({"interim": True, "contrasts": [contrast]})
    html = table._repr_html_()
    assert "<b>" not in html and "&lt;b&gt;" in html and "depth=25" in html and "0.001235" in html
    assert html.count("<tr>") == 21 and "and 5 more rows" in html
    assert table.interim and table[0]["contrast"] == "it" and table[0]["primary"] is True
    assert repr(table) == "EffectTable of 25 rows"

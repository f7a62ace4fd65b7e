"""A ledger that was filled by an earlier version keeps everything, and studies in it go on."""

from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import MetaData, Table, insert, select

from service.ledger import Ledger, attempts, events, leasing, migrate, open_ledger, outbox, steering
from service.ledger import studies as studies_
from service.ledger import trials as trials_
from service.ledger.tables import STUDY_STATES, TRIAL_STATES
from tests.ledger_samples import SPEC, outcome

BEFORE = "0003"
"""The last schema that did not know what trials ran with."""


def at(url: str, revision: str) -> None:
    """Bring an empty database to an earlier schema, as the program of that time did."""
    config = Config()
    config.set_main_option("script_location", str(Path("service/ledger/migrations").absolute()))
    ledger = open_ledger(url)
    with ledger.write() as tx:
        config.attributes["connection"] = tx
        command.upgrade(config, revision)
    ledger.close()


def tables_of(ledger: Ledger) -> dict[str, Table]:
    """The tables as they are in the database, whatever the program thinks of them."""
    found = MetaData()
    with ledger.read() as tx:
        found.reflect(tx)
    return dict(found.tables)


def sample(study_id: str, state: str) -> dict[str, list[dict[str, Any]]]:
    """A study in this state with a trial in every state, and all that belongs to it."""
    ended = state in ("done", "failed", "cancelled")
    trial_states = [trial for trial in TRIAL_STATES if not ended or trial not in ("leased", "running")]
    return {
        "studies": [
            {
                **{"id": study_id, "project": "p", "name": "é", "state": state, "seq": 2, "spec": SPEC},
                **{"num_trials": len(trial_states), "created_at": 1e9, "started_at": 1e9 + 0.25},
                **{"finished_at": 2e9 if ended else None, "requeued_at": 1.5e9, "error": "x"},
                **{"experiment_id": "7", "mlflow_view": "v", "published_at": None},
            }
        ],
        "tags": [{"study_id": study_id, "name": "team", "value": "vision"}],
        "trials": [
            {
                **{"id": f"{study_id}-{place}", "study_id": study_id, "position": place, "project": "p"},
                **{"arm_id": f"arm{place % 2}", "arm": "base=relu", "seed": place, "phase": "measuring"},
                **{"state": trial, "attempts": 1, "attempt": 1, "fingerprint": f"f{place}", "pack": 2},
                **{"levels": {"base": "relu"}, "settings": {"base": "relu", "lr": 0.1}, "seconds": 1.5},
                **{"metrics": {"test_accuracy": 0.1 + 0.2, "lost": None} if trial == "done" else None},
                **{"curve": {"val_accuracy": [[1, 0.5], [2, None]]}, "scalars": {"alpha": [[1.0]]}},
                **{"reason": "it did", "traceback": "Traceback: é", "device": "cpu", "mlflow_run_id": "r"},
                **{"leased_at": 1e9, "finished_at": 1e9 + place, "step": 0.5, "candidate": None},
            }
            for place, trial in enumerate(trial_states)
        ],
        "attempts": [
            {
                **{"study_id": study_id, "number": 1, "submission_id": f"s-{study_id}", "state": "lost"},
                **{"created_at": 1e9, "finished_at": 1e9 + 1, "error": "gone"},
            }
        ],
        "events": [
            {"study_id": study_id, "seq": seq, "kind": "study", "created_at": 1e9, "data": {"state": "é"}}
            for seq in (1, 2)
        ],
        "outbox": [
            {"study_id": study_id, "kind": "trial", "key": "k", "payload": {}, "tries": 0, "created_at": 1e9}
        ],
        "builds": [
            {"study_id": study_id, "seq": 2, "interim": not ended, "built_at": 1e9, "effects": {"rows": [1]}}
        ],
        "reports": [{"study_id": study_id, "format": "md", "body": "# é"}],
        "figures": [
            {"study_id": study_id, "name": "f.pdf", "position": 0, "caption": "c", "body": b"\x00\xff"}
        ],
        "submissions": [
            {
                **{"project": "p", "key": f"k-{study_id}", "digest": "d", "study_id": study_id},
                **{"created_at": 1e9, "answer": {"id": study_id}},
            }
        ],
    }


def content(ledger: Ledger, tables: dict[str, Table]) -> dict[str, list[dict[str, Any]]]:
    """Every row of these tables, in columns that they had."""
    with ledger.read() as tx:
        found = {}
        for name, table in tables.items():
            rows = tx.execute(select(table).order_by(*table.primary_key.columns)).mappings()
            found[name] = [dict(row) for row in rows]
    return found


@pytest.fixture
def filled(url: str) -> str:
    at(url, BEFORE)
    ledger = open_ledger(url)
    tables = tables_of(ledger)
    with ledger.write() as tx:
        for state in STUDY_STATES:
            for name, rows in sample(f"0{STUDY_STATES.index(state)}", state).items():
                tx.execute(insert(tables[name]), rows)
    ledger.close()
    return url


def test_nothing_is_lost_on_the_way_to_the_newest_schema(filled: str) -> None:
    ledger = open_ledger(filled)
    tables = {name: table for name, table in tables_of(ledger).items() if name != "alembic_version"}
    before = content(ledger, tables)
    assert all(before.values()), "a table without rows shows nothing"
    migrate(filled)
    assert content(ledger, tables) == before
    ledger.close()


def test_a_study_that_was_run_anew_before_this_was_counted_is_known_to_have_been(url: str) -> None:
    at(url, "0005")
    ledger = open_ledger(url)
    tables = tables_of(ledger)
    with ledger.write() as tx:
        for study_id in ("00", "01"):
            tx.execute(insert(tables["studies"]), sample(study_id, "running")["studies"])
        rows = [{"study_id": "00", "trial_id": f"t{n}", "superseded_at": 1e9 + n, "row": {}} for n in (0, 1)]
        tx.execute(insert(tables["superseded"]), rows)
    migrate(url)
    with ledger.read() as tx:
        assert [studies_.get(tx, study_id).generation for study_id in ("00", "01")] == [1, 0]
    ledger.close()


def test_studies_of_an_earlier_version_go_on(filled: str) -> None:
    migrate(filled)
    ledger = open_ledger(filled)
    with ledger.write() as tx:
        paused, done = (f"0{STUDY_STATES.index(state)}" for state in ("paused", "done"))
        assert studies_.get(tx, paused).generation == 0
        assert all(record["environment"] is None for record in trials_.each_record(tx, paused))
        steering.resume(tx, paused)
        number = attempts.begin(tx, paused).number
        attempts.start(tx, paused, number)
        planned = [row.id for row in leasing.work(tx, paused) if row.state == "planned"]
        assert leasing.lease(tx, paused, number, planned) == planned
        assert leasing.commit(tx, paused, number, [outcome(id) for id in planned]) == planned
        steering.retry(tx, done, afresh=True)
        assert {row.state for row in leasing.work(tx, done)} == {"planned"}
        assert events.latest_seq(tx, done) > 2 and outbox.pending(tx)
    ledger.close()

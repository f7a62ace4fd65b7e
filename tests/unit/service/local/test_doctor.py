"""Each thing that can be wrong with an installation is found, and a healthy one has no fault."""

import json
import os
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from service.cli import main
from service.ledger import migrate, open_ledger, outbox
from service.local import doctor, processes
from service.local.doctor import Finding, Health, examine
from tests.ledger_samples import add_study

BARE = {name: value for name, value in os.environ.items() if not name.startswith("ABLATE_")}


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """As `ablate up` leaves one after an orderly end."""
    for name in ("secret", "ray_token"):
        (tmp_path / name).touch(mode=0o600)
        (tmp_path / name).write_text("3f" * 32)
    migrate(f"sqlite:///{tmp_path / 'ledger.db'}")
    return tmp_path


@pytest.fixture
def answering() -> Iterator[str]:
    """The address of a server that answers every GET."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_database_for_several_machines_needs_a_secret(data_dir: Path) -> None:
    url = {"ABLATE_DATABASE_URL": "postgresql://127.0.0.1:1/x"}
    assert look(data_dir, **url)["shared secret"].health is Health.FAULT
    assert "shared secret" not in look(data_dir, **url, ABLATE_SECRET="s" * 64) | look(data_dir)


def look(data_dir: Path, **variables: str) -> dict[str, Finding]:
    return {finding.subject: finding for finding in examine(data_dir, {**BARE, **variables})}


def write_up_json(
    data_dir: Path, supervisor: dict[str, float], worker: dict[str, float], url: str = ""
) -> None:
    record = {
        "ray": url, "mlflow": url, "data_dir": str(data_dir), "pid": supervisor["pid"],
        "supervisor": supervisor, "processes": {"worker": worker},
    }  # fmt: skip
    (data_dir / "up.json").write_text(json.dumps(record))


def test_a_healthy_installation_has_no_fault_and_looking_changes_nothing(data_dir: Path) -> None:
    before = sorted(data_dir.iterdir())
    found = look(data_dir)
    assert {name for name, finding in found.items() if finding.health is Health.FAULT} == set()
    assert {"versions", "disk", "secret", "ray_token", "ledger", "clock", "publication"} <= {
        name for name, finding in found.items() if finding.health is Health.OK
    }
    assert all(finding.advice for finding in found.values() if finding.health is not Health.OK)
    assert sorted(data_dir.iterdir()) == before


def test_an_empty_directory_is_no_fault_and_stays_empty(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    assert Health.FAULT not in {finding.health for finding in look(tmp_path / "new").values()}
    assert not list((tmp_path / "new").iterdir())
    assert look(tmp_path / "gone")["data directory"].health is Health.FAULT


@pytest.mark.parametrize(
    ("requirement", "told"),
    [
        ("numpy>=1", None),
        ("numpy>=999", "numpy is"),
        ("nonesuch-at-all>=1", "nonesuch-at-all is not installed"),
        ("nonesuch-at-all>=1; extra == 'dev'", None),
    ],
)
def test_versions_that_do_not_fit_are_named(requirement: str, told: str | None) -> None:
    found = doctor._mismatch(requirement)
    assert found is None if told is None else told in str(found)


def test_secrets_that_others_can_read_or_that_are_empty(data_dir: Path) -> None:
    (data_dir / "secret").chmod(0o640)
    (data_dir / "ray_token").write_text("")
    found = look(data_dir)
    assert found["secret"].advice == f"chmod 600 {data_dir / 'secret'}"
    assert "empty" in found["ray_token"].seen
    assert found["secret"].health is found["ray_token"].health is Health.FAULT


@pytest.mark.parametrize("schema", ["0001", "9999"])
def test_another_schema(data_dir: Path, schema: str) -> None:
    with closing(sqlite3.connect(data_dir / "ledger.db")) as ledger, ledger:
        ledger.execute("UPDATE alembic_version SET version_num = ?", [schema])
    assert look(data_dir)["ledger"].health is Health.FAULT
    assert schema in look(data_dir)["ledger"].seen


def test_a_database_that_does_not_answer(data_dir: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"postgresql://nobody@127.0.0.1:{closed.getsockname()[1]}/none"
        assert look(data_dir, ABLATE_DATABASE_URL=url)["ledger"].health is Health.FAULT


def test_publications_that_fail(data_dir: Path) -> None:
    ledger = open_ledger(f"sqlite:///{data_dir / 'ledger.db'}")
    with ledger.write() as tx:
        add_study(tx)
        outbox.failed(tx, outbox.pending(tx)[0].id, "no such experiment")
    ledger.close()
    assert look(data_dir)["publication"].seen == "1 of 1 were tried and failed"
    assert look(data_dir)["publication"].health is Health.FAULT


def test_scarce_room_and_clocks_apart(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "SCARCE_BYTES", 2**70)
    monkeypatch.setattr(doctor, "CLOCK_S", -1.0)
    found = look(data_dir)
    assert found["disk"].health is found["clock"].health is Health.FAULT


def test_a_kept_port_that_somebody_else_took(data_dir: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        (data_dir / "ports.json").write_text(json.dumps({"mlflow": port}))
        assert look(data_dir)["ports"].seen == f"taken by others: {port} (mlflow)"


def test_a_bad_variable_is_told_after_the_rest(data_dir: Path) -> None:
    found = look(data_dir, ABLATE_LEASE_S="soon")
    assert "ABLATE_LEASE_S" in found["settings"].seen and "disk" in found


def test_processes_that_outlived_their_supervisor(data_dir: Path, answering: str) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        alive, gone = processes.identity(child.pid), {"pid": child.pid, "began": 0.0}
        write_up_json(data_dir, gone, alive)
        assert look(data_dir)["processes"].seen == "worker outlived their `ablate up`"
        write_up_json(data_dir, alive, alive, answering)
        running = look(data_dir)
        assert running["processes"].health is Health.OK
        assert running["mlflow"].health is running["ray"].health is Health.OK
        child.communicate(b"\n")
    assert look(data_dir)["processes"].health is Health.NOTE


def test_mlflow_and_ray_away(data_dir: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        found = look(data_dir, ABLATE_MLFLOW_URL=url, ABLATE_RAY_DASHBOARD_URL=url)
    assert found["mlflow"].health is found["ray"].health is Health.FAULT
    assert url in found["mlflow"].seen


def test_the_command_prints_a_table_and_ends_by_what_it_found(
    data_dir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in set(os.environ) - set(BARE):
        monkeypatch.delenv(name)
    with pytest.raises(SystemExit) as ended:
        main(["doctor", "--data-dir", str(data_dir)])
    assert ended.value.code == 0 and "with this program's schema" in capsys.readouterr().out
    (data_dir / "secret").chmod(0o644)
    with pytest.raises(SystemExit) as ended:
        main(["doctor", "--data-dir", str(data_dir), "--json"])
    told = {finding["subject"]: finding for finding in json.loads(capsys.readouterr().out)}
    assert ended.value.code == 1 and told["secret"]["health"] == "fault"

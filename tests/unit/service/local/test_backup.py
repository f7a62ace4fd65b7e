"""Backups of a real SQLite ledger: made while it is written, checked, put back."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from service.errors import WrongSchema
from service.ledger import migrate, open_ledger
from service.local.backup import BackupRefused, back_up, restore
from tests.ledger_samples import add_study


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A data directory with two studies, one artifact, a dataset, a secret and a machine's own files."""
    home = tmp_path / "home"
    for name in ("mlflow/artifacts/1/run", "datasets", "logs", "checkpoints"):
        (home / name).mkdir(parents=True)
    (home / "mlflow/artifacts/1/run/report.html").write_text("<p>better</p>")
    (home / "datasets/mine.npz").write_bytes(b"\0" * 5000)
    (home / "secret").touch(mode=0o600)
    (home / "secret").write_text("s3")
    (home / "logs/api.log").write_text("noise")
    with closing(sqlite3.connect(home / "mlflow/mlflow.db")) as tracker:
        tracker.execute("CREATE TABLE runs (id TEXT)")
    migrate(url(home))
    add(home, 2)
    return home


def url(home: Path) -> str:
    return f"sqlite:///{home / 'ledger.db'}"


def add(home: Path, num: int) -> None:
    ledger = open_ledger(url(home))
    for _ in range(num):
        with ledger.write() as tx:
            add_study(tx)
    ledger.close()


def rows(home: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(home / "ledger.db")) as ledger:
        return list(ledger.execute("SELECT * FROM trials ORDER BY id"))


def test_what_comes_back_is_what_was_there(data_dir: Path, tmp_path: Path) -> None:
    back_up(data_dir, tmp_path / "kept")
    files = restore(tmp_path / "kept", tmp_path / "new")
    assert rows(tmp_path / "new") == rows(data_dir) and len(rows(data_dir)) == 8
    assert (tmp_path / "new/mlflow/artifacts/1/run/report.html").read_text() == "<p>better</p>"
    assert (tmp_path / "new/secret").stat().st_mode & 0o777 == 0o600
    assert set(files) == {
        *(
            "ledger.db",
            "mlflow/mlflow.db",
            "mlflow/artifacts/1/run/report.html",
            "datasets/mine.npz",
            "secret",
        )
    }
    assert not (tmp_path / "new/logs").exists() and not (tmp_path / "new/backup.json").exists()
    add(tmp_path / "new", 1)  # it works
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "kept", "new"]


def test_a_backup_holds_one_committed_state_while_others_write(data_dir: Path, tmp_path: Path) -> None:
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            add(data_dir, 1)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(5):
            back_up(data_dir, tmp_path / f"kept-{number}")
            restore(tmp_path / f"kept-{number}", tmp_path / f"new-{number}")
    finally:
        stop.set()
        writer.join()
    counts = [len(rows(tmp_path / f"new-{number}")) for number in range(5)]
    assert all(count % 4 == 0 for count in counts)  # a study comes with its four trials or not at all
    assert counts == sorted(counts) and counts[-1] > 8


@pytest.mark.parametrize("name", ["ledger.db", "datasets/mine.npz", "secret"])
def test_a_file_that_changed_is_named_and_nothing_is_restored(
    data_dir: Path, tmp_path: Path, name: str
) -> None:
    back_up(data_dir, tmp_path / "kept")
    content = bytearray((tmp_path / "kept" / name).read_bytes())
    content[-1] ^= 1
    (tmp_path / "kept" / name).write_bytes(content)
    with pytest.raises(BackupRefused, match=name):
        restore(tmp_path / "kept", tmp_path / "new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "kept"]


def test_a_file_that_is_gone_and_one_too_many_are_named(data_dir: Path, tmp_path: Path) -> None:
    back_up(data_dir, tmp_path / "kept")
    (tmp_path / "kept/secret").rename(tmp_path / "kept/other")
    with pytest.raises(BackupRefused, match="other, secret"):
        restore(tmp_path / "kept", tmp_path / "new")


def test_nothing_is_overwritten(data_dir: Path, tmp_path: Path) -> None:
    back_up(data_dir, tmp_path / "kept")
    with pytest.raises(BackupRefused, match="exists already"):
        back_up(data_dir, tmp_path / "kept")
    with pytest.raises(BackupRefused, match="exists already"):
        restore(tmp_path / "kept", data_dir)
    (tmp_path / "empty").mkdir()
    restore(tmp_path / "kept", tmp_path / "empty")
    assert rows(tmp_path / "empty") == rows(data_dir)


def test_what_is_no_backup_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BackupRefused, match="no backup"):
        restore(tmp_path, tmp_path / "new")
    with pytest.raises(BackupRefused, match=r"no ledger\.db"):
        back_up(tmp_path, tmp_path / "kept")


def test_a_newer_ledger_is_refused_and_nothing_is_left(data_dir: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(data_dir / "ledger.db")) as ledger, ledger:
        ledger.execute("UPDATE alembic_version SET version_num = '9999'")
    back_up(data_dir, tmp_path / "kept")
    with pytest.raises(WrongSchema, match="9999"):
        restore(tmp_path / "kept", tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_damaged_ledger_is_not_backed_up(data_dir: Path, tmp_path: Path) -> None:
    with (data_dir / "ledger.db").open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 8192)
    with pytest.raises(BackupRefused, match=r"ledger\.db"):
        back_up(data_dir, tmp_path / "kept")
    assert not (tmp_path / "kept").exists()

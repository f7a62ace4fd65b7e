"""Opening the database: one code path over SQLite and PostgreSQL."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from service.errors import BadSettings, LedgerUnavailable, WrongSchema

Tx = Connection
SCHEMA = "0009"
"""The newest migration, which is the only schema this program works on."""
_BUSY_TIMEOUT_S = 30.0
# Strict on purpose: NaN would be stored happily and break every reader.
_to_json = partial(json.dumps, allow_nan=False, separators=(",", ":"))


class Changes:
    """Watches a SQLite file: its number of commits by others, read in microseconds."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = Lock()
        self._connection: sqlite3.Connection | None = None

    def version(self) -> int | None:
        """Another number after every commit, whoever made it; None while the file cannot be asked."""
        with self._lock:
            try:
                if self._connection is None:
                    self._connection = sqlite3.connect(self._path, timeout=0, check_same_thread=False)
                with closing(self._connection.execute("PRAGMA data_version")) as found:
                    return int(found.fetchone()[0])
            except sqlite3.Error:
                return None

    def close(self) -> None:
        """Watch no more."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None


@dataclass(frozen=True, slots=True)
class Ledger:
    """A database with two kinds of transaction; both raise LedgerUnavailable when it does not answer."""

    _writer: Engine
    _reader: Engine
    _changes: Changes | None = None

    @contextmanager
    def write(self) -> Iterator[Tx]:
        """A writing transaction: committed at the end of the block, rolled back by an exception."""
        with _told_as_unavailable(), self._writer.begin() as tx:
            yield tx

    @contextmanager
    def read(self) -> Iterator[Tx]:
        """A reading transaction over one snapshot."""
        with _told_as_unavailable(), self._reader.begin() as tx:
            yield tx

    def version(self) -> int | None:
        """Another number after every commit of anybody; None where that is not to be had at once."""
        return None if self._changes is None else self._changes.version()

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._writer.dialect.name

    def close(self) -> None:
        """Close every pooled connection."""
        self._writer.dispose()
        if self._changes is not None:
            self._changes.close()


@contextmanager
def _told_as_unavailable() -> Iterator[None]:
    """Locked, full, restarted or unreachable: for a caller all these are one error."""
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeout) as error:
        raise LedgerUnavailable(str(error.__cause__ or error).strip()) from error


def open_ledger(url: str) -> Ledger:
    """The ledger at a database URL; nothing is read or created yet.

    Raises: BadSettings for a URL of another kind.
    """
    parsed = _parse(url)
    if parsed.get_backend_name() == "sqlite":
        engine = create_engine(parsed, json_serializer=_to_json, connect_args={"timeout": _BUSY_TIMEOUT_S})
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        writer = engine.execution_options(ablate_begin="BEGIN IMMEDIATE")
        return Ledger(writer, engine, Changes(str(parsed.database)))
    engine = create_engine(
        parsed, json_serializer=_to_json, pool_pre_ping=True, pool_size=10, max_overflow=30
    )
    reader = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    return Ledger(engine, reader)


def check_schema(url: str) -> None:
    """Refuse an older or newer schema than this program's.

    Raises: WrongSchema, saying which was found.
    """
    ledger = open_ledger(url)
    try:
        with ledger.read() as tx:
            refuse_other_schema(tx)
    finally:
        ledger.close()


def refuse_other_schema(tx: Tx) -> None:
    """The same for a ledger that is open. Raises: WrongSchema."""
    found = _schema(tx)
    if found != SCHEMA:
        raise WrongSchema(
            f"the database has schema {found or 'none'}, this program needs {SCHEMA}: run `ablate migrate`"
            " with the newest version that uses this database"
        )


def migrate(url: str) -> None:
    """Bring the schema up to this program's, creating the database file if it is SQLite.

    Raises: WrongSchema when the schema is newer than this program.
    """
    # Only here: the API itself never needs Alembic.
    from alembic import command
    from alembic.config import Config

    parsed = _parse(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    ledger = open_ledger(url)
    try:
        with ledger.write() as tx:
            if ledger.dialect == "postgresql":
                tx.execute(text("SELECT pg_advisory_xact_lock(7236117)"))
            found = _schema(tx)
            if found is not None and found > SCHEMA:
                raise WrongSchema(f"the database has schema {found}, newer than this program's {SCHEMA}")
            config.attributes["connection"] = tx
            command.upgrade(config, SCHEMA)
    finally:
        ledger.close()


def _schema(tx: Tx) -> str | None:
    if not inspect(tx).has_table("alembic_version"):
        return None
    found = tx.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    return None if found is None else str(found)


def _parse(url: str) -> URL:
    parsed = make_url(url)
    if parsed.get_backend_name() in ("postgresql", "postgres"):
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername != "sqlite" or not parsed.database or parsed.database == ":memory:":
        raise BadSettings("the database URL must be sqlite:///FILE or postgresql://...")
    return parsed


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    # The driver's own implicit BEGIN is switched off; _begin_sqlite says how each transaction starts.
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")


def _begin_sqlite(connection: Connection) -> None:
    # A reader that turns into a writer fails at once with "locked", so writers say so at the start.
    connection.exec_driver_sql(connection.get_execution_options().get("ablate_begin", "BEGIN"))

"""The product's ledger on SQLite in memory, by a clock that a simulation moves."""

import math
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, wraps
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import create_engine, event
from sqlalchemy.pool import StaticPool

from service.errors import LedgerUnavailable
from service.ledger import Ledger, Tx, attempts, builds, counts, migrate, outbox, standbys, studies
from service.ledger import database as database_module
from tests.simulation.kernel import Kernel


@cache
def empty_database() -> bytes:
    """A migrated SQLite database as it lies on a disk."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        migrate(f"sqlite:///{path}")
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA journal_mode=DELETE")
        return path.read_bytes()


class Database:
    """One connection, used again for every schedule: a fresh ledger is a copy of an empty one."""

    def __init__(self) -> None:
        self.wall: Callable[[], float] = lambda: 0.0
        self._connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        # What the ledger's clock is made of; the rest of its arithmetic stays the product's.
        self._connection.create_function("julianday", 1, lambda _now: self.wall() / 86400.0 + 2440587.5)
        self._engine = create_engine(
            "sqlite://",
            creator=lambda: self._connection,
            poolclass=StaticPool,
            json_serializer=database_module._to_json,
        )
        event.listen(self._engine, "begin", database_module._begin_sqlite)
        # Nobody writes while somebody reads: a reading transaction need not begin and end.
        self._reader = create_engine("sqlite://", creator=lambda: self._connection, poolclass=StaticPool)

    @property
    def version(self) -> int:
        """Another number after every change."""
        return self._connection.total_changes

    def next_due(self) -> float:
        """The wall clock's time from which on another announcement is due."""
        waiting = "SELECT min(next_at) FROM outbox WHERE done_at IS NULL"
        found = self._connection.execute(waiting).fetchone()[0]
        return math.inf if found is None else float(found)

    def fresh(self, wall: Callable[[], float]) -> Ledger:
        """An empty ledger by this clock; the last one is gone."""
        self.wall = wall
        self._connection.deserialize(empty_database())
        self._connection.execute("PRAGMA foreign_keys=ON")
        self._connection.execute("PRAGMA synchronous=OFF")
        writer = self._engine.execution_options(ablate_begin="BEGIN IMMEDIATE")
        return Ledger(writer, self._reader)


PURE = (
    (studies, ("active", "unbuilt", "paused_since_build", "get")),
    (builds, ("without_report",)),
    (counts, ("num_open", "num_ended_by", "num_finished")),
    (outbox, ("unwritten", "pending")),
    (attempts, ("live",)),
    (standbys, ("waiting",)),
)
"""Readings that depend on the ledger's rows alone, or on its clock only as VALID_UNTIL says."""
VALID_UNTIL: dict[str, Callable[[Database, Any], float]] = {
    "live": lambda _database, found: math.inf if found is None or found.lease_until is None else -math.inf,
    "pending": lambda database, found: -math.inf if found else database.next_due(),
    "waiting": lambda _database, found: -math.inf if found else math.inf,
}
"""By the wall clock, until when what was read would be the same; what is not named here always is."""


@contextmanager
def remembered(database: Database, view_reads: "Reading") -> Iterator[None]:
    """While a ledger does not change, the product's pure readings are answered from memory.

    Loops that look again and again are most of what a schedule costs, and nearly all of that is the making
    of SQL. Within a writing transaction nothing is remembered.
    """
    originals = [(module, name, getattr(module, name)) for module, names in PURE for name in names]
    for module, name, read in originals:
        setattr(module, name, _remembering(read, database, view_reads))
    try:
        yield
    finally:
        for module, name, read in originals:
            setattr(module, name, read)


def _remembering(read: Callable[..., Any], database: Database, reading: "Reading") -> Callable[..., Any]:
    known: dict[Any, tuple[int, float, float, Any]] = {}
    valid_until = VALID_UNTIL.get(read.__name__, lambda _database, _found: math.inf)

    @wraps(read)
    def remembering(tx: Tx, *args: Any) -> Any:
        if not reading.now:
            return read(tx, *args)
        version, since, until, found = known.get(args, (-1, 0.0, 0.0, None))
        now = database.wall()
        # It may jump either way.
        if version != database.version or not since <= now < until:
            found = read(tx, *args)
            known[args] = database.version, now, valid_until(database, found), found
        return list(found) if isinstance(found, list) else found

    return remembering


class Reading:
    """Whether a reading transaction is open."""

    now = False


class LedgerTrouble:
    """What befalls the ledger for everybody: away until some time, and answers to commits that get lost."""

    def __init__(self, kernel: Kernel, seed: int) -> None:
        self.kernel = kernel
        self.rng = Random(f"{seed} ledger")
        self.away_until = 0.0
        self.commit_unknown = self.locked = 0.0
        self.slow_s = 0.003
        self.num_writes = 0
        self.reading = Reading()

    def calm(self) -> None:
        """No more trouble."""
        self.away_until = self.commit_unknown = self.locked = 0.0


class LedgerView:
    """The ledger as one process sees it: before and after a transaction others may act, within it nobody."""

    def __init__(self, ledger: Ledger, trouble: LedgerTrouble) -> None:
        self._ledger = ledger
        self._trouble = trouble
        self.dialect = ledger.dialect

    @contextmanager
    def write(self) -> Iterator[Tx]:
        trouble = self._trouble
        self._enter()
        with self._ledger.write() as tx:
            yield tx
        trouble.num_writes += 1
        trouble.kernel.sleep(trouble.rng.expovariate(1 / trouble.slow_s))
        if trouble.commit_unknown and trouble.rng.random() < trouble.commit_unknown:
            trouble.kernel.say("a commit's answer is lost")
            raise LedgerUnavailable("the connection broke in the commit")

    @contextmanager
    def read(self) -> Iterator[Tx]:
        self._enter()
        reading = self._trouble.reading
        with self._ledger.read() as tx:
            reading.now = True
            try:
                yield tx
            finally:
                reading.now = False

    def version(self) -> None:
        """As on PostgreSQL: loops look again when their pause is over."""

    def close(self) -> None:
        """Nothing: the ledger is shared."""

    def _enter(self) -> None:
        trouble = self._trouble
        trouble.kernel.sleep(trouble.rng.expovariate(1 / trouble.slow_s))
        locked = trouble.locked and trouble.rng.random() < trouble.locked
        if locked or trouble.kernel.now < trouble.away_until:
            raise LedgerUnavailable("database is locked")

"""The ledger's tables. Times are UTC seconds since 1970 by the database's own clock."""

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction

STUDY_STATES = ("queued", "running", "paused", "done", "failed", "cancelled")
TRIAL_STATES = ("planned", "leased", "running", "done", "failed", "diverged", "pruned", "cancelled")
OPEN_TRIALS = ("planned", "leased", "running")
HELD_TRIALS = ("leased", "running")
ENDED_TRIALS = ("done", "failed", "diverged", "pruned", "cancelled")
OPEN_STUDIES = ("queued", "running", "paused")
ATTEMPT_STATES = ("pending", "submitted", "running", "done", "failed", "cancelled", "lost")

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class db_now(GenericFunction[float]):
    """The database's clock, in seconds since 1970."""

    type = Double()
    inherit_cache = True


@compiles(db_now, "sqlite")
def _sqlite_now(_element: db_now, _compiler: Any, **_kw: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(db_now, "postgresql")
def _postgresql_now(_element: db_now, _compiler: Any, **_kw: Any) -> str:
    return "extract(epoch from clock_timestamp())::double precision"


def _among(column: str, values: tuple[str, ...]) -> CheckConstraint:
    return CheckConstraint(f"{column} IN ({', '.join(repr(value) for value in values)})", name=column)


def _time(name: str, *, default: bool = False) -> Column[float]:
    if default:
        return Column(name, Double, nullable=False, default=db_now())
    return Column(name, Double)


def _study_id(*, primary_key: bool = False) -> Column[str]:
    return Column("study_id", String(40), ForeignKey("studies.id"), nullable=False, primary_key=primary_key)


# BIGINT does not number rows by itself on SQLite, INTEGER does.
_ROW_NUMBER = BigInteger().with_variant(Integer, "sqlite")

studies = Table(
    "studies",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("project", String(64), nullable=False),
    Column("name", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("seq", BigInteger, nullable=False, default=0),
    Column("num_trials", Integer, nullable=False),
    _time("created_at", default=True),
    _time("started_at"),
    _time("finished_at"),
    _time("published_at"),
    _time("requeued_at"),
    Column("experiment_id", Text),
    Column("mlflow_view", Text),
    Column("error", Text),
    Column("spec", JSON, nullable=False),
    # Unseen by everybody while it stands: the study still arrives, or is deleted.
    _time("arriving_until"),
    # How many times all of its trials were set aside to be run anew.
    Column("generation", Integer, nullable=False, default=0, server_default=text("0")),
    _among("state", STUDY_STATES),
    Index(None, "project", "id"),
    Index(None, "state"),
)

tags = Table(
    "tags",
    metadata,
    _study_id(primary_key=True),
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Index(None, "name", "value", "study_id"),
)

environments = Table(
    "environments",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("parts", JSON, nullable=False),
    Column("commits", JSON, nullable=False),
)

trials = Table(
    "trials",
    metadata,
    Column("id", String(40), primary_key=True),
    _study_id(),
    Column("position", Integer, nullable=False),
    Column("project", String(64), nullable=False),
    Column("arm_id", String(40), nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("phase", String(16), nullable=False),
    Column("candidate", Integer),
    Column("repeat", Integer),
    Column("state", String(16), nullable=False, default="planned"),
    Column("attempts", Integer, nullable=False, default=0),
    Column("attempt", Integer),
    Column("fingerprint", String(64)),
    Column("reused_from", String(40)),
    Column("step", Double),
    Column("pack", Integer),
    Column("seconds", Double),
    Column("device", Text),
    Column("mlflow_run_id", Text),
    _time("leased_at"),
    _time("finished_at"),
    Column("arm", Text, nullable=False),
    Column("reason", Text),
    Column("levels", JSON, nullable=False),
    Column("settings", JSON, nullable=False),
    Column("metrics", JSON(none_as_null=True)),
    # Wide columns last: SQLite then skips them when it reads only what stands before.
    Column("scalars", JSON(none_as_null=True)),
    Column("curve", JSON(none_as_null=True)),
    Column("traceback", Text),
    Column("environment_id", String(64)),
    _among("state", TRIAL_STATES),
    UniqueConstraint("study_id", "position"),
    # Covers the counting of progress, which is asked for all the time.
    Index(None, "study_id", "state", "reused_from"),
    Index(None, "fingerprint", "project"),
    Index(
        "ix_trials_reused",
        "reused_from",
        sqlite_where=text("reused_from IS NOT NULL"),
        postgresql_where=text("reused_from IS NOT NULL"),
    ),
)

superseded = Table(
    "superseded",
    metadata,
    Column("number", _ROW_NUMBER, primary_key=True),
    _study_id(),
    Column("trial_id", String(40), nullable=False),
    _time("superseded_at", default=True),
    Column("row", JSON, nullable=False),
    Index(None, "study_id", "number"),
)

attempts = Table(
    "attempts",
    metadata,
    _study_id(primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("submission_id", String(100), nullable=False, unique=True),
    Column("holder", String(64)),
    Column("state", String(16), nullable=False),
    _time("created_at", default=True),
    _time("submitted_at"),
    _time("heartbeat_at"),
    _time("lease_until"),
    _time("finished_at"),
    Column("error", Text),
    Column("waits_for", String(500)),
    _among("state", ATTEMPT_STATES),
    # One live attempt a study: the database itself refuses a second.
    Index(
        "uq_attempts_live",
        "study_id",
        unique=True,
        sqlite_where=text("finished_at IS NULL"),
        postgresql_where=text("finished_at IS NULL"),
    ),
)

standbys = Table(
    "standbys",
    metadata,
    Column("id", String(100), primary_key=True),
    Column("holder", String(64)),
    Column("created_at", Double, nullable=False),
    _time("heard_at"),
)

events = Table(
    "events",
    metadata,
    _study_id(primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", String(32), nullable=False),
    _time("created_at", default=True),
    Column("data", JSON, nullable=False),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", _ROW_NUMBER, primary_key=True, autoincrement=True),
    _study_id(),
    Column("kind", String(16), nullable=False),
    Column("key", String(64), nullable=False),
    Column("payload", JSON, nullable=False),
    Column("tries", Integer, nullable=False, default=0),
    _time("created_at", default=True),
    _time("next_at"),
    _time("done_at"),
    Column("error", Text),
    Index(
        "ix_outbox_waiting",
        "id",
        sqlite_where=text("done_at IS NULL"),
        postgresql_where=text("done_at IS NULL"),
    ),
    Index(None, "study_id", "done_at"),
)

builds = Table(
    "builds",
    metadata,
    _study_id(primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("interim", Boolean, nullable=False),
    _time("built_at", default=True),
    Column("effects", JSON, nullable=False),
)

reports = Table(
    "reports",
    metadata,
    Column("study_id", String(40), primary_key=True),
    Column("format", String(16), primary_key=True),
    Column("body", Text, nullable=False),
    ForeignKeyConstraint(["study_id"], ["builds.study_id"]),
)

figures = Table(
    "figures",
    metadata,
    Column("study_id", String(40), primary_key=True),
    Column("name", String(255), primary_key=True),
    Column("position", Integer, nullable=False),
    Column("caption", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    ForeignKeyConstraint(["study_id"], ["builds.study_id"]),
)

submissions = Table(
    "submissions",
    metadata,
    Column("project", String(64), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("digest", String(64), nullable=False),
    _study_id(),
    _time("created_at", default=True),
    Column("answer", JSON, nullable=False),
)

deletions = Table(
    "deletions",
    metadata,
    Column("study_id", String(40), primary_key=True),
    Column("project", String(64), nullable=False),
    Column("name", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("num_trials", Integer, nullable=False),
    Column("num_reused", Integer, nullable=False),
    Column("created_at", Double, nullable=False),
    _time("finished_at"),
    _time("judged_at"),
    Column("deleted_at", Double, nullable=False),
    # Kept while results of the study live on in others.
    Column("spec", JSON(none_as_null=True)),
)

remains = Table(
    "remains",
    metadata,
    Column("trial_id", String(40), primary_key=True),
    Column("study_id", String(40), ForeignKey("deletions.study_id"), nullable=False, index=True),
    Column("arm_id", String(40), nullable=False),
    Column("known_at", Double, nullable=False),
)

leases = Table(
    "leases",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("holder", String(64), nullable=False),
    Column("held_until", Double, nullable=False),
)

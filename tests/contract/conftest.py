"""The ledger under test: SQLite always, PostgreSQL where its binaries are installed."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, make_url, text

from service.ledger import Ledger, migrate, open_ledger
from tests.postgres import find_binaries, postgres


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("needs PostgreSQL's initdb and pg_ctl, as in /usr/lib/postgresql/15/bin")
    with postgres(binaries) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'ledger.db'}"
        return
    server = make_url(request.getfixturevalue("postgres_url")).set(drivername="postgresql+psycopg")
    name = f"t{uuid4().hex}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield server.set(database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


@pytest.fixture
def ledger(request: pytest.FixtureRequest, url: str) -> Iterator[Ledger]:
    """A migrated ledger; SQLite's is the copy of one, as migrating takes longer than most tests."""
    if url.startswith("sqlite"):
        shutil.copy(request.getfixturevalue("empty_ledger"), url.removeprefix("sqlite:///"))
    else:
        migrate(url)
    opened = open_ledger(url)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def empty_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file."""
    path = tmp_path_factory.mktemp("empty") / "ledger.db"
    migrate(f"sqlite:///{path}")
    return path

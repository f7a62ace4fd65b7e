"""The migrations make the schema that the code expects, and other schemas are refused."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from service.errors import BadSettings, WrongSchema
from service.ledger import Ledger, check_schema, migrate, open_ledger
from service.ledger.database import SCHEMA
from service.ledger.tables import metadata


def test_migrated_schema_is_that_of_the_tables(ledger: Ledger) -> None:
    with ledger.read() as tx:
        context = MigrationContext.configure(tx, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_the_programs_schema_is_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path("service/ledger/migrations").absolute()))
    assert ScriptDirectory.from_config(config).get_current_head() == SCHEMA


def test_an_unmigrated_database_is_refused(url: str) -> None:
    with pytest.raises(WrongSchema, match="schema none"):
        check_schema(url)


def test_another_schema_is_refused_and_a_newer_one_is_left_alone(url: str) -> None:
    migrate(url)
    check_schema(url)
    migrate(url)
    ledger = open_ledger(url)
    with ledger.write() as tx:
        tx.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    ledger.close()
    with pytest.raises(WrongSchema, match="9999"):
        check_schema(url)
    with pytest.raises(WrongSchema, match="newer"):
        migrate(url)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://x/y", "duckdb:///f"])
def test_other_databases_are_refused(url: str) -> None:
    with pytest.raises(BadSettings, match="database URL"):
        open_ledger(url)

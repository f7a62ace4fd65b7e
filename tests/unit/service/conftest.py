"""An application with the packaged catalogue over a real SQLite ledger, without a cluster."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from service.app import create_app
from service.ledger import migrate
from service.settings import Settings


@pytest.fixture(scope="session")
def empty_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file: copying it takes less time than migrating."""
    path = tmp_path_factory.mktemp("empty") / "ledger.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def packaged(tmp_path: Path) -> Iterator[TestClient]:
    """A client of the application."""
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    migrate(url)
    settings = Settings(
        data_dir=tmp_path,
        database_url=url,
        internal_url="http://127.0.0.1:8000",
        ray_dashboard_url="http://127.0.0.1:8265",
        mlflow_url="http://127.0.0.1:5000",
        secret="s" * 64,
    )
    app = create_app(settings)
    yield TestClient(app, base_url="http://127.0.0.1:8000")
    app.state.context.ledger.close()

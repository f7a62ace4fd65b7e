"""An application over a real SQLite ledger, with a small catalogue and no cluster."""

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from ablations.manifest import Manifest, Metric, Setting
from service.app import create_app
from service.auth import attempt_token
from service.ledger import Ledger
from service.settings import Settings
from trainables.catalogue import Catalogue
from trainables.manifests.component import Component

KEYS = {"alpha": "alpha-key", "beta": "beta-key"}
STUDY: dict[str, Any] = {
    "name": "depth",
    "trainable": "toy",
    "factors": {"base": ["relu", "mish"], "depth": [1, 3]},
    "baseline": {"base": "relu"},
    "fixed": {"lr": 0.1},
    "seeds": 2,
    "metrics": [{"name": "test_accuracy"}, {"name": "collapsed", "of": "test_accuracy", "below": 0.8}],
    "tags": {"team": "vision"},
}
TOY = Manifest(
    name="toy",
    summary="A toy",
    code="nowhere:train",
    settings=(
        Setting(name="base", kind="str", default="relu", choices=("relu", "mish", "gelu")),
        Setting(name="depth", kind="int", default=1, low=1, high=75),
        Setting(name="lr", kind="float", default=1e-3, low=0, open_low=True),
        Setting(name="epochs", kind="int", default=5, low=1, high=10_000),
        Setting(name="dataset", kind="str", default="digits-5k", choices=("digits-5k", "mnist")),
    ),
    metrics=(
        Metric(name="test_accuracy", goal="maximize", worst=0.0),
        Metric(name="val_loss", goal="minimize", worst=1e3, curve=True),
    ),
    steps_setting="epochs",
)


SMALL = Catalogue(
    trainables={"toy": TOY},
    activations={},
    models={},
    datasets={
        name: Component(kind="dataset", name=name, summary="digits") for name in ("mnist", "digits-5k")
    },
    measures={},
)


def fake_logs(_settings: Settings, submission_id: str) -> str:
    """Stands for the driver's log."""
    return f"log of {submission_id}\n"


@pytest.fixture
def settings(tmp_path: Path, empty_ledger: Path) -> Settings:
    """Settings of an open server on loopback, over a migrated ledger."""
    shutil.copy(empty_ledger, tmp_path / "ledger.db")
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    return Settings(
        data_dir=tmp_path,
        database_url=url,
        internal_url="http://127.0.0.1:8000",
        mlflow_url="http://127.0.0.1:5000",
        mlflow_public_url="http://mlflow.example",
        secret="s" * 64,
    )


@pytest.fixture
def keyed(settings: Settings) -> Settings:
    """The same server with one key for each of two projects."""
    digests = {hashlib.sha256(key.encode()).hexdigest(): project for project, key in KEYS.items()}
    return replace(settings, api_keys=digests)


def make_app(settings: Settings) -> FastAPI:
    """An application with the small catalogue."""
    return create_app(settings, catalogue=SMALL, read_job_logs=fake_logs)


@pytest.fixture
def app(settings: Settings) -> Iterator[FastAPI]:
    """The application."""
    made = make_app(settings)
    yield made
    made.state.context.ledger.close()


@pytest.fixture
def ledger(app: FastAPI) -> Ledger:
    """The application's ledger."""
    found: Ledger = app.state.context.ledger
    return found


@pytest.fixture
def client(app: FastAPI) -> TestClient:
    """A client of the application; an exception in a route is a 500, as over the wire."""
    return TestClient(app, base_url="http://127.0.0.1:8000", raise_server_exceptions=False)


@dataclass(frozen=True, slots=True)
class Driver:
    """Speaks to /internal as the driver of one attempt does."""

    client: TestClient
    study_id: str
    number: int = 1
    secret: str = "s" * 64

    def url(self, path: str = "") -> str:
        """The address of something about the attempt."""
        return f"/internal/studies/{self.study_id}/attempts/{self.number}{path}"

    @property
    def headers(self) -> dict[str, str]:
        """The attempt's token."""
        return {"Authorization": f"Bearer {attempt_token(self.secret, self.study_id, self.number)}"}

    def get(self) -> Any:
        """Fetch the work."""
        return self.client.get(self.url(), headers=self.headers)

    def post(self, path: str, body: Any) -> Any:
        """Say something."""
        return self.client.post(self.url(path), json=body, headers=self.headers)

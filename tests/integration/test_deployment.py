"""The commands of docker/compose.yaml, run by hand as separate processes over PostgreSQL.

Each service runs with its own command and environment; only the places differ: names of hosts become
loopback, fixed ports become free ones, volumes and secrets become folders.
"""

import hashlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from ruamel.yaml import YAML
from sqlalchemy import make_url

from service.auth import attempt_token, ticket
from service.local import processes
from service.local.processes import MARK
from tests.integration.studies import SMALL
from tests.integration.system import free_port
from tests.postgres import find_binaries, postgres

BINARIES = find_binaries()
pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.skipif(BINARIES is None, reason="needs PostgreSQL's initdb and pg_ctl"),
]
COMPOSE = Path(__file__).parents[2] / "docker" / "compose.yaml"
KEY = "a key of the vision team"
PASSWORDS = {
    "POSTGRES_PASSWORD": "of the superuser",
    "ABLATE_DB_PASSWORD": "o'f @the:/#%24 ledger\\",
    "MLFLOW_DB_PASSWORD": 'm"l@f:/#%l ow',
    "ABLATE_SECRET": "s3cret" * 8,
}
PATIENCE_S = 240.0
STUDY = {
    **SMALL,
    "name": "deployed",
    "seeds": 2,
    "factors": {"scalars": ["none", "per_layer"], "depth": [1, 2]},
}
_VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")


@dataclass(frozen=True, slots=True)
class Place:
    """Where the services of the compose file are on this machine."""

    home: Path
    compose: Mapping[str, Any]
    postgres_port: int
    ports: Mapping[str, int]
    mark: str
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def command(self, name: str) -> list[str]:
        words = [self.translate(str(word)) for word in self.compose["services"][name]["command"]]
        for flag, port in (
            ("--port", self.ports.get(name)),
            ("--dashboard-port", self.ports.get("dashboard")),
        ):
            words = [f"{flag}={port}" if word.startswith(f"{flag}=") else word for word in words]
            if flag in words:
                words[words.index(flag) + 1] = str(port)
        return words

    def env(self, name: str) -> dict[str, str]:
        declared = self.compose["services"][name].get("environment", {})
        bin_dirs = [str(Path(sys.executable).parent), str(BINARIES), os.environ["PATH"]]
        return {
            **{k: v for k, v in os.environ.items() if not k.startswith(("ABLATE_", "RAY_", "MLFLOW_"))},
            # What the image sets.
            "PATH": os.pathsep.join(bin_dirs),
            "PYTHONPATH": str(COMPOSE.parents[1]),
            "RAY_USAGE_STATS_ENABLED": "0",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "PGPORT": str(self.postgres_port),
            **{key: self.translate(str(value)) for key, value in declared.items()},
            MARK: self.mark,
        }

    def translate(self, value: str) -> str:
        known = {
            **PASSWORDS,
            "ABLATE_API_KEYS": f"vision={hashlib.sha256(KEY.encode()).hexdigest()}",
        }
        value = _VARIABLE.sub(lambda found: known.get(found[1], found[3] or ""), value)
        for here, there in {
            "--host=postgres": "--host=127.0.0.1",
            "/databases.sql": str(COMPOSE.parent / "databases.sql"),
            "postgres:5432": f"127.0.0.1:{self.postgres_port}",
            "ray-head:6379": f"127.0.0.1:{self.ports['ray-head']}",
            "ray-head:8265": f"127.0.0.1:{self.ports['dashboard']}",
            "http://internal:8001": f"http://127.0.0.1:{self.ports['internal']}",
            "127.0.0.1:8000": f"127.0.0.1:{self.ports['api']}",
            "mlflow:5000": f"127.0.0.1:{self.ports['mlflow']}",
            "127.0.0.1:5000": f"127.0.0.1:{self.ports['mlflow']}",
            "/run/secrets/ray_token": str(self.home / "ray_token"),
            "/data": str(self.home / "data"),
            "=/mlflow": f"={self.home / 'mlflow'}",
        }.items():
            value = re.sub(rf"(?<![\w.]){re.escape(here)}", there, value)
        return value

    def run(self, name: str) -> None:
        """A service that ends by itself."""
        subprocess.run(self._argv(name), env=self.env(name), check=True, timeout=PATIENCE_S)

    def start(self, name: str, *extra: str) -> None:
        """A service that stays."""
        with (self.home / f"{name}.log").open("wb") as log:
            self.started.append(
                subprocess.Popen(
                    [*self._argv(name), *extra],
                    env=self.env(name),
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            )

    def _argv(self, name: str) -> list[str]:
        # The image has `ablate` on its path; here it may not be installed.
        program, *rest = self.command(name)
        return [sys.executable, "-m", "service.cli", *rest] if program == "ablate" else [program, *rest]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    assert BINARIES is not None
    with postgres(BINARIES, PASSWORDS["POSTGRES_PASSWORD"]) as url:
        server = make_url(url).set(drivername="postgresql+psycopg")
        home = tmp_path_factory.mktemp("deployment")
        for folder in ("data", "mlflow", "node"):
            (home / folder).mkdir()
        (home / "ray_token").write_text("t" * 64)
        assert server.port is not None
        made = Place(
            home=home,
            compose=YAML(typ="safe", pure=True).load(COMPOSE.read_text()),
            postgres_port=server.port,
            ports={name: free_port() for name in ("api", "internal", "mlflow", "ray-head", "dashboard")},
            mark=f"deployment{os.getpid()}",
        )
        try:
            yield made
        finally:
            processes.end({p.pid for p in made.started}, made.mark, spare={os.getpid()})
            for process in made.started:
                process.wait()


def wait_until(what: str, url: str, place: Place, headers: Mapping[str, str] | None = None) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            if httpx.get(url, headers=dict(headers or {})).is_success:
                return
        except httpx.TransportError:
            pass
        ended = [p.args for p in place.started if p.poll() is not None]
        assert not ended, f"ended: {ended}; see {place.home}"
        assert time.monotonic() < deadline, f"{what} is not ready; see {place.home}"
        time.sleep(0.3)


def test_a_study_goes_through(place: Place) -> None:
    temp_dir = f"/tmp/abl{os.getpid()}"
    # Two Ray nodes on one machine: what each would have to itself in its container needs another place.
    alone = (
        "--node-ip-address=127.0.0.1",
        "--dashboard-agent-listen-port=0",
        f"--ray-client-server-port={free_port()}",
    )
    for _ in range(2):  # at every start
        place.run("databases")
    place.run("migrate")
    check_roles(place)
    place.start("mlflow")
    place.start("ray-head", *alone, f"--temp-dir={temp_dir}")
    bearer = {"Authorization": f"Bearer {'t' * 64}"}
    dashboard = f"http://127.0.0.1:{place.ports['dashboard']}"
    wait_until("ray-head", f"{dashboard}/api/jobs/", place, bearer)
    place.start("ray-worker", "--node-ip-address=127.0.0.1", "--num-cpus=2")
    place.start("api")
    place.start("internal")
    place.start("worker")
    api = f"http://127.0.0.1:{place.ports['api']}"
    wait_until("mlflow", f"http://127.0.0.1:{place.ports['mlflow']}/health", place)
    wait_until("api", f"{api}/readyz", place)
    internal = f"http://127.0.0.1:{place.ports['internal']}"
    wait_until("internal", f"{internal}/healthz", place)
    assert httpx.get(f"{internal}/v1/studies", headers={"Authorization": f"Bearer {KEY}"}).status_code == 404

    assert httpx.get(f"{api}/v1/studies").status_code == 401
    with httpx.Client(base_url=api, headers={"Authorization": f"Bearer {KEY}"}, timeout=60) as client:
        created = client.post("/v1/studies", json=STUDY)
        assert created.status_code == 202, created.text
        study = created.json()
        deadline = time.monotonic() + PATIENCE_S
        while study["state"] not in ("done", "failed", "cancelled") or not study["published"]:
            assert time.monotonic() < deadline, study
            time.sleep(0.5)
            study = client.get(f"/v1/studies/{study['id']}").json()
        assert study["state"] == "done" and study["progress"]["done"] == 8
        effects = client.get(f"/v1/studies/{study['id']}/effects").json()
        assert effects["contrasts"][0]["rows"][0]["n"] == 2
        assert "<svg" in client.get(f"/v1/studies/{study['id']}/report", params={"format": "html"}).text
    runs = httpx.post(
        f"http://127.0.0.1:{place.ports['mlflow']}/api/2.0/mlflow/runs/search",
        json={"experiment_ids": [re.findall(r"experiments/(\d+)/", study["links"]["mlflow"])[0]]},
    ).json()["runs"]
    assert len(runs) == 8 + 4 + 1  # trials, arms, the summary
    check_files(place, Path(temp_dir), study["id"], job_of(place))


def job_of(place: Place) -> str:
    """The job of the only attempt there was: a driver that stood by, or one of its own."""
    with psycopg.connect(
        host="127.0.0.1", port=place.postgres_port, user="ablate",
        password=PASSWORDS["ABLATE_DB_PASSWORD"], dbname="ablate",
    ) as connection:  # fmt: skip
        ((job,),) = connection.execute("SELECT submission_id FROM attempts").fetchall()
    return str(job)


def check_roles(place: Place) -> None:
    """Each role has its own database and no other, and is no superuser."""
    for role, other in (("ablate", "mlflow"), ("mlflow", "ablate")):
        password = PASSWORDS["ABLATE_DB_PASSWORD" if role == "ablate" else "MLFLOW_DB_PASSWORD"]

        def connect(database: str, role: str = role, password: str = password) -> psycopg.Connection[Any]:
            return psycopg.connect(
                host="127.0.0.1", port=place.postgres_port, user=role, password=password, dbname=database
            )

        with connect(role) as connection:
            rights = connection.execute(
                "SELECT rolsuper OR rolcreatedb OR rolcreaterole FROM pg_roles WHERE rolname = %s", [role]
            )
            assert rights.fetchone() == (False,)
        with pytest.raises(psycopg.OperationalError, match="permission denied"):
            connect(other)


def check_files(place: Place, ray: Path, study_id: str, job: str) -> None:
    """No file that any process has written holds a secret, or the token of the study's attempt."""
    known = [*PASSWORDS.values(), KEY, "t" * 64, attempt_token(PASSWORDS["ABLATE_SECRET"], study_id, 1)]
    given, used = place.home / "ray_token", ticket(PASSWORDS["ABLATE_SECRET"], job)
    paths = [
        path for root in (place.home, ray) for path in root.rglob("*") if path.is_file() and path != given
    ]
    bodies = {path: path.read_bytes() for path in paths}
    for path, body in bodies.items():
        assert not [secret for secret in known if secret.encode() in body], path
    # What Ray does write down is used up.
    assert any(used.encode() in body for body in bodies.values())

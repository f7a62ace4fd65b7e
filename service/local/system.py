"""What the embedded system consists of: five places, four processes, and how each shows that it is ready."""

import hashlib
import os
import secrets
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import service
from service.local.processes import MARK, Child
from service.settings import load_secret

# Ray puts sockets some 60 characters below its temp dir, and the kernel takes 107.
LONGEST_TEMP_DIR = 43
OBJECT_STORE_BYTES = 256 * 1024 * 1024
LOG_BYTES = 32 * 1024 * 1024
SECRETS = ("ABLATE_DATABASE_URL", "ABLATE_SECRET", "ABLATE_API_KEYS", "ABLATE_API_KEY", "PGPASSWORD")
"""What may be in the environment of whoever starts the system, and is none of a training's business."""


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """One embedded system: its data directory, where its API listens, its other ports, its mark."""

    data_dir: Path
    host: str
    port: int
    ports: Mapping[str, int]
    mark: str

    @property
    def api(self) -> str:
        """The API's address as a client on this machine sees it."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)
        return f"http://{host}:{self.port}"

    @property
    def mlflow(self) -> str:
        """MLflow's address."""
        return f"http://127.0.0.1:{self.ports['mlflow']}"

    @property
    def ray(self) -> str:
        """The address of Ray's dashboard and Jobs API."""
        return f"http://127.0.0.1:{self.ports['ray_dashboard']}"

    @property
    def database_url(self) -> str:
        """The ledger."""
        return f"sqlite:///{self.data_dir / 'ledger.db'}"

    @property
    def token_path(self) -> Path:
        """The file that holds Ray's token."""
        return self.data_dir / "ray_token"

    @property
    def logs(self) -> Path:
        """Where every process writes its log."""
        return self.data_dir / "logs"

    @property
    def ray_temp_dir(self) -> Path:
        """A short path of this data directory's own for Ray's sockets and session."""
        name = hashlib.sha256(str(self.data_dir).encode()).hexdigest()[:10]
        path = Path(tempfile.gettempdir()) / f"ablate-{name}"
        return path if len(str(path)) <= LONGEST_TEMP_DIR else Path("/tmp") / path.name

    def prepare(self) -> None:
        """Make the directories and Ray's token."""
        for directory in (self.logs, self.data_dir / "mlflow", self.data_dir / "datasets"):
            directory.mkdir(parents=True, exist_ok=True)
        if not self.token_path.exists():
            self.token_path.touch(mode=0o600)
            self.token_path.write_text(secrets.token_hex(32))
        self._ready("worker").unlink(missing_ok=True)
        self.ray_temp_dir.mkdir(mode=0o700, exist_ok=True)
        if self.ray_temp_dir.stat().st_uid != os.getuid():
            raise PermissionError(f"{self.ray_temp_dir} belongs to somebody else")

    def children(self) -> tuple[Child, ...]:
        """The processes, those that take longest to start first."""
        commands = {
            "mlflow": self._mlflow_command(),
            "ray": self._ray_command(),
            "worker": (sys.executable, "-m", "service.worker"),
            "api": (sys.executable, "-m", "service.cli", "serve"),
        }
        return tuple(
            Child(
                name=name,
                command=command,
                env={
                    **self._env(),
                    **(self._service_env() if name in ("worker", "api") else dict.fromkeys(SECRETS, "")),
                    MARK: f"{self.mark}.{name}",
                    "ABLATE_READY_FILE": str(self._ready(name)),
                },
                log=self.logs / f"{name}.log",
            )
            for name, command in commands.items()
        )

    def checks(self) -> dict[str, Callable[[], bool]]:
        """For each process, whether it does its work now."""
        bearer = {"Authorization": f"Bearer {self.token_path.read_text().strip()}"}
        agent = f"http://127.0.0.1:{self.ports['ray_agent_http']}/api/local_raylet_healthz"
        return {
            "mlflow": lambda: answers(f"{self.mlflow}/health"),
            "ray": lambda: answers(f"{self.ray}/api/jobs/", bearer) and answers(agent, bearer),
            "worker": self._ready("worker").exists,
            # Readiness is the ledger, Ray and MLflow as the API sees them.
            "api": lambda: answers(f"{self.api}/readyz"),
        }

    def _ready(self, name: str) -> Path:
        """The file by which a process without a port shows that it is ready."""
        return self.data_dir / f".{name}.ready"

    def _env(self) -> dict[str, str]:
        bin_dir = str(Path(sys.executable).parent)
        root = str(Path(service.__file__).parent.parent)
        return {
            "PATH": os.pathsep.join([bin_dir, os.environ.get("PATH", os.defpath)]),
            "PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")])),
            "PYTHONUNBUFFERED": "1",
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(self.token_path),
            "RAY_USAGE_STATS_ENABLED": "0",
            # Plain idle workers: slots have an environment of their own and could not use them.
            "RAY_prestart_worker_first_driver": "0",
            # After 60 s Ray would end a worker that still starts and begin anew: on a busy machine for ever.
            "RAY_worker_register_timeout_seconds": "600",
            # What a worker has started ends with it, and what it prints fills no disk.
            "RAY_process_group_cleanup_enabled": "true",
            "RAY_ROTATION_MAX_BYTES": str(LOG_BYTES),
            "RAY_ROTATION_BACKUP_COUNT": "1",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "DO_NOT_TRACK": "true",
        }

    def _service_env(self) -> dict[str, str]:
        """What Ray's processes, and so trainings, are not told."""
        return {
            **address(self.host, self.port, self.data_dir),
            "ABLATE_DATABASE_URL": self.database_url,
            "ABLATE_SECRET": os.environ.get("ABLATE_SECRET") or load_secret(self.data_dir),
            "ABLATE_PUBLIC_URL": self.api,
            "ABLATE_INTERNAL_URL": self.api,
            "ABLATE_MLFLOW_URL": self.mlflow,
            "ABLATE_RAY_DASHBOARD_URL": self.ray,
            "ABLATE_RAY_TOKEN_PATH": str(self.token_path),
        }

    def _ray_command(self) -> tuple[str, ...]:
        ports = self.ports
        return (
            *(sys.executable, "-m", "service.local.ray_head", "start", "--head", "--block"),
            "--disable-usage-stats",
            "--include-log-monitor=false",
            # It starts nodes, and there is one.
            "--no-monitor",
            "--log-color=false",
            "--node-ip-address=127.0.0.1",
            "--dashboard-host=127.0.0.1",
            f"--temp-dir={self.ray_temp_dir}",
            f"--object-store-memory={OBJECT_STORE_BYTES}",
            f"--port={ports['ray_gcs']}",
            f"--dashboard-port={ports['ray_dashboard']}",
            f"--object-manager-port={ports['ray_object_manager']}",
            f"--node-manager-port={ports['ray_node_manager']}",
            f"--ray-client-server-port={ports['ray_client']}",
            f"--dashboard-agent-listen-port={ports['ray_agent_http']}",
            f"--dashboard-agent-grpc-port={ports['ray_agent_grpc']}",
            f"--runtime-env-agent-port={ports['ray_runtime_env']}",
            f"--metrics-export-port={ports['ray_metrics']}",
        )

    def _mlflow_command(self) -> tuple[str, ...]:
        where, port = str(self.data_dir / "mlflow"), str(self.ports["mlflow"])
        return (sys.executable, "-m", "service.local.mlflow_server", where, port)


def address(host: str, port: int, data_dir: Path) -> dict[str, str]:
    """The variables that say where the API listens and where its data is."""
    return {"ABLATE_DATA_DIR": str(data_dir), "ABLATE_HOST": host, "ABLATE_PORT": str(port)}


def answers(url: str, headers: Mapping[str, str] | None = None) -> bool:
    """Whether a GET is answered with success."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=dict(headers or {})), timeout=3):
            return True
    except (OSError, urllib.error.URLError):
        return False

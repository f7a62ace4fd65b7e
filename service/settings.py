"""Where everything is and who may use it: ABLATE_* variables, read once."""

import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from service.budgets import Budgets
from service.errors import BadSettings

_KEY = re.compile(r"(?:(?P<project>[A-Za-z0-9._-]{1,64})=)?(?P<digest>[0-9a-fA-F]{64})")
DEFAULT_PROJECT = "default"
LEAST_SECRET = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One process's view of the system.

    Units: lease_s is seconds an attempt may stay silent before it counts as lost; quantum_s seconds for
    which a worker takes new trials before it makes room for other studies.
    """

    data_dir: Path
    database_url: str
    ray_dashboard_url: str | None = None
    ray_token_path: Path | None = None
    mlflow_url: str | None = None
    mlflow_public_url: str | None = None
    public_url: str | None = None
    internal_url: str
    secret: str = field(repr=False)
    api_keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    """sha256 of a key -> the project it opens."""
    host: str = "127.0.0.1"
    port: int = 8000
    lease_s: float = 30.0
    quantum_s: float = 60.0
    storage: str | None = None
    standbys: int = 1
    """How many drivers stand by for a study, with everything loaded: some 400 MiB each, without its workers.
    With none, each study starts its own."""
    standby_workers: int = 2
    """How many workers' processes each keeps loaded: some 360 MiB each, and no CPU. With none, slots load
    all they need when they start."""
    max_trials: int = 1_000_000
    """How many trials a project's unfinished studies may have together."""
    budgets: Budgets = Budgets()
    """How often each kind of failure is made good."""

    @property
    def datasets_dir(self) -> Path:
        """Where datasets are kept."""
        return self.data_dir / "datasets"

    @property
    def checkpoints_dir(self) -> Path:
        """Where unfinished trials are kept: under `storage` where that is a path, as workers see it."""
        return (Path(self.storage.removeprefix("file://")) if self.storage else self.data_dir) / "checkpoints"

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """Settings from ABLATE_* variables; makes the data directory and its secret when absent.

        Raises: BadSettings, naming the variable.
        """
        data_dir = Path(environ.get("ABLATE_DATA_DIR") or Path.home() / ".ablate").expanduser().absolute()
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        host = environ.get("ABLATE_HOST") or "127.0.0.1"
        port = int(_number(environ, "ABLATE_PORT", 8000))
        token_path = environ.get("ABLATE_RAY_TOKEN_PATH") or environ.get("RAY_AUTH_TOKEN_PATH")
        return cls(
            data_dir=data_dir,
            database_url=environ.get("ABLATE_DATABASE_URL") or f"sqlite:///{data_dir / 'ledger.db'}",
            ray_dashboard_url=_url(environ, "ABLATE_RAY_DASHBOARD_URL"),
            ray_token_path=Path(token_path) if token_path else None,
            mlflow_url=_url(environ, "ABLATE_MLFLOW_URL"),
            mlflow_public_url=_url(environ, "ABLATE_MLFLOW_PUBLIC_URL") or _url(environ, "ABLATE_MLFLOW_URL"),
            public_url=_url(environ, "ABLATE_PUBLIC_URL"),
            internal_url=_url(environ, "ABLATE_INTERNAL_URL") or f"http://127.0.0.1:{port}",
            secret=_secret(environ, data_dir),
            api_keys=parse_keys(environ.get("ABLATE_API_KEYS", "")),
            host=host,
            port=port,
            lease_s=_number(environ, "ABLATE_LEASE_S", 30.0),
            quantum_s=_number(environ, "ABLATE_QUANTUM_S", 60.0),
            storage=_storage(environ),
            standbys=int(_number(environ, "ABLATE_STANDBYS", 1, least=0, most=100)),
            standby_workers=int(_number(environ, "ABLATE_STANDBY_WORKERS", 2, least=0, most=1000)),
            max_trials=int(_number(environ, "ABLATE_MAX_TRIALS", 1_000_000, most=1e9)),
            budgets=Budgets.from_env(environ),
        )


def _secret(environ: Mapping[str, str], data_dir: Path) -> str:
    """The one that is set, else one of this data directory's own; none where processes may differ in it."""
    if told := environ.get("ABLATE_SECRET"):
        if len(told) < LEAST_SECRET:
            raise BadSettings(f"ABLATE_SECRET is too short: it has to have {LEAST_SECRET} characters or more")
        return told
    alone = (environ.get("ABLATE_DATABASE_URL") or "sqlite").startswith("sqlite")
    return load_secret(data_dir) if alone else ""


def load_secret(data_dir: Path) -> str:
    """The server's secret, made on first use and readable by its owner only."""
    path = data_dir / "secret"
    fresh = data_dir / f".secret-{secrets.token_hex(8)}"
    if not path.exists():
        # Written whole under another name, then linked: a second process never reads half a secret.
        fresh.touch(mode=0o600)
        fresh.write_text(secrets.token_hex(32))
        try:
            path.hardlink_to(fresh)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return path.read_text().strip()


def parse_keys(text: str) -> dict[str, str]:
    """Keys as `sha256hex` or `project=sha256hex`, separated by commas: digest -> project.

    Raises: BadSettings.
    """
    keys: dict[str, str] = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        match = _KEY.fullmatch(entry)
        if match is None:
            raise BadSettings(
                "ABLATE_API_KEYS is a comma-separated list of [project=]sha256, 64 hex digits each"
            )
        keys[match["digest"].lower()] = match["project"] or DEFAULT_PROJECT
    return keys


def _number(
    environ: Mapping[str, str], name: str, default: float, *, least: float | None = None, most: float = 1e6
) -> float:
    text = environ.get(name)
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        raise BadSettings(f"{name} is not a number: {text!r}") from None
    if not (value > 0 if least is None else value >= least) or value >= most:
        raise BadSettings(f"{name} is out of range: {text!r}")
    return value


def _storage(environ: Mapping[str, str]) -> str | None:
    text = environ.get("ABLATE_STORAGE") or None
    if text is not None and not text.startswith(("/", "file:///")):
        raise BadSettings(f"ABLATE_STORAGE is a folder that every node sees, /... or file:///...: {text!r}")
    return text


def _url(environ: Mapping[str, str], name: str) -> str | None:
    text = environ.get(name)
    if not text:
        return None
    if not text.startswith(("http://", "https://")):
        raise BadSettings(f"{name} is not an http(s) URL: {text!r}")
    return text.rstrip("/")

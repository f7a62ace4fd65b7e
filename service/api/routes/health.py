"""Liveness, and readiness with each thing the service needs."""

import logging
import re
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

import httpx
from fastapi import APIRouter
from fastapi.responses import JSONResponse

from ablations.errors import Json
from service.api.context import InContext
from service.api.problems import problem
from service.errors import ClusterUnavailable, ServiceError, TrackerUnavailable
from service.ledger import Ledger
from service.ledger.database import refuse_other_schema
from service.settings import Settings

router = APIRouter(tags=["health"])
_TIMEOUT_S = 2.0
_FRESH_S = 1.0
_ANSWERED = re.compile(r"answered \d{3}")
_log = logging.getLogger(__name__)


class DependencyAway(ServiceError):
    """Something the service needs does not answer."""

    status = 503
    kind = "not-ready"
    title = "Something the service needs does not answer"


class Readiness:
    """What the last look found. Anybody may ask, so that asking often does not mean looking often."""

    def __init__(self, probes: Mapping[str, Callable[[], None]]) -> None:
        self._probes = probes
        self._lock = Lock()
        self._looked_at = -_FRESH_S
        self._found: Mapping[str, str | None] = {}

    def look(self) -> Mapping[str, str | None]:
        """What is wrong with each thing, as of a second ago at most."""
        with self._lock:
            if time.monotonic() - self._looked_at >= _FRESH_S:
                with ThreadPoolExecutor(len(self._probes)) as pool:
                    failures = pool.map(_failure, self._probes.values())
                    self._found = dict(zip(self._probes, failures, strict=True))
                self._looked_at = time.monotonic()
            return self._found


@router.get("/healthz")
def live() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/readyz")
def ready(context: InContext) -> JSONResponse:
    """Whether each thing the service needs answers."""
    readiness: Readiness = context.kept.setdefault("readiness", Readiness(context.probes))
    found = readiness.look()
    checks: dict[str, Json] = {name: failure or "ok" for name, failure in found.items()}
    away = [name for name, failure in found.items() if failure is not None]
    if away:
        return problem(DependencyAway(f"{', '.join(away)} not ready"), checks=checks)
    return JSONResponse({"status": "ready", "checks": checks})


def make_probes(settings: Settings, ledger: Ledger) -> Mapping[str, Callable[[], None]]:
    """One check for each thing the service needs; a check raises ServiceError, saying what is wrong."""

    def database() -> None:
        with ledger.read() as tx:
            refuse_other_schema(tx)

    def ray() -> None:
        token = settings.ray_token_path
        headers = {"Authorization": f"Bearer {token.read_text().strip()}"} if token and token.exists() else {}
        url = settings.ray_dashboard_url
        if url is None:
            raise ClusterUnavailable("ABLATE_RAY_DASHBOARD_URL is not set")
        _get(f"{url}/api/version", headers, ClusterUnavailable)

    def mlflow() -> None:
        if settings.mlflow_url is None:
            raise TrackerUnavailable("ABLATE_MLFLOW_URL is not set")
        _get(f"{settings.mlflow_url}/health", {}, TrackerUnavailable)

    return {"database": database, "ray": ray, "mlflow": mlflow}


def _failure(probe: Callable[[], None]) -> str | None:
    try:
        probe()
    except ServiceError as error:
        # Callers without a key ask this: where things are is for the log.
        _log.warning("not ready: %s", error.detail)
        answered = _ANSWERED.search(error.detail)
        return f"{error.title}: {answered[0]}" if answered else error.title
    return None


def _get(url: str, headers: Mapping[str, str], away: type[ServiceError]) -> None:
    try:
        answer = httpx.get(url, headers=dict(headers), timeout=_TIMEOUT_S, trust_env=False)
    except httpx.HTTPError as error:
        raise away(f"{url}: {error or type(error).__name__}") from error
    if answer.status_code != 200:
        raise away(f"{url}: answered {answer.status_code}")

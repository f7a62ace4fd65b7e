"""Liveness, and readiness with each thing the service needs."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

import httpx
from fastapi import APIRouter
from fastapi.responses import JSONResponse

from ablations.errors import Json
from service.api.context import InContext
from service.api.problems import problem
from service.errors import ClusterUnavailable, ServiceError, TrackerUnavailable
from service.ledger import Ledger, check_schema
from service.settings import Settings

router = APIRouter(tags=["health"])
_TIMEOUT_S = 2.0


class DependencyAway(ServiceError):
    """Something the service needs does not answer."""

    status = 503
    kind = "not-ready"
    title = "Something the service needs does not answer"


@router.get("/healthz")
def live() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/readyz")
def ready(context: InContext) -> JSONResponse:
    """Whether each thing the service needs answers."""
    with ThreadPoolExecutor(len(context.probes)) as pool:
        found = dict(zip(context.probes, pool.map(_failure, context.probes.values()), strict=True))
    checks: dict[str, Json] = {name: failure or "ok" for name, failure in found.items()}
    away = [name for name, failure in found.items() if failure is not None]
    if away:
        return problem(DependencyAway(f"{', '.join(away)} not ready"), checks=checks)
    return JSONResponse({"status": "ready", "checks": checks})


def make_probes(settings: Settings, ledger: Ledger) -> Mapping[str, Callable[[], None]]:
    """One check for each thing the service needs; a check raises ServiceError, saying what is wrong."""

    def database() -> None:
        with ledger.read():
            check_schema(settings.database_url)

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
        return error.detail
    return None


def _get(url: str, headers: Mapping[str, str], away: type[ServiceError]) -> None:
    try:
        answer = httpx.get(url, headers=dict(headers), timeout=_TIMEOUT_S, trust_env=False)
    except httpx.HTTPError as error:
        raise away(f"{url}: {error or type(error).__name__}") from error
    if answer.status_code != 200:
        raise away(f"{url}: answered {answer.status_code}")

"""The API as an ASGI application. It starts without torch, ray, mlflow or scipy."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from threading import Thread

from fastapi import FastAPI

from service.api import openapi, problems
from service.api.context import Context
from service.api.guard import Guard, open_hosts
from service.api.memory import Memory
from service.api.planning import Planner, shared_workshop
from service.api.routes import catalogue as catalogue_routes
from service.api.routes import (
    claims,
    deletions,
    events,
    health,
    internal,
    metrics,
    papers,
    presets,
    reports,
    searches,
    studies,
    trials,
)
from service.auth import check_binding, check_secret
from service.cluster import job_logs
from service.errors import ServiceError
from service.ledger import check_schema, open_ledger
from service.settings import Settings
from service.web import composing, pages
from trainables.catalogue import Catalogue, LiveCatalogue


def create_app(
    settings: Settings | None = None,
    *,
    catalogue: Catalogue | None = None,
    read_job_logs: Callable[[Settings, str], str] = job_logs,
) -> FastAPI:
    """The application; without arguments, as `uvicorn --factory service.app:create_app` makes it.

    Raises: UnsafeBinding, WrongSchema, BadSettings, LedgerUnavailable.
    """
    settings = settings or Settings.from_env()
    check_binding(settings)
    app = _make_app(settings, catalogue, read_job_logs, plans=True)
    for part in (
        studies,
        deletions,
        trials,
        reports,
        searches,
        papers,
        events,
        catalogue_routes,
        presets,
        claims,
        health,
        metrics,
        internal,
        pages,
        composing,
    ):
        app.include_router(part.router)
    openapi.install(app)
    return app


def create_internal_app(settings: Settings | None = None) -> FastAPI:
    """The part that drivers speak with, and nothing else: for a port that training code can reach.

    Raises: WrongSchema, BadSettings, LedgerUnavailable.
    """
    app = _make_app(settings or Settings.from_env(), None, job_logs, plans=False)
    for part in (health, internal):
        app.include_router(part.router)
    return app


def _make_app(
    settings: Settings,
    catalogue: Catalogue | None,
    read_job_logs: Callable[[Settings, str], str],
    *,
    plans: bool,
) -> FastAPI:
    """Without routes. One that `plans` has processes for that made ready at its start."""
    check_secret(settings)
    check_schema(settings.database_url)
    ledger = open_ledger(settings.database_url)
    registry = metrics.make_registry(ledger)
    catalogues = (lambda: catalogue) if catalogue else LiveCatalogue(settings.datasets_dir)
    context = Context(
        settings=settings,
        ledger=ledger,
        catalogues=catalogues,
        planner=Planner(catalogues, settings.database_url, shared_workshop()),
        job_logs=read_job_logs,
        probes=health.make_probes(settings, ledger),
        registry=registry,
    )

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        if plans:
            Thread(target=_begin, args=(context.planner,), daemon=True).start()
        yield
        ledger.close()

    app = FastAPI(
        title="ablate",
        summary="Declare a question, get a verdict with error bars.",
        version="1",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        responses=openapi.PROBLEM_RESPONSES,
    )
    app.state.context = context
    problems.install(app)
    app.add_middleware(Memory, ledger=ledger)
    app.add_middleware(Guard, hosts=open_hosts(settings))
    app.add_middleware(metrics.RequestMetrics, registry=registry)
    return app


def _begin(planner: Planner) -> None:
    with suppress(ServiceError):  # whoever needs it is told
        planner.begin()

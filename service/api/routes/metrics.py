"""Prometheus metrics: requests, and what is in the ledger."""

import time
from collections.abc import Iterable

from fastapi import APIRouter
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.context import InContext, InProject
from service.ledger import Ledger, counts

router = APIRouter(tags=["health"])


class LedgerCollector(Collector):
    """Counts studies, trials and announcements when it is asked."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Nothing: registering must not ask the ledger, which may not answer yet."""
        return []

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """One reading of the ledger."""
        with self._ledger.read() as tx:
            found = counts.overview(tx)
        for name, by_state in (("studies", found.studies), ("trials", found.trials)):
            family = GaugeMetricFamily(f"ablate_{name}", f"{name.capitalize()} by state", labels=["state"])
            for state, number in by_state.items():
                family.add_metric([state], number)
            yield family
        yield GaugeMetricFamily("ablate_outbox_waiting", "Announcements MLflow lacks", value=found.waiting)
        yield GaugeMetricFamily(
            "ablate_outbox_parked", "Announcements that MLflow refused", value=found.parked
        )
        yield GaugeMetricFamily("ablate_attempts_live", "Attempts that are live", value=found.attempts)


class RequestMetrics:
    """ASGI middleware that counts and times requests by route."""

    def __init__(self, app: ASGIApp, registry: CollectorRegistry) -> None:
        self._app = app
        labels = ["method", "route", "status"]
        self._count = Counter("ablate_http_requests", "Requests answered", labels, registry=registry)
        self._seconds = Histogram("ablate_http_seconds", "Time to answer", labels[:2], registry=registry)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and note how it was answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), "000"

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, note)
        finally:
            # The route's pattern, never the path: paths are without end.
            route = getattr(scope.get("route"), "path", "none")
            method = scope["method"] if scope["method"] in _METHODS else "OTHER"
            self._count.labels(method, route, status).inc()
            self._seconds.labels(method, route).observe(time.perf_counter() - started)


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def make_registry(ledger: Ledger) -> CollectorRegistry:
    """A registry for one application."""
    registry = CollectorRegistry()
    registry.register(LedgerCollector(ledger))
    return registry


@router.get("/metrics", response_class=Response)
def metrics(context: InContext, _project: InProject) -> Response:
    """Metrics for Prometheus; with API keys, any of them is asked for."""
    return Response(generate_latest(context.registry), media_type=CONTENT_TYPE_LATEST)

"""`python -m service.worker`: the reconciler, the report builder and the publisher in one process."""

import logging
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

import httpx

from service.api.planning import Planner
from service.auth import check_secret
from service.cluster import Cluster, connect
from service.errors import LedgerUnavailable
from service.ledger import Ledger, arrivals, check_schema, open_ledger
from service.ledger.studies import StudyRow
from service.ledger.upkeep import deletions
from service.settings import Settings
from service.worker.leadership import RENEW_S, Leadership
from service.worker.loop import Loop, run_all
from service.worker.mlflow.publisher import Publisher
from service.worker.reconciler import Reconciler
from service.worker.reports.making import WorkshopMaker
from service.worker.reports.schedule import (
    MAX_CANCELLED,
    MAX_LAST,
    MAX_OTHER,
    MAX_PAPERS,
    ReportBuilder,
)
from service.workshop import Workshop
from trainables.catalogue import LiveCatalogue

logger = logging.getLogger("ablate.worker")

RECONCILE_S = 0.25
REPORT_S = 0.5
PUBLISH_S = 0.5
SWEEP_S = 30.0
PATIENCE_S = 8.0
NUM_BENCHES, SPARE_BENCHES = 4, 2
"""Processes that build reports at once, and how many of them are kept for last reports."""
PING_TIMEOUT_S = 2.0


def main() -> None:
    """Run the loops until SIGTERM or SIGINT."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    settings = Settings.from_env()
    check_secret(settings)
    check_schema(settings.database_url)
    ledger = open_ledger(settings.database_url)
    catalogue = LiveCatalogue(settings.datasets_dir)
    reconciler = Reconciler(settings, ledger, _cluster(settings), api_answers=lambda: _answers(settings))
    workshop = Workshop(NUM_BENCHES, spare=SPARE_BENCHES)
    maker = WorkshopMaker(
        ledger, catalogue, workshop, url=settings.database_url, datasets_dir=settings.datasets_dir
    )
    hands = ThreadPoolExecutor(MAX_LAST + MAX_OTHER + MAX_PAPERS + MAX_CANCELLED, "reports")
    builder = ReportBuilder(ledger, catalogue.manifest, maker=maker, hands=hands)
    leadership = Leadership(ledger)
    planner = Planner(catalogue, settings.database_url, workshop)
    publisher = (
        Publisher(settings, ledger, plan=partial(plan_again, planner), leads=leadership.leads)
        if settings.mlflow_url is not None
        else None
    )
    loops = make_loops(ledger, reconciler, builder, leadership, publisher)
    sweep = partial(sweep_deleted, settings, ledger)
    loops.append(Loop(name="deletions", work=_always(sweep), pause_s=SWEEP_S))
    logger.info("worker runs: %s", ", ".join(loop.name for loop in loops))
    if (told := os.environ.get("ABLATE_READY_FILE")) is not None:
        Path(told).touch()
    run_all(loops, stopped, patience_s=PATIENCE_S)
    if settings.mlflow_url is not None:
        with suppress(LedgerUnavailable):
            leadership.resign()
    builder.close()
    workshop.close()
    ledger.close()
    logger.info("worker ends")


def make_loops(
    ledger: Ledger,
    reconciler: Reconciler,
    builder: ReportBuilder,
    leadership: Leadership,
    publisher: Publisher | None,
) -> list[Loop]:
    """All that a worker does again and again."""
    loops = [
        Loop(name="arrivals", work=_always(lambda: arrivals.sweep(ledger)), pause_s=SWEEP_S),
        Loop(
            name="reconciler",
            work=_always(reconciler.reconcile),
            pause_s=RECONCILE_S,
            version=ledger.version,
        ),
        Loop(
            name="reports",
            work=lambda: bool(builder.build_due()),
            pause_s=REPORT_S,
            version=ledger.version,
        ),
    ]
    if publisher is not None:
        loops.append(Loop(name="leadership", work=_always(leadership.renew), pause_s=RENEW_S))
        loops.append(
            Loop(
                name="publisher",
                work=lambda: publisher.drain() > 0,
                pause_s=PUBLISH_S,
                version=ledger.version,
            )
        )
    return loops


def plan_again(planner: Planner, study: StudyRow) -> bytes:
    """The plan of a study as it was when it was submitted, as far as earlier studies are still there."""
    return planner.plan(dict(study.spec), study.project, before=study.id)


def sweep_deleted(settings: Settings, ledger: Ledger) -> int:
    """Remove rows and checkpoints of deleted studies."""
    return deletions.sweep(
        ledger, lambda study_id: shutil.rmtree(settings.checkpoints_dir / study_id, ignore_errors=True)
    )


def _always(work: Callable[[], object]) -> Callable[[], bool]:
    def step() -> bool:
        work()
        return False

    return step


def _cluster(settings: Settings) -> Callable[[], Cluster]:
    """The cluster, connected on first use: its token may be written after this process starts."""
    known: list[Cluster] = []

    def get() -> Cluster:
        if not known:
            known.append(connect(settings))
        return known[0]

    return get


def _answers(settings: Settings) -> bool:
    try:
        url = f"{settings.internal_url}/healthz"
        return httpx.get(url, timeout=PING_TIMEOUT_S, trust_env=False).is_success
    except httpx.TransportError:
        return False


if __name__ == "__main__":
    main()

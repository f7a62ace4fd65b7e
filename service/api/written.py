"""Whoever asks for the report of a study that has just ended waits the moment until it is written."""

import asyncio
import time

from starlette.concurrency import run_in_threadpool

from service.api.context import InContext, InProject, StudyId
from service.errors import ReportFollows
from service.ledger import Ledger, builds, studies

PATIENCE_S, PAUSE_S = 30.0, 0.1


async def await_report(context: InContext, project: InProject, study_id: StudyId) -> None:
    """Wait while an ended study has its verdict and not yet its report.

    Raises: StudyNotFound; ReportFollows when that takes too long to keep a caller waiting.
    """
    deadline = time.monotonic() + PATIENCE_S
    while await run_in_threadpool(_follows, context.ledger, study_id, project):
        if time.monotonic() > deadline:
            raise ReportFollows(
                f"study {study_id} has ended and its effects are there; its report is still being written"
            )
        await asyncio.sleep(PAUSE_S)


def _follows(ledger: Ledger, study_id: str, project: str) -> bool:
    with ledger.read() as tx:
        studies.get(tx, study_id, project)
        return builds.report_follows(tx, study_id)

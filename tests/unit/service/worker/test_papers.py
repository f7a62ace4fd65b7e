"""What follows a verdict: report and figures, whatever happens in between."""

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import pytest

from ablations.manifest import Manifest
from service.errors import LedgerUnavailable
from service.ledger import Ledger, attempts, builds, outbox, steering, studies
from service.ledger.builds import FigureFile
from service.ledger.database import Tx
from service.ledger.studies import StudyRow
from service.ledger.upkeep import deletions
from service.worker.reports.build import Built
from service.worker.reports.making import Maker
from service.worker.reports.schedule import MAX_TRIES, ReportBuilder
from tests.unit.ablations.manifests import MLP
from tests.unit.ablations.studies import SMALL
from tests.unit.service.worker.conftest import Scene


def test_figures_that_a_killed_worker_left_undrawn_are_drawn_by_the_next(scene: Scene) -> None:
    scene.end(*range(12))
    assert scene.builder.build_due() == 1
    after = ReportBuilder(scene.ledger, lambda _name: MLP, clock=lambda: scene.now)
    assert after.build_due() == 1
    with scene.ledger.read() as tx:
        assert builds.figure_names(tx, scene.id)
    assert after.build_due() == 0
    assert scene.builder.build_due() == 0  # the first one finds them drawn


def test_a_report_that_cannot_be_written_leaves_the_verdict_and_is_written_by_a_mended_worker(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.end(*range(12))
    assert scene.builder.build_due() == 1
    verdict = scene.effects()["contrasts"]
    with monkeypatch.context() as broken:
        broken.setattr("service.worker.reports.build.html.render", _broken)
        for _ in range(MAX_TRIES + 2):
            scene.builder.build_due()
            scene.now += 100.0
    assert scene.effects()["contrasts"] == verdict and "no manifest" in (scene.study().error or "")
    with scene.ledger.read() as tx:
        assert "could not be built" in (builds.report(tx, scene.id, "md") or "")
        assert not outbox.unwritten(tx)
    mended = ReportBuilder(scene.ledger, lambda _name: MLP, clock=lambda: scene.now)
    assert mended.build_due() == 1
    assert scene.effects()["contrasts"] == verdict and scene.study().error is None
    with scene.ledger.read() as tx:
        assert builds.formats(tx, scene.id) == ["csv", "csv-trials", "html", "json", "latex", "md"]


def test_papers_follow_an_end_that_was_stored_though_the_answer_was_lost(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert scene.builder.build_due() == 0 and scene.builder._to_write() == {}
    scene.end(*range(12))
    write = Ledger.write

    @contextmanager
    def lossy(ledger: Ledger) -> Iterator[Tx]:
        with write(ledger) as tx:
            yield tx
        raise LedgerUnavailable("no answer")

    with monkeypatch.context() as once:
        once.setattr(Ledger, "write", lossy)
        assert scene.builder.build_due() == 0
    assert scene.study().state == "done"
    assert scene.builder.build_due() == 1
    with scene.ledger.read() as tx:
        assert not builds.report_follows(tx, scene.id) and not outbox.unwritten(tx)


def test_a_study_that_is_deleted_before_its_figures_are_drawn_holds_nobody_up(scene: Scene) -> None:
    scene.end(*range(12))
    assert scene.builder.build_due() == 1
    with scene.ledger.write() as tx:
        for attempt in attempts.all_of(tx, scene.id):
            attempts.lost(tx, scene.id, attempt.number, "over")
        deletions.delete(tx, scene.id, scene.study().project, num_reused=0)
        outbox.done(tx, [message.id for message in outbox.pending(tx)])
    deletions.sweep(scene.ledger, lambda _: None)
    assert scene.builder.build_due() == 0 and not scene.builder._to_write()


def test_a_figure_that_cannot_be_drawn_holds_nobody_up(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_report: object) -> Iterator[FigureFile]:
        raise RuntimeError("no pen")
        yield

    monkeypatch.setattr("service.worker.reports.drawing.figure_files", broken)
    scene.end(*range(12))
    assert scene.builder.build_due() == 1
    scene.builder.build_due()
    with scene.ledger.read() as tx:
        assert builds.figure_names(tx, scene.id) == [] and not outbox.unwritten(tx)


def _broken(_name: str) -> Manifest:
    raise RuntimeError("no manifest <today>")


def test_a_report_says_how_many_results_were_set_aside(scene: Scene) -> None:
    scene.end(*range(12))
    scene.builder.build_due()
    scene.builder.build_due()
    with scene.ledger.write() as tx:
        assert "superseded" not in (builds.report(tx, scene.id, "md") or "")
        steering.retry(tx, scene.id, afresh=True)
        scene.number = attempts.begin(tx, scene.id).number
        attempts.start(tx, scene.id, scene.number)
    scene.end(*range(12))
    assert scene.builder.build_due() == 1 and scene.builder.build_due() == 1
    with scene.ledger.read() as tx:
        assert "superseded results" in (builds.report(tx, scene.id, "md") or "")
        facts = json.loads(builds.report(tx, scene.id, "json") or "")["provenance"]["blocks"]
        assert ["superseded results", "12"] in next(b["rows"] for b in facts if b["kind"] == "facts")


class Slow(Maker):
    """Writes papers of cancelled studies only when it is let."""

    def __init__(self, ledger: Ledger, let: threading.Event) -> None:
        super().__init__(ledger, lambda _name: MLP)
        self._let = let

    def make(self, study: StudyRow, *, final: bool) -> Built:
        if study.state == "cancelled":
            assert self._let.wait(30)
        return super().make(study, final=final)


def test_papers_of_many_cancelled_studies_hold_up_no_other(scene: Scene) -> None:
    let = threading.Event()
    cancelled = [letter * 24 for letter in "bcde"]
    with scene.ledger.write() as tx:
        for study_id in cancelled:
            planned = [replace(trial, id=f"{study_id[0]}-{trial.id}") for trial in scene.planned]
            studies.create(
                tx, study_id=study_id, project="p", name="other", spec=SMALL, labels={}, planned=planned
            )
            steering.cancel(tx, study_id)
    hands = ThreadPoolExecutor(16, "reports")
    builder = ReportBuilder(scene.ledger, lambda _name: MLP, maker=Slow(scene.ledger, let), hands=hands)

    def build_until(written: list[str]) -> None:
        deadline = time.monotonic() + 30
        waiting = written
        while waiting:
            assert time.monotonic() < deadline, waiting
            builder.build_due()
            time.sleep(0.02)
            with scene.ledger.read() as tx:
                waiting = [study_id for study_id in written if not builds.formats(tx, study_id)]

    deadline = time.monotonic() + 30
    with scene.ledger.read() as tx:
        assert len(studies.unbuilt(tx)) == 4
    while len(builder._to_write()) < 4:
        assert time.monotonic() < deadline
        builder.build_due()
        time.sleep(0.02)
    scene.end(*range(12))
    try:
        build_until([scene.id])
        with scene.ledger.read() as tx:
            assert not any(builds.formats(tx, study_id) for study_id in cancelled)
    finally:
        let.set()
    build_until(cancelled)
    builder.close()

"""When reports are built, from a real ledger, and how a study ends with them."""

import csv
import io
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from ablations.manifest import Manifest
from service.errors import LedgerUnavailable
from service.ledger import attempts, builds, leasing, outbox, steering, studies, trials
from service.ledger.studies import StudyRow
from service.worker.reports.making import Judged, WorkshopMaker
from service.worker.reports.schedule import FIRST_S, INTERIM_S, MAX_TRIES, ReportBuilder
from service.workshop import Workshop
from tests.ledger_samples import SPEC as REAL
from tests.unit.ablations.manifests import MLP
from tests.unit.service.worker.conftest import Scene
from trainables.catalogue import LiveCatalogue


def test_interim_builds_follow_the_ledger_but_not_too_often(scene: Scene) -> None:
    scene.now = 100.0
    assert scene.builder.build_due() == 0
    scene.end(0)
    assert scene.builder.build_due() == 0
    scene.now += FIRST_S
    assert scene.builder.build_due() == 1
    assert scene.builder.build_due() == 0
    scene.end(1)
    assert scene.builder.build_due() == 0
    scene.now += INTERIM_S + 0.1
    assert scene.builder.build_due() == 1
    scene.now += 1000.0
    assert scene.builder.build_due() == 0
    assert scene.effects()["interim"] is True
    assert scene.study().state == "running"


def test_the_last_trial_ends_the_study_with_its_effects_and_reports(scene: Scene) -> None:
    scene.end(*range(12))
    assert scene.builder.build_due() == 1
    assert scene.study().state == "done"
    effects = scene.effects()
    assert effects["interim"] is False
    assert effects["contrasts"][0]["rows"][0]["n"] == 3
    with scene.ledger.read() as tx:
        assert builds.report_follows(tx, scene.id) and outbox.unwritten(tx) == [scene.id]
    assert scene.builder.build_due() == 1  # the papers
    with scene.ledger.read() as tx:
        assert builds.formats(tx, scene.id) == ["csv", "csv-trials", "html", "json", "latex", "md"]
        assert builds.figure_names(tx, scene.id) and not outbox.unwritten(tx)
    assert scene.builder.build_due() == 0


def test_a_study_with_holes_is_done_and_one_without_any_result_failed(scene: Scene) -> None:
    scene.end(*range(11), state="failed")
    scene.end(11, state="diverged")
    scene.builder.build_due()
    assert scene.study().state == "done"


def test_a_study_of_which_nothing_finished_is_failed_with_the_reason(scene: Scene) -> None:
    scene.end(*range(12), state="failed")
    scene.builder.build_due()
    assert (scene.study().state, scene.study().error) == ("failed", "it failed")


def test_a_cancelled_study_gets_its_last_report_without_verdicts(scene: Scene) -> None:
    scene.end(0, 1, 2)
    with scene.ledger.write() as tx:
        steering.cancel(tx, scene.id)
    assert scene.builder.build_due() == 1
    assert scene.study().state == "cancelled"
    assert scene.effects()["contrasts"][0]["rows"][0]["verdict"] is None
    assert scene.builder.build_due() == 1  # the figures
    assert scene.builder.build_due() == 0


def test_the_exports_hold_the_ledgers_numbers(scene: Scene) -> None:
    scene.end(*range(12))
    scene.builder.build_due()
    scene.builder.build_due()
    with scene.ledger.read() as tx:
        records = trials.records(tx, scene.id)
        bodies = {
            format: builds.report(tx, scene.id, format) or "" for format in builds.formats(tx, scene.id)
        }
        files = builds.figure_names(tx, scene.id)
        drawn = {name: builds.figure(tx, scene.id, name) or b"" for name, _ in files}
    rows = list(csv.DictReader(io.StringIO(bodies["csv-trials"])))
    assert [(row["arm_id"], int(row["seed"]), float(row["test_accuracy"])) for row in rows] == [
        (record["arm_id"], record["seed"], record["metrics"]["test_accuracy"]) for record in records
    ]
    told = [row for contrast in scene.effects()["contrasts"] for row in contrast["rows"]]
    read = [
        row for row in csv.DictReader(io.StringIO(bodies["csv"])) if row["kind"] in ("primary", "declared")
    ]
    assert len(read) == len(told) > 0
    for row, wanted in zip(read, told, strict=True):
        for name in ("estimate", "low", "high", "p", "p_adjusted"):
            assert float(row[name]) == wanted[name], name
    assert bodies["latex"].count("\\begin{longtable}") == bodies["latex"].count("\\end{longtable}") == 2
    assert {name.rpartition(".")[2] for name in drawn} == {"pdf", "svg"}
    for name, body in drawn.items():
        assert body.startswith(b"%PDF") if name.endswith("pdf") else b"var(--" not in body and b"<svg" in body


def test_an_interim_report_has_no_figure_files(scene: Scene) -> None:
    scene.end(0, 1)
    scene.builder.build_due()
    scene.now += FIRST_S
    assert scene.builder.build_due() == 1
    with scene.ledger.read() as tx:
        assert builds.figure_names(tx, scene.id) == []


def test_a_report_that_cannot_be_built_is_given_up_and_said(scene: Scene) -> None:
    scene.end(*range(12))
    scene.builder = ReportBuilder(scene.ledger, _broken, clock=lambda: scene.now)
    assert scene.builder.build_due() == 0
    assert scene.builder.build_due() == 0 and scene.study().state == "running"
    for _ in range(MAX_TRIES - 1):
        scene.now += 100.0
        scene.builder.build_due()
    study = scene.study()
    assert study.state == "done" and study.error is not None
    assert "could not be built: RuntimeError: no manifest <today>" in study.error
    assert scene.effects()["contrasts"] == [] and scene.effects()["interim"] is False
    with scene.ledger.read() as tx:
        assert "no manifest &lt;today&gt;" in (builds.report(tx, scene.id, "html") or "")
        assert all(record["state"] == "done" for record in trials.records(tx, scene.id))
    scene.now += 1000.0
    assert scene.builder.build_due() == 0


def test_a_mended_worker_builds_what_was_given_up(scene: Scene) -> None:
    scene.end(*range(12))
    broken = ReportBuilder(scene.ledger, _broken, clock=lambda: scene.now)
    for _ in range(MAX_TRIES):
        broken.build_due()
        scene.now += 100.0
    mended = ReportBuilder(scene.ledger, lambda _name: MLP, clock=lambda: scene.now)
    assert mended.build_due() == 1
    assert (scene.study().state, scene.study().error) == ("done", None)
    assert scene.effects()["contrasts"][0]["rows"][0]["verdict"] is not None
    assert mended.build_due() == 0


def test_an_interim_that_cannot_be_built_waits_for_news(scene: Scene) -> None:
    calls: list[str] = []

    def manifest(name: str) -> Manifest:
        calls.append(name)
        return _broken(name)

    scene.builder = ReportBuilder(scene.ledger, manifest, clock=lambda: scene.now)
    scene.end(0)
    for _ in range(5):
        scene.builder.build_due()
        scene.now += 1000.0
    assert len(calls) == 1
    scene.end(1)
    scene.builder.build_due()
    assert len(calls) == 2


def _broken(_name: str) -> Manifest:
    raise RuntimeError("no manifest <today>")


def test_a_cancelled_and_a_paused_study_say_so_in_effects_and_report(scene: Scene) -> None:
    scene.end(0, 1, 2)
    scene.builder.build_due()
    scene.now += FIRST_S
    assert scene.builder.build_due() == 1
    assert "still running" in scene.effects()["standing"]["words"]
    with scene.ledger.write() as tx:
        steering.pause(tx, scene.id)
    scene.now += 100.0
    assert scene.builder.build_due() == 1 and scene.builder.build_due() == 0
    assert scene.effects()["standing"]["words"].startswith("The study is paused: 3 of 12 trials")
    with scene.ledger.write() as tx:
        steering.cancel(tx, scene.id)
    assert scene.builder.build_due() == 1
    assert scene.effects()["standing"]["words"].startswith("The study was cancelled: 3 of 12 trials")
    assert scene.builder.build_due() == 1  # the papers
    with scene.ledger.read() as tx:
        markdown = builds.report(tx, scene.id, "md") or ""
    assert "still running" not in markdown and "was cancelled" in markdown and "differs" not in markdown


class Spinning(WorkshopMaker):
    """Has the judging of one study never end, as a search without bound does."""

    def judge(self, study: StudyRow) -> Judged:
        if study.id == "a" * 24:
            self._workshop.do(2.0, True, spin)
        return super().judge(study)


def spin() -> None:
    while True:
        pass


def test_a_build_without_end_costs_its_own_study_a_report_and_nobody_else(scene: Scene) -> None:
    planned = [replace(trial, id=f"other-{trial.id}") for trial in scene.planned]
    with scene.ledger.write() as tx:
        studies.create(
            tx, study_id="b" * 24, project="p", name="other", spec=REAL, labels={}, planned=planned[:1]
        )
        attempts.begin(tx, "b" * 24)
        attempts.start(tx, "b" * 24, 1)
        leasing.abandon(tx, "b" * 24, "gone")
    scene.end(*range(12))
    workshop = Workshop(2, spare=1)
    maker = Spinning(scene.ledger, LiveCatalogue(None), workshop, url=scene.url, datasets_dir=Path("nowhere"))
    builder = ReportBuilder(
        scene.ledger, LiveCatalogue(None).manifest, maker=maker, hands=ThreadPoolExecutor(8, "reports")
    )
    ends: dict[str, float] = {}
    began = time.monotonic()
    while len(ends) < 2 and time.monotonic() - began < 60:
        builder.build_due()
        time.sleep(0.1)
        with scene.ledger.read() as tx:
            for study in (studies.get(tx, "a" * 24), studies.get(tx, "b" * 24)):
                if study.finished_at is not None:
                    ends.setdefault(study.id, time.monotonic() - began)
    builder.close()
    workshop.close()
    assert set(ends) == {"a" * 24, "b" * 24}
    with scene.ledger.read() as tx:
        other = studies.get(tx, "b" * 24)
        assert (other.state, other.error) == ("failed", "gone")
    assert scene.study().state == "done"
    assert scene.study().error == "the report could not be built: WorkOverdue: it did not end within 2 s"


def test_what_was_given_up_is_not_forgotten_when_the_ledger_is_away(scene: Scene) -> None:
    scene.end(*range(12))
    broken = ReportBuilder(scene.ledger, _broken, clock=lambda: scene.now)
    for _ in range(MAX_TRIES):
        broken.build_due()
        scene.now += 100.0
    away = [True]

    def manifest(_name: str) -> Manifest:
        if away:
            raise LedgerUnavailable("it does not answer")
        return MLP

    mended = ReportBuilder(scene.ledger, manifest, clock=lambda: scene.now)
    assert mended.build_due() == 0 and scene.study().error is not None
    away.clear()
    assert mended.build_due() == 1
    assert (scene.study().state, scene.study().error) == ("done", None)

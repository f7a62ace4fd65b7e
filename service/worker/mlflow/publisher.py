"""Publishes the ledger to MLflow: an experiment a study, a flat run a trial, one summary run."""

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from ablations.design.reading import Reading, read_readings
from ablations.errors import AblationError, Problems
from ablations.manifest import Manifest
from ablations.plan.plan import make_plan
from ablations.study.parsing import parse_study
from service.errors import BadSettings, TrackerUnavailable
from service.ledger import Ledger, builds, history, outbox, studies, trials
from service.ledger.outbox import Message
from service.ledger.studies import StudyRow
from service.settings import Settings
from service.worker.mlflow import views
from service.worker.mlflow.runs import KIND, REASON, STATUS, STUDY, TRIAL, MlflowRun, run_of
from service.worker.mlflow.summary import StudySummary, note_of, summary_of
from service.worker.mlflow.tracker import MlflowTracker, Tracker, TrackerRefused
from trainables.catalogue import LiveCatalogue
from trainables.errors import TrainableError

BATCH = 64
THREADS = 4
FIRST_WAIT_S, MAX_WAIT_S = 1.0, 30.0

log = logging.getLogger(__name__)


class Manifests(Protocol):
    """What the trainables of studies declare."""

    def manifest(self, name: str) -> Manifest:
        """The manifest of a trainable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """What is known of a study's experiment: which trials have runs, and what these show."""

    id: str
    runs: dict[str, str]
    setting_names: tuple[str, ...]
    readings: tuple[Reading, ...]


def _connect(settings: Settings) -> MlflowTracker:
    if settings.mlflow_url is None:
        raise BadSettings("no tracking server is configured: ABLATE_MLFLOW_URL is not set")
    return MlflowTracker(settings.mlflow_url)


class Publisher:
    """Drains the outbox into MLflow. Whatever it does can be done again: it looks before it creates."""

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        *,
        leads: Callable[[], bool] = lambda: True,
        tracker: Tracker | None = None,
        manifests: Manifests | None = None,
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._leads = leads
        self._tracker: Tracker = tracker or _connect(settings)
        self._manifests: Manifests = manifests or LiveCatalogue(settings.datasets_dir)
        self._experiments: dict[str, Experiment] = {}
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="publish")
        self._wait_s = FIRST_WAIT_S
        self._not_before = 0.0

    def drain(self) -> int:
        """Publish what is due and return how much was; 0 while MLflow is away, which is no error."""
        if not self._leads():
            # What another one publishes meanwhile is not known here.
            self._experiments.clear()
            return 0
        if time.monotonic() < self._not_before:
            return 0
        with self._ledger.read() as tx:
            due = outbox.pending(tx, BATCH)
        by_study: dict[str, list[Message]] = defaultdict(list)
        for message in due:
            by_study[message.study_id].append(message)
        num_done = 0
        for study_id, messages in by_study.items():
            try:
                num_done += self._publish(study_id, messages)
            except TrackerUnavailable as error:
                self._experiments.pop(study_id, None)
                if self._away(error):
                    break
                self._park(messages, error)
            except (TrackerRefused, AblationError, TrainableError) as error:
                # A plugin that is gone, for one: it must not hold up the other studies.
                self._park(messages, error)
        return num_done

    def resume(self) -> None:
        """Try again now, however long MLflow was away."""
        self._wait_s, self._not_before = FIRST_WAIT_S, 0.0

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown()

    def _publish(self, study_id: str, messages: Sequence[Message]) -> int:
        with self._ledger.read() as tx:
            study = studies.get(tx, study_id)
        experiment = self._experiment(study)
        self._finish([m.id for m in messages if m.kind == "study"])
        num_done = sum(m.kind == "study" for m in messages)
        num_done += self._publish_trials(study, experiment, [m for m in messages if m.kind == "trial"])
        for message in messages:
            if message.kind == "summary":
                self._publish_summary(study, experiment)
                self._finish([message.id])
                self._experiments.pop(study_id, None)
                num_done += 1
        return num_done

    def _publish_trials(self, study: StudyRow, experiment: Experiment, messages: Sequence[Message]) -> int:
        if not messages:
            return 0
        by_trial = {message.key: message for message in messages}
        with self._ledger.read() as tx:
            rows = [row for row in trials.rows(tx, study.id, list(by_trial)) if row.state in STATUS]
            records = {record["id"]: record for record in trials.records(tx, study.id, list(by_trial))}
        # One that is retried is announced again when it has ended.
        open_again = set(by_trial) - {row.id for row in rows}
        self._finish([by_trial[trial_id].id for trial_id in open_again])
        runs = [
            run_of(
                row,
                records[row.id],
                setting_names=experiment.setting_names,
                readings=experiment.readings,
            )
            for row in rows
        ]
        sent: dict[str, str] = {}
        problems: dict[str, Exception] = {}
        for run, result in zip(
            runs, self._threads.map(lambda r: self._send(experiment, r), runs), strict=True
        ):
            if isinstance(result, Exception):
                problems[run.trial_id] = result
            else:
                sent[run.trial_id] = result
        with self._ledger.write() as tx:
            trials.set_runs(tx, sent)
        self._finish([by_trial[trial_id].id for trial_id in sent])
        lost = any(isinstance(problem, TrackerUnavailable) for problem in problems.values())
        if lost and not self._tracker.healthy():
            raise next(p for p in problems.values() if isinstance(p, TrackerUnavailable))
        for trial_id, problem in problems.items():
            self._park([by_trial[trial_id]], problem)
        if lost:
            # A run may have been made whose id never arrived: look before making it again.
            self._experiments.pop(study.id, None)
        return len(sent)

    def _send(self, experiment: Experiment, run: MlflowRun) -> str | Exception:
        """Send one run; an error is returned, so that the others of the batch are still noted as sent."""
        if not self._leads():
            return TrackerUnavailable("another worker leads by now")
        try:
            run_id = experiment.runs.get(run.trial_id)
            if run_id is None:
                run_id = self._tracker.create_run(experiment.id, run.name, run.start_ms, run.tags)
                experiment.runs[run.trial_id] = run_id
            else:  # of a trial that failed before, perhaps: it must not say so any more
                self._tracker.tag_run(run_id, {REASON: "", **run.tags})
            self._tracker.log(run_id, run.metrics, run.params)
            for path, body in run.artifacts.items():
                self._tracker.put(experiment.id, run_id, path, body)
            self._tracker.finish(run_id, run.status, run.end_ms)
            return run_id
        except (TrackerUnavailable, TrackerRefused) as error:
            return error

    def _publish_summary(self, study: StudyRow, experiment: Experiment) -> None:
        summary = self._summary(study)
        run_id = experiment.runs.get(study.id)
        end_ms = round((study.finished_at or study.created_at) * 1000)
        if run_id is None:
            tags = {KIND: "summary", STUDY: study.id, TRIAL: study.id, "mlflow.note.content": summary.note}
            start_ms = round(study.created_at * 1000)
            run_id = self._tracker.create_run(experiment.id, "summary", start_ms, tags)
            experiment.runs[study.id] = run_id
        for path, body in summary.artifacts.items():
            self._tracker.put(experiment.id, run_id, path, body)
        self._tracker.finish(run_id, "FINISHED", end_ms)
        self._tracker.tag_experiment(experiment.id, {"mlflow.note.content": summary.note})

    def _summary(self, study: StudyRow) -> StudySummary:
        with self._ledger.read() as tx:
            build = studies.build(tx, study.id)
            bodies = {
                format: studies.report(tx, study.id, format) for format in studies.formats(tx, study.id)
            }
            names = [name for name, _ in builds.figure_names(tx, study.id)]
            figures = [(name, builds.figure(tx, study.id, name) or b"") for name in names]
            known = history.known(tx, study.project, study.spec["trainable"], before=study.id)
        spec = parse_study(dict(study.spec))
        return summary_of(
            study,
            effects=build.effects if build else {"interim": True, "contrasts": [], "exploratory": []},
            reports={format: body for format, body in bodies.items() if body is not None},
            figures=figures,
            plan=make_plan(
                spec,
                self._manifests.manifest(spec.trainable),
                rates=known.timed,
                spread=known.spreads(spec),
            ),
            report_url=self._report_url(study.id),
        )

    def _experiment(self, study: StudyRow) -> Experiment:
        known = self._experiments.get(study.id)
        if known is not None:
            return known
        manifest = self._manifests.manifest(study.spec["trainable"])
        readings = read_readings(parse_study(dict(study.spec)), manifest, Problems())
        found = self._tracker.find_experiment(STUDY, study.id)
        fresh = found is None
        if found is None:
            found = self._tracker.create_experiment(
                f"{study.name[:400]} ({study.id})", self._tags(study, manifest, readings)
            )
        experiment = Experiment(
            id=found,
            # Both kinds of run carry this tag, the summary with the study's id.
            runs={} if fresh else self._tracker.tagged_runs(found, TRIAL),
            setting_names=tuple(setting.name for setting in manifest.settings),
            readings=readings,
        )
        with self._ledger.write() as tx:
            studies.set_experiment(tx, study.id, found, views.link(found))
        self._experiments[study.id] = experiment
        return experiment

    def _tags(self, study: StudyRow, manifest: Manifest, readings: Sequence[Reading]) -> dict[str, str]:
        prepared = views.prepared_views(
            factors=list(study.spec.get("factors") or {}),
            curves=[metric.name for metric in manifest.metrics if metric.curve],
            primary=readings[0].name if readings else manifest.metrics[0].name,
        )
        return {
            STUDY: study.id,
            "ablate.project": study.project,
            "mlflow.experimentKind": "custom_model_development",
            "mlflow.note.content": note_of(study, None, self._report_url(study.id)),
            **{f"ablate.tag.{name}": str(value) for name, value in (study.spec.get("tags") or {}).items()},
            **prepared,
        }

    def _report_url(self, study_id: str) -> str:
        base = self._settings.public_url or self._settings.internal_url
        return f"{base}/v1/studies/{study_id}/report?format=html"

    def _finish(self, ids: Sequence[int]) -> None:
        if ids:
            with self._ledger.write() as tx:
                outbox.done(tx, ids)
        self._wait_s = FIRST_WAIT_S

    def _park(self, messages: Iterable[Message], error: Exception) -> None:
        """Leave these for later, with the reason; the others go on."""
        with self._ledger.write() as tx:
            for message in messages:
                log.warning("cannot publish %s %s: %s", message.kind, message.key, error)
                outbox.failed(tx, message.id, str(error))

    def _away(self, error: TrackerUnavailable) -> bool:
        """Whether MLflow is away altogether; then nothing is tried for a while, longer each time."""
        if self._tracker.healthy():
            return False
        log.warning("MLflow is away, trying again in %.0f s: %s", self._wait_s, error)
        self._not_before = time.monotonic() + self._wait_s
        self._wait_s = min(2 * self._wait_s, MAX_WAIT_S)
        return True

"""Publishes the ledger to MLflow: an experiment a study, a flat run a trial, one summary run."""

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor

from ablations.design.reading import read_readings
from ablations.errors import AblationError, Problems
from ablations.study.parsing import parse_study
from service.errors import BadSettings, StudyNotFound, TooMuchWork, TrackerUnavailable
from service.ledger import Ledger, builds, outbox, studies, trials
from service.ledger.outbox import Message
from service.ledger.studies import StudyRow
from service.settings import Settings
from service.worker.mlflow import arms, views
from service.worker.mlflow.experiment import Experiment, Manifests, tags_of
from service.worker.mlflow.looking import one_of_each, out_of_date
from service.worker.mlflow.runs import (
    KIND,
    NOTE,
    REASON,
    STATUS,
    STUDY,
    TRIAL,
    MlflowRun,
    run_of,
    superseded_tags,
)
from service.worker.mlflow.summary import StudySummary, figure_artifacts, note_of, summary_of
from service.worker.mlflow.tracker import MlflowTracker, TrackedRun, Tracker, TrackerRefused
from service.workshop import WorkDied
from trainables.catalogue import LiveCatalogue
from trainables.errors import TrainableError

BATCH = 64
THREADS = 4
FIRST_WAIT_S, MAX_WAIT_S = 1.0, 30.0

log = logging.getLogger(__name__)


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
        plan: Callable[[StudyRow], bytes],
        leads: Callable[[], bool] = lambda: True,
        tracker: Tracker | None = None,
        manifests: Manifests | None = None,
        hands: Executor | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._plan = plan
        self._leads = leads
        self._tracker: Tracker = tracker or _connect(settings)
        self._manifests: Manifests = manifests or LiveCatalogue(settings.datasets_dir)
        self._experiments: dict[str, Experiment] = {}
        self._threads = hands or ThreadPoolExecutor(THREADS, thread_name_prefix="publish")
        self._clock = clock
        self._wait_s = FIRST_WAIT_S
        self._not_before = 0.0

    def drain(self) -> int:
        """Publish what is due and return how much was; 0 while MLflow is away, which is no error."""
        if not self._leads():
            # What another one publishes meanwhile is not known here, nor what of ours is still to arrive.
            if self._experiments:
                with self._ledger.write() as tx:
                    for study_id in self._experiments:
                        outbox.check_later(tx, study_id)
                self._experiments.clear()
            return 0
        if self._clock() < self._not_before:
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
            except StudyNotFound:
                # Deleted since these messages were read; that is a message of its own.
                self._experiments.pop(study_id, None)
            except TrackerUnavailable as error:
                self._doubt(study_id)
                if self._away(error):
                    break
                self._park(messages, error)
            except (TrackerRefused, AblationError, TrainableError) as error:
                # A plugin that is gone, for one: it must not hold up the other studies.
                self._doubt(study_id)
                self._park(messages, error)
        return num_done

    def resume(self) -> None:
        """Try again now, however long MLflow was away."""
        self._wait_s, self._not_before = FIRST_WAIT_S, 0.0

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown()

    def _publish(self, study_id: str, messages: Sequence[Message]) -> int:
        if any(message.kind == outbox.DELETE for message in messages):
            self._delete(study_id)
            self._finish([message.id for message in messages])
            return len(messages)
        with self._ledger.read() as tx:
            study = studies.get(tx, study_id)
        checks = [message.id for message in messages if message.kind == outbox.CHECK]
        experiment = self._experiment(study, only_looked_at=len(checks) == len(messages))
        marks = [message.id for message in messages if message.kind == outbox.SUPERSEDED]
        if marks:
            self._set_aside(study, experiment)
        done = [message.id for message in messages if message.kind == "study"] + marks
        self._finish(done)
        num_done = len(done)
        num_done += self._publish_trials(study, experiment, [m for m in messages if m.kind == "trial"])
        for message in messages:
            if message.kind == outbox.SUMMARY:
                self._publish_arms(study, experiment)
                self._publish_summary(study, experiment)
            elif message.kind == outbox.FIGURES:
                self._publish_figures(study, experiment)
            else:
                continue
            self._finish([message.id])
            if message.payload != outbox.FIGURES_FOLLOW:
                self._experiments.pop(study_id, None)
            num_done += 1
        if checks:
            self._check(study, experiment)
            self._finish(checks)
        return num_done + len(checks)

    def _check(self, study: StudyRow, experiment: Experiment) -> None:
        """Mend what came late, or twice: delete second runs, send again what says another end."""
        runs = self._runs(study.id, experiment.id, experiment.runs)
        experiment.note(runs)
        with self._ledger.read() as tx:
            stale = out_of_date(runs, trials.ends(tx, study.id, tuple(STATUS)))
        if stale:
            log.warning("study %s: %d runs are sent again: they say another end", study.id, len(stale))
            with self._ledger.write() as tx:
                outbox.put_many(tx, "trial", study.id, [(trial_id, {}) for trial_id in stale])
        self._publish_arms(study, experiment)
        if study.published and not stale:
            self._experiments.pop(study.id, None)

    def _delete(self, study_id: str) -> None:
        """Take a deleted study's experiment away, if it has one."""
        self._experiments.pop(study_id, None)
        found = self._tracker.find_experiment(STUDY, study_id)
        if found is not None:
            self._tracker.delete_experiment(found)

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
        refused = any(isinstance(problem, TrackerRefused) for problem in problems.values())
        if lost and not self._tracker.healthy():
            raise next(p for p in problems.values() if isinstance(p, TrackerUnavailable))
        for trial_id, problem in problems.items():
            self._park([by_trial[trial_id]], problem)
        if lost or refused:
            # A run may have been made whose id never arrived, or all be gone: look before making it again.
            self._doubt(study.id)
        else:
            self._publish_arms(study, experiment, {row.arm_id for row in rows if row.arm_id})
        return len(sent)

    def _publish_arms(
        self, study: StudyRow, experiment: Experiment, some: Collection[str] | None = None
    ) -> None:
        """A run for every arm that has ended, or for those of some; one that has changed is made anew.

        What does not arrive here arrives with the summary.
        """
        batches = arms.batches(
            self._ledger, study, some, setting_names=experiment.setting_names, readings=experiment.readings
        )
        for runs in batches:
            self._send_arms(experiment, {run.trial_id: run for run in runs})

    def _send_arms(self, experiment: Experiment, runs: Mapping[str, MlflowRun]) -> None:
        about = {arms.arm_of(key) for key in runs}
        for key in [key for key in experiment.runs if arms.arm_of(key) in about and key not in runs]:
            self._tracker.delete_run(experiment.runs.pop(key))
        fresh = [run for key, run in runs.items() if key not in experiment.arms_sent]
        sent = self._threads.map(lambda run: self._send(experiment, run), fresh)
        for run, result in zip(fresh, sent, strict=True):
            if isinstance(result, Exception):
                raise result
            experiment.arms_sent.add(run.trial_id)

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
            self._put(experiment, run_id, run.artifacts)
            self._tracker.finish(run_id, run.status, run.end_ms)
            return run_id
        except (TrackerUnavailable, TrackerRefused) as error:
            return error

    def _put(self, experiment: Experiment, run_id: str, artifacts: Mapping[str, bytes]) -> None:
        for path, body in artifacts.items():
            self._tracker.put(experiment.id, run_id, path, body)

    def _set_aside(self, study: StudyRow, experiment: Experiment) -> None:
        """Mark the runs of all trials as superseded: new runs are made for them. The answer is open again."""
        runs = {key: run_id for key, run_id in experiment.runs.items() if key != study.id and "." not in key}
        for key, run_id in runs.items():
            if arms.arm_of(key) is not None:  # it is made of the others
                self._tracker.delete_run(run_id)
            else:
                self._tracker.tag_run(run_id, superseded_tags(key, study.generation))
            del experiment.runs[key]
        note = note_of(study, None, self._report_url(study.id))
        self._tracker.tag_experiment(experiment.id, {NOTE: note})
        with self._ledger.write() as tx:
            trials.forget_runs(tx, study.id)

    def _publish_summary(self, study: StudyRow, experiment: Experiment) -> None:
        summary = self._summary(study)
        end_ms = round((study.finished_at or study.created_at) * 1000)
        if study.id in experiment.runs:  # of a study that has gone on since
            self._tracker.tag_run(experiment.runs[study.id], {NOTE: summary.note})
        else:
            tags = {KIND: "summary", STUDY: study.id, TRIAL: study.id, NOTE: summary.note}
            start_ms = round(study.created_at * 1000)
            experiment.runs[study.id] = self._tracker.create_run(experiment.id, "summary", start_ms, tags)
        run_id = experiment.runs[study.id]
        self._put(experiment, run_id, summary.artifacts)
        self._tracker.finish(run_id, "FINISHED", end_ms)
        self._tracker.tag_experiment(experiment.id, {NOTE: summary.note})
        with self._ledger.write() as tx:
            outbox.check_later(tx, study.id)

    def _publish_figures(self, study: StudyRow, experiment: Experiment) -> None:
        """The files for paper, which are drawn when the summary is there."""
        run_id = experiment.runs.get(study.id)
        if run_id is None:  # it could not be sent, or was deleted
            return self._publish_summary(study, experiment)
        with self._ledger.read() as tx:
            files = figure_artifacts(builds.figure_bodies(tx, study.id))
        self._put(experiment, run_id, files)

    def _summary(self, study: StudyRow) -> StudySummary:
        with self._ledger.read() as tx:
            build = studies.build(tx, study.id)
            bodies = {format: builds.report(tx, study.id, format) for format in builds.formats(tx, study.id)}
            figures = builds.figure_bodies(tx, study.id)
        return summary_of(
            study,
            effects=build.effects if build else {"interim": True, "contrasts": [], "exploratory": []},
            reports={format: body for format, body in bodies.items() if body is not None},
            figures=figures,
            plan=self._plan_of(study),
            report_url=self._report_url(study.id),
        )

    def _plan_of(self, study: StudyRow) -> bytes | None:
        """The plan as JSON; none where all behind it would wait long for it, or it can be planned no more."""
        try:
            return self._plan(study)
        except (AblationError, TooMuchWork, WorkDied) as error:
            log.warning("study %s is published without its plan: %s", study.id, error)
            return None

    def _experiment(self, study: StudyRow, *, only_looked_at: bool = False) -> Experiment:
        """What is known of a study's experiment, made where there is none; its runs too, but for a look."""
        known = self._experiments.get(study.id)
        # The ledger forgets it when MLflow is to be told everything anew.
        if known is not None and known.id == study.experiment_id:
            return known
        manifest = self._manifests.manifest(study.spec["trainable"])
        readings = read_readings(parse_study(dict(study.spec)), manifest, Problems())
        found = self._tracker.find_experiment(STUDY, study.id)
        fresh = found is None
        if found is None:
            tags = tags_of(study, manifest, readings)
            tags[NOTE] = note_of(study, None, self._report_url(study.id))
            found = self._tracker.create_experiment(f"{study.name[:400]} ({study.id})", tags)
        experiment = Experiment(
            id=found,
            setting_names=tuple(setting.name for setting in manifest.settings),
            readings=readings,
        )
        goes_on = not fresh and not only_looked_at
        if goes_on:
            experiment.note(self._runs(study.id, found, {}))
        with self._ledger.write() as tx:
            if goes_on:
                # Somebody has sent something before, and who knows whether all of it has arrived.
                outbox.check_later(tx, study.id)
            studies.set_experiment(
                tx,
                study.id,
                found,
                views.link(found, views.ARMS if study.num_trials > views.LOADED else views.CURVES),
            )
        self._experiments[study.id] = experiment
        return experiment

    def _runs(self, study_id: str, experiment_id: str, known: Mapping[str, str]) -> dict[str, TrackedRun]:
        """The run of each trial, arm and study. What MLflow made late, or twice, goes."""
        found = self._tracker.tagged_runs(experiment_id, TRIAL)
        with self._ledger.read() as tx:
            noted = trials.noted_runs(tx, study_id)
        runs, extra = one_of_each(found, {**known, **noted})
        for key, run_id in extra:
            log.warning("study %s: a second run of %s is deleted", study_id, key)
            self._tracker.delete_run(run_id)
        return runs

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

    def _doubt(self, study_id: str) -> None:
        """Look anew before anything more is sent; whoever leads no more leaves that to the next drain."""
        if self._leads():
            self._experiments.pop(study_id, None)

    def _away(self, error: TrackerUnavailable) -> bool:
        """Whether MLflow is away altogether; then nothing is tried for a while, longer each time."""
        if self._tracker.healthy():
            return False
        log.warning("MLflow is away, trying again in %.0f s: %s", self._wait_s, error)
        self._not_before = self._clock() + self._wait_s
        self._wait_s = min(2 * self._wait_s, MAX_WAIT_S)
        return True

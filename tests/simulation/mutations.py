"""Planted bugs: small changes of the product's source, each of which some schedule must show.

A bug is the name of a function or of a statement, and what is written otherwise in it. It is planted by
compiling the changed source in its own module, and taken out again.
"""

# ruff: noqa: E501 (the product's lines as they stand there)

import ast
import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """One planted bug: `where` is module:function, module:Class.method or module:NAME."""

    name: str
    where: str
    changes: tuple[tuple[str, str], ...]

    def source(self) -> str:
        """The changed source. Raises: ValueError when the product is written otherwise by now."""
        module, _, found = self._find()
        text = _source_of_function(found) if inspect.isroutine(found) else self._assignment(module)
        for old, new in self.changes:
            if text.count(old) != 1:
                raise ValueError(f"{self.name}: {self.where} has {old!r} {text.count(old)} times")
            text = text.replace(old, new)
        return text

    @contextmanager
    def planted(self) -> Iterator[None]:
        """The product with the bug in it."""
        module, owner, found = self._find()
        space: dict[str, object] = {}
        exec(compile(self.source(), f"<{self.name}>", "exec"), sys.modules[module].__dict__, space)
        name = self.where.rpartition(":")[2].rpartition(".")[2]
        setattr(owner, name, space[name])
        try:
            yield
        finally:
            setattr(owner, name, found)

    def _assignment(self, module: str) -> str:
        text, name = inspect.getsource(sys.modules[module]), self.where.rpartition(":")[2]
        for node in ast.parse(text).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
                return ast.get_source_segment(text, node) or ""
        raise ValueError(f"{self.name}: {module} has no {name}")

    def _find(self) -> tuple[str, object, object]:
        module, _, path = self.where.partition(":")
        owner: object = import_module(module)
        *outer, name = path.split(".")
        for part in outer:
            owner = getattr(owner, part)
        return module, owner, vars(owner)[name]


def _source_of_function(found: object) -> str:
    """Without decorators, which have done their work already; a method stays as far in as it is."""
    text = inspect.getsource(found)  # type: ignore[arg-type]
    start = text.index("def ")
    return ("if True:\n" if text[:1] == " " else "") + text[text.rfind("\n", 0, start) + 1 :]


def _bug(name: str, where: str, *changes: tuple[str, str]) -> Mutation:
    return Mutation(name=name, where=where, changes=changes)


LEASING, ATTEMPTS, STEERING = "service.ledger.leasing", "service.ledger.attempts", "service.ledger.steering"
OUTBOX, ARRIVALS, STUDIES = "service.ledger.outbox", "service.ledger.arrivals", "service.ledger.studies"
COURIER, RECONCILER = "service.driver.courier:Courier", "service.worker.reconciler:Reconciler"
PUBLISHER, BUILDER = (
    "service.worker.mlflow.publisher:Publisher",
    "service.worker.reports.schedule:ReportBuilder",
)

MUTATIONS = (
    # Fences and compare-and-set.
    _bug(
        "results of any attempt are taken",
        f"{LEASING}:commit",
        ("    check_live(tx, study_id, attempt)\n", ""),
        ("        mine &= trials.c.attempt == attempt\n", ""),
        ("trials.c.state.in_(HELD_TRIALS), is_live(study_id, attempt))", "trials.c.state.in_(HELD_TRIALS))"),
    ),
    _bug(
        "an attempt that is over leases",
        f"{LEASING}:lease",
        ("    check_live(tx, study_id, attempt)\n", ""),
        (", is_live(study_id, attempt), running.exists())", ", running.exists())"),
    ),
    _bug(
        "trials of a paused study are leased",
        f"{LEASING}:lease",
        (", is_live(study_id, attempt), running.exists())", ", is_live(study_id, attempt))"),
    ),
    _bug(
        "an attempt that is over is revived by its heartbeat",
        f"{ATTEMPTS}:_RENEW",
        (", is_live(_STUDY, _NUMBER))", ")"),
    ),
    _bug(
        "an attempt ends more than once",
        f"{ATTEMPTS}:_end",
        ("        attempts.c.finished_at.is_(None),\n", ""),
    ),
    _bug(
        "a result that is sent again is written again",
        f"{LEASING}:commit",
        ("trials.c.state.in_(HELD_TRIALS)", "trials.c.state.in_((*HELD_TRIALS, 'done'))"),
    ),
    # Edges of the state machine.
    _bug(
        "what a lost attempt held is not planned again",
        f"{ATTEMPTS}:_end",
        ("    leasing.requeue(tx, study_id, number)\n", ""),
    ),
    _bug(
        "of a lost attempt only what had not begun is planned again",
        f"{LEASING}:requeue",
        ("trials.c.state.in_(HELD_TRIALS)", "trials.c.state == 'leased'"),
    ),
    _bug(
        "a lost attempt stays live",
        f"{ATTEMPTS}:_end",
        ("finished_at=db_now(), ", ""),
    ),
    _bug(
        "a cancelled study leaves its trials open",
        f"{STEERING}:cancel",
        ("trials.c.state.in_(OPEN_TRIALS)", "trials.c.state.in_(())"),
    ),
    _bug(
        "a paused study cannot be cancelled",
        f"{STEERING}:cancel",
        ("studies.c.state.in_(OPEN_STUDIES)", "studies.c.state.in_(('queued', 'running'))"),
    ),
    _bug(
        "a study that was cancelled while its report was built is done",
        f"{STUDIES}:complete",
        ("studies.c.state.in_(was), ", ""),
    ),
    _bug(
        "an interim report takes the place of the last one",
        f"{STUDIES}:save_interim",
        ("    if hold(tx, study_id) not in OPEN_STUDIES:\n        return False\n", ""),
        ("builds.c.interim.is_(False) | (builds.c.seq > seq)", "builds.c.seq > seq + 10**6"),
    ),
    _bug(
        "a trial that runs is told to begin at every heartbeat",
        f"{LEASING}:note_running",
        ('trials.c.state == "leased"', "trials.c.state.in_(('leased', 'running'))"),
    ),
    _bug(
        "a study that is retried keeps its summary",
        f"{STEERING}:retry",
        ("    outbox.forget_summary(tx, study_id)\n", ""),
    ),
    _bug(
        "a diverged result is reused as a good one",
        f"{LEASING}:_reuse",
        (
            '            & (source.c.state == "done")\n',
            "            & source.c.state.in_(('done', 'diverged'))\n",
        ),
    ),
    # Announcements.
    _bug(
        "results are not announced",
        f"{LEASING}:commit",
        ("    _announce(tx, study_id, fresh)\n", "    _tell(tx, study_id, fresh)\n"),
    ),
    _bug(
        "reused results are not announced",
        f"{LEASING}:set_settings",
        ('    outbox.put_many(tx, "trial", study_id, [(id, {}) for id in reused])\n', ""),
    ),
    _bug(
        "trials that are given up are not announced",
        f"{LEASING}:abandon",
        ("    _announce(tx, study_id, ids)\n", "    _tell(tx, study_id, ids)\n"),
    ),
    _bug(
        "an announcement that failed is never due again",
        f"{OUTBOX}:failed",
        ("next_at=db_now() + wait_s", "next_at=db_now() + 1e9"),
    ),
    # Keys and answers.
    _bug(
        "the answer to a key is not kept",
        "service.api.routes.studies:_accept",
        ("        keep(tx, row.id, shown)\n", ""),
    ),
    _bug(
        "an extension has no key",
        "service.api.routes.studies:extend",
        ("answer_once(context, project, key, ", "answer_once(context, project, None, "),
    ),
    _bug(
        "a retry has no key",
        "service.api.routes.studies:retry",
        ("answer_once(context, project, key, ", "answer_once(context, project, None, "),
    ),
    _bug(
        "a cancellation is answered before it is written",
        "service.api.routes.studies:_change",
        (
            "    with context.ledger.write() as tx:\n",
            "    with context.ledger.read() as tx:\n        shown = study_shown(tx, studies.get(tx, study_id, project), context.settings, base_url(request, context.settings))\n    import contextlib\n    with contextlib.suppress(Exception), context.ledger.write() as tx:\n",
        ),
        (
            "        return study\n",
            "    return shown\n",
        ),
    ),
    _bug(
        "results are forgotten before the service has them",
        f"{COURIER}._deliver_leases_and_outcomes",
        (
            "            self._commit(batch)\n            with self._lock:\n                del self._outcomes[: len(batch)]\n",
            "            with self._lock:\n                del self._outcomes[: len(batch)]\n            self._commit(batch)\n",
        ),
    ),
    _bug(
        "leases are forgotten before the service has them",
        f"{COURIER}._deliver_leases_and_outcomes",
        (
            "            granted = set(self._internal.lease(ids))\n            with self._lock:\n                del self._leases[: len(ids)]\n",
            "            with self._lock:\n                del self._leases[: len(ids)]\n            granted = set(self._internal.lease(ids))\n            with self._lock:\n",
        ),
    ),
    _bug(
        "a result overtakes its lease",
        f"{COURIER}._deliver_leases_and_outcomes",
        (
            "            leases, outcomes = list(self._leases), list(self._outcomes)\n",
            "            leases = list(self._leases)\n",
        ),
        (
            "        for batch in _batches(outcomes):\n",
            "        with self._lock:\n            outcomes = list(self._outcomes)\n        for batch in _batches(outcomes):\n",
        ),
    ),
    _bug(
        "an attempt ends before its results are delivered",
        "service.driver.dispenser:Dispenser.finish",
        ("delivered = self._courier.flush(timeout_s)", "delivered = True"),
    ),
    # Attempts and drivers.
    _bug(
        "a new attempt runs what has ended",
        "service.driver.feed:Feed.__init__",
        ("{row.id for row in rows if row.state not in ENDED}", "{row.id for row in rows}"),
    ),
    _bug(
        "a job that has ended is not noticed",
        f"{RECONCILER}._watch",
        ("            self._lose(attempt, _last_words(status))\n", "            return\n"),
    ),
    _bug(
        "a job that the cluster has forgotten is waited for",
        f"{RECONCILER}._check_unknown",
        ("attempt.silent_s >= UNKNOWN_S and", "attempt.silent_s < 0 and"),
    ),
    _bug(
        "a submission that did not arrive is not repeated",
        f"{RECONCILER}._watch",
        ("                self._submit(attempt)\n", "                return\n"),
    ),
    _bug(
        "a study that was given up keeps its trials",
        f"{RECONCILER}._give_up",
        (
            "            if attempts.live(tx, study.id) is None:\n",
            "            if attempts.live(tx, study.id) is not None:\n",
        ),
    ),
    _bug(
        "an ended study's attempt is not closed",
        f"{RECONCILER}._reconcile",
        (
            "            if attempt is not None:\n",
            "            if attempt is not None and attempt.heartbeat_at is None:\n",
        ),
    ),
    # Publication.
    _bug(
        "two workers lead at once",
        "service.ledger.fence:_TAKE",
        ('        (leases.c.holder == bindparam("taker")) | (leases.c.held_until <= db_now()),\n', ""),
    ),
    _bug(
        "a leader never doubts that it leads",
        "service.worker.leadership:Leadership.renew",
        (
            "self._until = asked_at + LEASE_S if taken else 0.0",
            "self._until = 1e12 if taken else self._until",
        ),
    ),
    _bug(
        "a run is made without a look whether it is there",
        f"{PUBLISHER}._experiment",
        ("            experiment.note(self._runs(study.id, found, {}))\n", "            pass\n"),
    ),
    _bug(
        "after a lost answer nobody looks whether the run was made",
        f"{PUBLISHER}._publish_trials",
        ("            self._doubt(study.id)\n", "            pass\n"),
    ),
    _bug(
        "what came late is never looked at",
        f"{PUBLISHER}._publish",
        ("            self._check(study, experiment)\n", "            pass\n"),
    ),
    _bug(
        "of a paused study arms that could not be sent are never sent",
        f"{PUBLISHER}._check",
        ("        self._publish_arms(study, experiment)\n", ""),
    ),
    _bug(
        "a run that says an old end is left so",
        f"{PUBLISHER}._check",
        ("        if stale:\n", "        if stale and False:\n"),
    ),
    _bug(
        "an announcement is done before MLflow has it",
        f"{PUBLISHER}._publish_trials",
        (
            "        by_trial = {message.key: message for message in messages}\n",
            "        by_trial = {message.key: message for message in messages}\n        self._finish([message.id for message in messages])\n",
        ),
    ),
    _bug(
        "a run of a trial that was retried keeps what it said",
        f"{PUBLISHER}._send",
        (
            '                self._tracker.tag_run(run_id, {REASON: "", **run.tags})\n',
            "                pass\n",
        ),
    ),
    # Arrivals.
    _bug(
        "a study is run before it has arrived",
        f"{STUDIES}:_ACTIVE",
        (", studies.c.arriving_until.is_(None))", ")"),
    ),
    _bug(
        "a study that stopped arriving stays",
        f"{ARRIVALS}:sweep",
        ("table.c.arriving_until <= db_now()", "table.c.arriving_until <= 0.0"),
    ),
)

FOUND_BY: dict[str, int] = {
    "a cancellation is answered before it is written": 0,
    "a cancelled study leaves its trials open": 2,
    "a job that has ended is not noticed": 0,
    "a job that the cluster has forgotten is waited for": 24,
    "a leader never doubts that it leads": 20,
    "a lost attempt stays live": 0,
    "a new attempt runs what has ended": 8,
    "a result that is sent again is written again": 33,
    "a trial that runs is told to begin at every heartbeat": 16,
    "an announcement is done before MLflow has it": 6,
    "an announcement that failed is never due again": 33,
    "an extension has no key": 237,
    "an attempt that is over is revived by its heartbeat": 28,
    "an ended study's attempt is not closed": 22,
    "results are not announced": 0,
    "of a paused study arms that could not be sent are never sent": 610,
    "reused results are not announced": 5,
    "the answer to a key is not kept": 1,
    "trials of a paused study are leased": 22,
    "two workers lead at once": 20,
    "a run that says an old end is left so": 398,
    "what came late is never looked at": 361,
}
"""The seed whose schedule has shown a bug. Of the bugs that are not here none is known yet."""

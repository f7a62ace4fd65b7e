"""When studies are judged, reported and drawn: now and then while they run, and for good at their end.

At the end the verdict comes first: it is stored with the study's last state, and its papers, which are the
report in all formats and the figures, follow.
"""

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial

from ablations.manifest import Manifest
from service.errors import LedgerUnavailable, StudyNotFound
from service.ledger import Ledger, builds, counts, outbox, resizing, studies
from service.ledger.builds import FigureFile
from service.ledger.studies import StudyRow
from service.worker.reports.build import Built
from service.worker.reports.failure import failed_build
from service.worker.reports.making import Maker
from service.workshop import WorkOverdue

logger = logging.getLogger(__name__)
FIRST_S = 10.0
"""The first interim build comes so long after the first result: a short study ends without one."""
INTERIM_S = 3.0
SHARE = 10.0
"""An interim build waits this many times as long as the last one took: at most a tenth of a core."""
MAX_TRIES = 3
"""A last report that cannot be built is given up after so many tries; its study ends all the same."""
RETRY_S = (2.0, 10.0)
AGAIN_S = 60.0
MAX_LAST, MAX_OTHER, MAX_PAPERS, MAX_CANCELLED = 6, 2, 2, 1
"""How many verdicts, other pieces of work, papers, and papers of cancelled studies are in hand at once."""


class _NotWritten(Exception):
    """A report could not be built and is to be tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unwritten:
    """An ended study whose papers may be written from a moment on."""

    due_at: float
    cancelled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Interim:
    seq: int
    due_at: float


class ReportBuilder:
    """Finds studies whose report is due and has it built: one by one, or by many hands side by side."""

    def __init__(
        self,
        ledger: Ledger,
        manifest: Callable[[str], Manifest],
        *,
        maker: Maker | None = None,
        hands: Executor | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._maker = maker or Maker(ledger, manifest)
        self._hands = hands
        self._last: set[str] = set()
        self._other: set[str] = set()
        self._papers: set[str] = set()
        self._papers_of_cancelled: set[str] = set()
        self._interims: dict[str, _Interim] = {}
        self._tries: dict[str, int] = {}
        self._broken: list[str] | None = None
        self._unwritten: dict[str, _Unwritten] | None = None

    def build_due(self) -> int:
        """Build what is due; how many reports were stored. One study's trouble does not stop the others."""
        busy = self._last | self._other
        with self._ledger.read() as tx:
            active, cancelled = studies.active(tx), studies.unbuilt(tx)
            ended = {study.id for study in active if not counts.num_open(tx, study.id)}
            paused = studies.paused_since_build(tx)
        running = [study for study in active if study.state in ("queued", "running")]
        running += paused
        for study_id in set(self._interims) - {study.id for study in running}:
            self._interims.pop(study_id, None)
        num_stored = self._have("broken", self._build_broken, self._other)
        for study in [*running, *cancelled]:
            if study.id in busy:
                continue
            final = study.state == "cancelled" or (study.id in ended and study.state != "paused")
            stored = self._have(
                study.id, partial(self._turn, study, final=final), self._last if final else self._other
            )
            num_stored += stored
            if stored and study.state == "cancelled":
                break  # the other cancelled ones come next time: nobody who runs is to wait for them
        # Nobody who waits for a verdict is to wait for papers.
        return num_stored or self._have_written()

    def close(self) -> None:
        """Begin nothing more; what is in hand is not waited for."""
        if self._hands is not None:
            self._hands.shutdown(wait=False, cancel_futures=True)

    def _have(self, name: str, work: Callable[[], int], in_hand: set[str]) -> int:
        """Do a piece of work now, or see that a thread does; how many reports it has stored by now."""
        if self._hands is None:
            return int(work())
        rooms = (
            (self._last, MAX_LAST),
            (self._papers, MAX_PAPERS),
            (self._papers_of_cancelled, MAX_CANCELLED),
        )
        room = next((room for known, room in rooms if known is in_hand), MAX_OTHER)
        if name not in in_hand and len(in_hand) < room:
            in_hand.add(name)
            self._hands.submit(self._do, name, work, in_hand)
        return 0

    def _do(self, name: str, work: Callable[[], int], in_hand: set[str]) -> None:
        try:
            work()
        except Exception:
            logger.exception("%s failed", name)
        finally:
            in_hand.discard(name)

    def _turn(self, study: StudyRow, *, final: bool) -> int:
        """One study's build, if it is due."""
        try:
            try:
                return int(self._complete(study) if final else self._update(study))
            except (LedgerUnavailable, StudyNotFound):
                raise
            except Exception as error:
                # Much code reads whatever trials left behind; the next study is not to blame.
                logger.exception("study %s: the report could not be built", study.id)
                return int(self._missed(study, error, final=final))
        except (LedgerUnavailable, StudyNotFound) as error:
            # It may have been deleted meanwhile. Or its end is stored, and the answer was lost: ask anew.
            logger.warning("study %s: %s", study.id, error)
            self._unwritten = None
            return 0

    def _missed(self, study: StudyRow, error: Exception, *, final: bool) -> bool:
        """A build failed: wait, or, after the last try, end the study without it and say so."""
        if not final:
            # Only something new could help.
            self._interims[study.id] = _Interim(seq=study.seq, due_at=self._clock() + AGAIN_S)
            return False
        if self._may_retry(study.id, error):
            due_at = self._clock() + RETRY_S[self._tries[study.id] - 1]
            self._interims[study.id] = _Interim(seq=-1, due_at=due_at)
            return False
        built = failed_build(study.name, error)
        with self._ledger.write() as tx:
            finished = counts.num_finished(tx, study.id)
            state = "cancelled" if study.state == "cancelled" else "done" if finished else "failed"
            return studies.complete(
                tx, study.id, state=state, effects=built.effects, reports=built.reports, error=built.error
            )

    def _may_retry(self, study_id: str, error: Exception) -> bool:
        """Count one more failure; whether it is to be tried again."""
        # What takes for ever would take for ever again.
        tries = MAX_TRIES if isinstance(error, WorkOverdue) else self._tries.get(study_id, 0) + 1
        self._tries[study_id] = tries
        return tries < MAX_TRIES

    def _build_broken(self) -> int:
        """Once in the life of a worker, build what an earlier one gave up: its code may have been mended."""
        if self._broken is None:
            with self._ledger.read() as tx:
                self._broken = builds.without_report(tx)
        num_stored = 0
        while self._broken:
            try:
                self._mend(self._broken[-1])
                num_stored += 1
            except LedgerUnavailable as error:
                # Asked again at the next turn, for this study and for those behind it.
                logger.warning("study %s: %s", self._broken[-1], error)
                return num_stored
            except Exception:
                logger.exception("study %s: the report still cannot be built", self._broken[-1])
            self._broken.pop()
        return num_stored

    def _mend(self, study_id: str) -> None:
        with self._ledger.read() as tx:
            study = studies.get(tx, study_id)
        built = self._maker.make(study, final=study.state != "cancelled")
        files = self._maker.draw(built.report)
        with self._ledger.write() as tx:
            builds.replace_report(tx, study_id, effects=built.effects, bodies=built.formats, files=files)

    def _complete(self, study: StudyRow) -> bool:
        """The verdict, stored together with the study's end."""
        if self._clock() < self._due_at(study.id):
            return False
        if study.state != "cancelled" and resizing.awaits(study.spec) and self._resize(study):
            return False
        judged = self._maker.judge(study)
        with self._ledger.write() as tx:
            stored = studies.complete(
                tx, study.id, state=judged.state, effects=judged.effects, error=judged.error
            )
        if stored:
            self._tries.pop(study.id, None)
            cancelled = judged.state == "cancelled"
            self._to_write()[study.id] = _Unwritten(due_at=self._clock(), cancelled=cancelled)
            logger.info("study %s is %s", study.id, judged.state)
        return stored

    def _resize(self, study: StudyRow) -> bool:
        """The pilot has ended: set the number of seeds; False where nothing of it came to an end."""
        growth = self._maker.grow(study)
        if growth is None:
            return False
        with self._ledger.write() as tx:
            if resizing.resize(tx, study.id, spec=growth.spec, more=growth.more):
                logger.info("study %s: its pilot asks for %d trials more", study.id, len(growth.more))
        return True

    def _to_write(self) -> dict[str, _Unwritten]:
        """Ended studies that wait for their papers."""
        if self._unwritten is None:
            with self._ledger.read() as tx:
                waiting = outbox.unwritten(tx)
            fresh = _Unwritten(due_at=self._clock(), cancelled=False)
            self._unwritten = dict.fromkeys(waiting, fresh)
        return self._unwritten

    def _have_written(self) -> int:
        """Begin with the papers that are due. Many cancelled studies hold up none that has a verdict."""
        num_stored = 0
        for study_id, waiting in list(self._to_write().items()):
            if waiting.due_at <= self._clock() and not num_stored:
                in_hand = self._papers_of_cancelled if waiting.cancelled else self._papers
                num_stored = self._have(study_id, partial(self._write_papers, study_id), in_hand)
        return num_stored

    def _write_papers(self, study_id: str) -> int:
        """One ended study's report and figures; its verdict stands, whatever becomes of them."""
        try:
            stored = self._write(study_id)
        except StudyNotFound as error:
            logger.warning("study %s: %s", study_id, error)
            stored = False
        except LedgerUnavailable as error:
            logger.warning("study %s: %s", study_id, error)
            return 0
        except _NotWritten:
            due_at = self._clock() + RETRY_S[self._tries[study_id] - 1]
            self._to_write()[study_id] = _Unwritten(due_at=due_at, cancelled=False)
            return 0
        self._tries.pop(study_id, None)
        self._to_write().pop(study_id, None)
        return int(stored)

    def _write(self, study_id: str) -> bool:
        """The report first: figures for paper take longer than all the rest of it.

        Raises: LedgerUnavailable, StudyNotFound; _NotWritten where it is to be tried again.
        """
        with self._ledger.read() as tx:
            study, last = studies.get(tx, study_id), studies.build(tx, study_id)
        if last is None or last.interim:
            return False  # it goes on
        try:
            built = self._maker.make(study, final=study.state != "cancelled")
        except (LedgerUnavailable, StudyNotFound):
            raise
        except Exception as error:
            logger.exception("study %s: the report could not be built", study_id)
            if self._may_retry(study_id, error):
                raise _NotWritten from error
            failed = failed_build(study.name, error)
            with self._ledger.write() as tx:
                builds.add_reports(tx, study_id, seq=last.seq, bodies=failed.reports, error=failed.error)
                return builds.add_figures(tx, study_id, seq=last.seq, files=())
        with self._ledger.write() as tx:
            builds.add_reports(tx, study_id, seq=last.seq, bodies=built.formats)
        figures = self._drawn(study_id, built)
        with self._ledger.write() as tx:
            return builds.add_figures(tx, study_id, seq=last.seq, files=figures)

    def _drawn(self, study_id: str, built: Built) -> Sequence[FigureFile]:
        try:
            return self._maker.draw(built.report)
        except (LedgerUnavailable, StudyNotFound):
            raise
        except Exception:
            # The report stands; MLflow must not wait for ever.
            logger.exception("study %s: its figures could not be drawn", study_id)
            return ()

    def _update(self, study: StudyRow) -> bool:
        """A build in between, if something has happened and the last one is old enough."""
        last = self._interims.get(study.id)
        started = self._clock()
        if last is None and study.state != "paused":
            with self._ledger.read() as tx:
                begun = any(counts.num_ended_by(tx, study.id).values())
            if begun:
                self._interims[study.id] = _Interim(seq=0, due_at=started + FIRST_S)
            return False
        if last is not None and (last.seq >= study.seq or started < last.due_at):
            return False
        built = self._maker.make(study, final=False)
        with self._ledger.write() as tx:
            stored = studies.save_interim(
                tx, study.id, seq=study.seq, effects=built.effects, reports=built.formats
            )
        took = self._clock() - started
        self._interims[study.id] = _Interim(
            seq=study.seq, due_at=self._clock() + max(INTERIM_S, SHARE * took)
        )
        return stored

    def _due_at(self, study_id: str) -> float:
        last = self._interims.get(study_id)
        return last.due_at if last is not None and last.seq < 0 else 0.0

"""When studies are built and drawn: now and then while they run, and for good at their end."""

import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from ablations.manifest import Manifest
from ablations.report.document.document import Report
from service.errors import LedgerUnavailable
from service.ledger import Ledger, counts, outbox, studies
from service.ledger.studies import StudyRow
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
MAX_LAST, MAX_OTHER = 6, 2
"""How many last builds, and how many other pieces of work, are in hand at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Interim:
    seq: int
    due_at: float


class ReportBuilder:
    """Finds studies whose report is due and has it built: one after another, or with a maker side by side."""

    def __init__(
        self,
        ledger: Ledger,
        manifest: Callable[[str], Manifest],
        *,
        maker: Maker | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._maker = maker or Maker(ledger, manifest)
        self._hands = ThreadPoolExecutor(MAX_LAST + MAX_OTHER, "reports") if maker is not None else None
        self._last: set[str] = set()
        self._other: set[str] = set()
        self._interims: dict[str, _Interim] = {}
        self._tries: dict[str, int] = {}
        self._broken: list[str] | None = None
        self._undrawn: dict[str, Report | None] | None = None

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
        # Nobody who waits for a verdict is to wait for figures.
        return num_stored or self._have("figures", self._draw_next, self._other)

    def close(self) -> None:
        """Begin nothing more; what is in hand is not waited for."""
        if self._hands is not None:
            self._hands.shutdown(wait=False, cancel_futures=True)

    def _have(self, name: str, work: Callable[[], int], in_hand: set[str]) -> int:
        """Do a piece of work now, or see that a thread does; how many reports it has stored by now."""
        if self._hands is None:
            return int(work())
        room = MAX_LAST if in_hand is self._last else MAX_OTHER
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
            return int(self._complete(study) if final else self._update(study))
        except LedgerUnavailable as error:
            logger.warning("study %s: %s", study.id, error)
            return 0
        except Exception as error:
            # Much code reads whatever trials left behind; the next study is not to blame.
            logger.exception("study %s: the report could not be built", study.id)
            return int(self._missed(study, error, final=final))

    def _missed(self, study: StudyRow, error: Exception, *, final: bool) -> bool:
        """A build failed: wait, or, after the last try, end the study without it and say so."""
        if not final:
            # Only something new could help.
            self._interims[study.id] = _Interim(seq=study.seq, due_at=self._clock() + AGAIN_S)
            return False
        # What takes for ever would take for ever again.
        tries = MAX_TRIES if isinstance(error, WorkOverdue) else self._tries.get(study.id, 0) + 1
        self._tries[study.id] = tries
        if tries < MAX_TRIES:
            self._interims[study.id] = _Interim(seq=-1, due_at=self._clock() + RETRY_S[tries - 1])
            return False
        built = failed_build(study.name, error)
        with self._ledger.write() as tx:
            finished = counts.num_finished(tx, study.id)
            state = "cancelled" if study.state == "cancelled" else "done" if finished else "failed"
            return studies.complete(
                tx, study.id, state=state, effects=built.effects, reports=built.reports, error=built.error
            )

    def _build_broken(self) -> int:
        """Once in the life of a worker, build what an earlier one gave up: its code may have been mended."""
        if self._broken is None:
            with self._ledger.read() as tx:
                self._broken = studies.without_report(tx)
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
        built = self._maker.make(study, final=study.state != "cancelled").built
        files = self._maker.draw(built.report)
        with self._ledger.write() as tx:
            studies.replace_report(tx, study_id, effects=built.effects, reports=built.formats, figures=files)

    def _complete(self, study: StudyRow) -> bool:
        """The last build, stored together with the study's end."""
        if self._clock() < self._due_at(study.id):
            return False
        made = self._maker.make(study, final=study.state != "cancelled")
        with self._ledger.write() as tx:
            stored = studies.complete(
                tx,
                study.id,
                state=made.state,
                effects=made.built.effects,
                reports=made.built.formats,
                figures_follow=made.measured,
                error=made.error,
            )
        if stored and made.measured:
            self._to_draw()[study.id] = made.built.report
        if stored:
            logger.info("study %s is %s", study.id, made.state)
        return stored

    def _to_draw(self) -> dict[str, Report | None]:
        """Studies that wait for their figures, with the report if this worker has built it."""
        if self._undrawn is None:
            with self._ledger.read() as tx:
                self._undrawn = dict.fromkeys(outbox.without_summary(tx))
        return self._undrawn

    def _draw_next(self) -> int:
        """Draw one study's figures for paper; they take longer than all the rest of a report."""
        waiting = self._to_draw()
        if not waiting:
            return 0
        study_id, report = next(iter(waiting.items()))
        try:
            if report is None:
                with self._ledger.read() as tx:
                    study = studies.get(tx, study_id)
                report = self._maker.make(study, final=study.state != "cancelled").built.report
            files = self._maker.draw(report)
        except LedgerUnavailable:
            raise
        except Exception:
            # The report stands; MLflow must not wait for ever.
            logger.exception("study %s: its figures could not be drawn", study_id)
            files = ()
        with self._ledger.write() as tx:
            stored = studies.add_figures(tx, study_id, files)
        # Only now: a ledger that was away is asked again.
        del waiting[study_id]
        return int(stored)

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
        built = self._maker.make(study, final=False).built
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

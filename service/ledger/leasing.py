"""Trials on their way: planned, leased to an attempt, and ended exactly once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any, TypeVar

from sqlalchemy import bindparam, literal, select, update

from ablations.results.values import find_metric, split_step
from service.ledger import environments, events, outbox
from service.ledger.database import Tx
from service.ledger.fence import check_live, hold, is_live
from service.ledger.tables import ENDED_TRIALS, HELD_TRIALS, OPEN_TRIALS, db_now, studies, trials
from service.protocol import COPIED, KEPT, Resolved, Running, TrialToRun
from trainables.training.lease import Outcome

Json = Any
T = TypeVar("T")
_CHUNK = 500
_WORK = tuple(field.name for field in fields(TrialToRun))
_TOLD = ("arm", "seed", "phase", "state", "attempts", "reason")
_TO_TELL = select(trials.c.id, *(trials.c[name] for name in _TOLD), trials.c.reused_from).where(
    trials.c.id.in_(bindparam("ids", expanding=True))
)


def work(tx: Tx, study_id: str) -> list[TrialToRun]:
    """Everything a driver needs of a study's trials, ended ones included, as planned."""
    query = select(*(trials.c[name] for name in _WORK)).where(trials.c.study_id == study_id)
    return [TrialToRun(**row) for row in tx.execute(query.order_by(trials.c.position)).mappings()]


def set_settings(tx: Tx, study_id: str, attempt: int, resolved: Sequence[Resolved]) -> list[str]:
    """Set resolved settings and fingerprints of planned trials; ids of those found done already.

    A done trial of the same project and phase is reused: its results are copied. Not so in a study that
    runs anew: what it would find is what it was to run again, or a copy of that.

    Raises: StaleAttempt.
    """
    hold(tx, study_id)
    check_live(tx, study_id, attempt)
    if resolved:
        ids = environments.keep(tx, [entry.environment for entry in resolved])
        tx.execute(
            update(trials)
            .where(trials.c.id == bindparam("trial"), trials.c.study_id == study_id)
            .where(trials.c.state == "planned", is_live(study_id, attempt))
            .values(
                settings=bindparam("resolved"),
                fingerprint=bindparam("print"),
                environment_id=bindparam("environment"),
            ),
            [
                {
                    "trial": entry.id,
                    "resolved": dict(entry.settings),
                    "print": entry.fingerprint,
                    "environment": id,
                }
                for entry, id in zip(resolved, ids, strict=True)
            ],
        )
    anew = tx.execute(select(studies.c.generation).where(studies.c.id == study_id)).scalar_one() > 0
    reused: list[str] = []
    for chunk in () if anew else _chunks(resolved):
        reused += _reuse(tx, study_id, attempt, chunk)
    outbox.put_many(tx, "trial", study_id, [(id, {}) for id in reused])
    _tell(tx, study_id, reused)
    return reused


def lease(tx: Tx, study_id: str, attempt: int, ids: Sequence[str]) -> list[str]:
    """Lease planned trials to a live attempt of a running study; ids of those it now holds, in order.

    A trial that the attempt holds already is given again and not counted again, so a lost answer
    can be asked for once more.

    Raises: StaleAttempt.
    """
    # Drawn again after a slot's death while the service was away, a trial is asked for twice at once.
    ids = list(dict.fromkeys(ids))
    hold(tx, study_id)
    check_live(tx, study_id, attempt)
    running = select(studies.c.id).where(studies.c.id == study_id, studies.c.state.in_(("queued", "running")))
    fresh: set[str] = set()
    held: set[str] = set()
    for chunk in _chunks(ids):
        mine = (trials.c.study_id == study_id) & trials.c.id.in_(chunk)
        held.update(
            tx.execute(
                select(trials.c.id).where(mine, trials.c.state.in_(HELD_TRIALS), trials.c.attempt == attempt)
            ).scalars()
        )
        fresh.update(
            tx.execute(
                update(trials)
                .where(mine, trials.c.state == "planned", is_live(study_id, attempt), running.exists())
                .values(state="leased", attempt=attempt, attempts=trials.c.attempts + 1, leased_at=db_now())
                .returning(trials.c.id)
            ).scalars()
        )
    _tell(tx, study_id, [id for id in ids if id in fresh])
    return [id for id in ids if id in fresh or id in held]


def note_running(tx: Tx, study_id: str, attempt: int, running: Sequence[Running]) -> None:
    """Note how far held trials are."""
    begun: list[str] = []
    for entry in running:
        mine = (trials.c.id == entry.id) & (trials.c.study_id == study_id)
        held = mine & (trials.c.attempt == attempt) & is_live(study_id, attempt)
        first = tx.execute(update(trials).where(held, trials.c.state == "leased").values(state="running"))
        begun += [entry.id] * first.rowcount
        tx.execute(
            update(trials)
            .where(held, trials.c.state == "running")
            .values(step=entry.step, metrics=entry.metrics)
        )
    _tell(tx, study_id, begun)


def commit(tx: Tx, study_id: str, attempt: int, outcomes: Sequence[Outcome]) -> list[str]:
    """End held trials with their outcomes, each once; ids of those that are committed.

    Repeating one that this attempt has committed changes nothing and counts as committed; a trial that
    ended otherwise (the study was cancelled) keeps its end.

    Raises: StaleAttempt.
    """
    hold(tx, study_id)
    check_live(tx, study_id, attempt)
    fresh: list[str] = []
    repeated: set[str] = set()
    for outcome in outcomes:
        if outcome.state not in ENDED_TRIALS:
            raise ValueError(f"a trial cannot end {outcome.state!r}, only {', '.join(ENDED_TRIALS)}")
        mine = (trials.c.id == outcome.trial_id) & (trials.c.study_id == study_id)
        mine &= trials.c.attempt == attempt
        ended = tx.execute(
            update(trials)
            .where(mine, trials.c.state.in_(HELD_TRIALS), is_live(study_id, attempt))
            .values(
                state=outcome.state,
                finished_at=db_now(),
                step=None,
                **{name: getattr(outcome, name) for name in KEPT},
            )
        )
        if ended.rowcount:
            fresh.append(outcome.trial_id)
        elif tx.execute(select(trials.c.id).where(mine, trials.c.state == outcome.state)).first():
            repeated.add(outcome.trial_id)
    _announce(tx, study_id, fresh)
    accepted = repeated.union(fresh)
    return [outcome.trial_id for outcome in outcomes if outcome.trial_id in accepted]


def requeue(tx: Tx, study_id: str, attempt: int) -> list[str]:
    """Plan again what an attempt held and did not end; their ids."""
    ids = list(
        tx.execute(
            update(trials)
            .where(
                trials.c.study_id == study_id,
                trials.c.attempt == attempt,
                trials.c.state.in_(HELD_TRIALS),
            )
            .values(state="planned", attempt=None, step=None, metrics=None)
            .returning(trials.c.id)
        ).scalars()
    )
    _tell(tx, study_id, ids)
    return ids


def abandon(tx: Tx, study_id: str, reason: str) -> list[str]:
    """Fail every trial that has not ended, with the reason, when no more attempts will be made; their ids."""
    hold(tx, study_id)
    ids = list(
        tx.execute(
            update(trials)
            .where(trials.c.study_id == study_id, trials.c.state.in_(OPEN_TRIALS))
            .values(state="failed", reason=reason, finished_at=db_now(), step=None, metrics=None)
            .returning(trials.c.id)
        ).scalars()
    )
    _announce(tx, study_id, ids)
    return ids


def retry(tx: Tx, study_id: str) -> int:
    """Plan failed trials again, tuning trials only while no measuring trial has a result; how many."""
    measured = select(trials.c.id).where(
        trials.c.study_id == study_id, trials.c.phase == "measuring", trials.c.state.in_(("done", "diverged"))
    )
    phases = ("measuring",) if tx.execute(measured.limit(1)).first() else ("measuring", "tuning")
    empty = dict.fromkeys((*KEPT, "attempt", "step", "finished_at"))
    ids = list(
        tx.execute(
            update(trials)
            .where(trials.c.study_id == study_id, trials.c.state == "failed", trials.c.phase.in_(phases))
            .values(state="planned", **empty)
            .returning(trials.c.id)
        ).scalars()
    )
    _tell(tx, study_id, ids)
    return len(ids)


def _reuse(tx: Tx, study_id: str, attempt: int, resolved: Sequence[Resolved]) -> list[str]:
    """Copy results of done trials with the same fingerprint, project and phase."""
    needed = {entry.id: set(entry.metrics) for entry in resolved}
    source = trials.alias("source")
    # What is read at a step may stand in the curve only. Curves are wide: none is read without need.
    at_steps = any(split_step(name)[1] is not None for names in needed.values() for name in names)
    courses = (source.c.curve if at_steps else literal(None).label("curve"),)
    candidates = tx.execute(
        select(trials.c.id, source.c.id.label("source_id"), source.c.metrics, *courses)
        .join(
            source,
            (source.c.fingerprint == trials.c.fingerprint)
            & (source.c.project == trials.c.project)
            & (source.c.phase == trials.c.phase)
            & (source.c.state == "done")
            & (source.c.id != trials.c.id),
        )
        .where(trials.c.study_id == study_id, trials.c.id.in_(needed), trials.c.state == "planned")
        .order_by(trials.c.position, source.c.finished_at, source.c.id)
    )
    sources: dict[str, str] = {}
    for id, source_id, metrics, curve in candidates:
        if id not in sources and _has_all(needed[id], metrics or {}, curve or {}):
            sources.setdefault(id, source_id)
    if sources:
        tx.execute(
            update(trials)
            .where(trials.c.id == bindparam("trial"), source.c.id == bindparam("source"))
            .where(source.c.fingerprint == trials.c.fingerprint)
            .where(trials.c.state == "planned", is_live(study_id, attempt))
            .values(
                state="done",
                reused_from=source.c.id,
                attempt=attempt,
                finished_at=db_now(),
                **{name: source.c[name] for name in COPIED},
            ),
            [{"trial": id, "source": source_id} for id, source_id in sources.items()],
        )
    return list(sources)


def _has_all(names: Iterable[str], metrics: Mapping[str, Json], curve: Mapping[str, Json]) -> bool:
    """Whether a trial has these metrics, a missing value being as good as it had it."""
    return all(name in metrics or find_metric(name, metrics, curve) is not None for name in names)


def _announce(tx: Tx, study_id: str, ids: Sequence[str]) -> None:
    """Put ended trials into the outbox and tell their end."""
    outbox.put_many(tx, "trial", study_id, [(id, {}) for id in ids])
    _tell(tx, study_id, ids)


def _tell(tx: Tx, study_id: str, ids: Sequence[str]) -> None:
    """One event for each trial, with the state it has now."""
    entries: dict[str, dict[str, Json]] = {}
    for chunk in _chunks(ids):
        for row in tx.execute(_TO_TELL, {"ids": chunk}).mappings():
            told = {name: row[name] for name in _TOLD}
            entries[row["id"]] = {"trial": row["id"], **told, "reused": row["reused_from"] is not None}
    if ids:
        events.append_many(tx, study_id, [("trial", entries[id]) for id in ids])


def _chunks(items: Sequence[T]) -> Iterable[Sequence[T]]:
    return (items[start : start + _CHUNK] for start in range(0, len(items), _CHUNK))

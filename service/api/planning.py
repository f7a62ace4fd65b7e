"""Studies are read and planned in a process of its own: what takes too much harms the one who asks for it."""

import json
import pickle
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, ParamSpec, TypeVar

from ablations.errors import Json, Problem
from service.api.submission import Submission, check_files, read_question, read_study, recall_study
from service.errors import TooMuchWork
from service.ledger import Ledger, history, open_ledger
from service.sizes import with_sizes
from service.workshop import WorkOverdue, Workshop
from trainables.catalogue import Catalogue

NUM_BENCHES, SPARE_BENCHES, MAX_WAITING = 4, 2, 8
"""Processes that read studies at once, those kept for small ones, and how many requests may wait for one."""
SMALL_BY_S, LARGE_BY_S = 10.0, 40.0
SMALL_TRIALS, MANY = 20_000, 10**12
MEMORY_BYTES = 2 << 30
P = ParamSpec("P")
T = TypeVar("T")


@lru_cache(maxsize=1)
def shared_workshop() -> Workshop:
    """The workshop of this process."""
    return Workshop(
        NUM_BENCHES,
        spare=SPARE_BENCHES,
        max_waiting=MAX_WAITING,
        memory_bytes=MEMORY_BYTES,
        prepare=load,
    )


class Planner:
    """Reads and plans studies elsewhere, each by a deadline.

    Raises, from every call: TooMuchWork for a study that takes too long or too much memory, WorkshopFull,
    WorkDied.
    """

    def __init__(
        self,
        catalogues: Callable[[], Catalogue],
        database_url: str,
        workshop: Workshop,
        *,
        by_s: tuple[float, float] = (SMALL_BY_S, LARGE_BY_S),
    ) -> None:
        self._catalogues = catalogues
        self._database_url = database_url
        self._workshop = workshop
        self._by_s = by_s
        self._packed: tuple[Catalogue, bytes] | None = None

    def begin(self) -> None:
        """Start a process for it now, so that the first study needs not wait for that."""
        self._workshop.do(SMALL_BY_S, True, load)

    def question(self, data: Json) -> Submission:
        """A study, checked as far as it can be without running it. Raises: InvalidStudy too."""
        return self._have(data, _read, self._pack(), data)

    def plan(self, data: Json, project: str, *, before: str | None = None) -> bytes:
        """The plan of a study as JSON, with what the project's studies have measured.

        Of a study that was accepted with what those `before` it had; its data may be gone by now.

        Raises: InvalidStudy, LedgerUnavailable too.
        """
        return self._have(data, _plan, self._pack(), self._database_url, data, project, before)

    def _pack(self) -> bytes:
        """What can be named in a study now, as this process sees it, for one that may see other plugins."""
        known, catalogue = self._packed, self._catalogues()
        if known is None or known[0] is not catalogue:
            known = self._packed = (catalogue, pickle.dumps(catalogue))
        return known[1]

    def _have(self, data: Json, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        small = _num_trials(data) <= SMALL_TRIALS
        by_s = self._by_s[0 if small else 1]
        try:
            return self._workshop.do(by_s, small, work, *args, **kwargs)
        except (WorkOverdue, MemoryError) as error:
            what = f"{by_s:g} s" if isinstance(error, WorkOverdue) else "the memory there is for it"
            problems = [Problem(path=path, detail=detail) for path, detail in _sizes(data).items()]
            asked = ", ".join(f"{problem.path}: {problem.detail}" for problem in problems)
            raise TooMuchWork(
                f"planning this study took more than {what} ({asked}); ask for less at once", problems
            ) from None


def load() -> None:
    """Load what plans need before anybody waits for one: scipy, which the API does without."""
    import ablations.plan.plan  # noqa: F401


def _read(packed: bytes, data: Json) -> Submission:
    return read_question(data, _unpacked(packed))


def _plan(packed: bytes, database_url: str, data: Json, project: str, before: str | None) -> bytes:
    from ablations.plan.plan import make_plan

    catalogue = _unpacked(packed)
    study, manifest = (read_study if before is None else recall_study)(data, catalogue)
    with _ledger(database_url).read() as tx:
        known = history.known(tx, project, study.trainable, before=before)
    made = make_plan(study, manifest, rates=known.timed, earlier=known.earlier)
    if before is None:
        check_files(made.design, catalogue)
    return json.dumps(with_sizes(made.to_json(), made.design), allow_nan=False).encode()


@lru_cache(maxsize=1)
def _unpacked(packed: bytes) -> Catalogue:
    found: Catalogue = pickle.loads(packed)
    return found


@lru_cache(maxsize=1)
def _ledger(url: str) -> Ledger:
    return open_ledger(url)


def _num_trials(data: Json) -> int:
    """About how many trials a study asks for, whatever it is: to be quick with what is small."""
    if not isinstance(data, dict):
        return 0
    counts = [*_levels(data).values(), _count(data.get("seeds"))]
    tuning = data.get("tuning")
    if isinstance(tuning, dict):
        counts += [_count(tuning.get(name)) for name in ("candidates", "seeds", "repeats")]
    return _product(counts)


def _levels(data: Mapping[str, Json]) -> dict[str, int]:
    factors = data.get("factors")
    return {name: _count(levels) for name, levels in factors.items()} if isinstance(factors, dict) else {}


def _count(value: Any) -> int:
    if isinstance(value, list | dict):
        return len(value)
    return min(value, MANY) if isinstance(value, int) else 1


def _product(counts: Iterable[int]) -> int:
    """Of what is asked for at least once, as far as anybody counts."""
    product = 1
    for count in counts:
        product = min(product * max(count, 1), MANY)
    return product


def _sizes(data: Json) -> dict[str, str]:
    """What makes a study large, in words, by the field that says so."""
    if not isinstance(data, dict):
        return {}
    levels, analysis = _levels(data), data.get("analysis")
    contrasts = analysis.get("contrasts") if isinstance(analysis, dict) else None
    num = _product(levels.values())
    combinations = f"{num} combinations" if num < MANY else "more combinations than anybody counts"
    found = {
        "factors": f"{len(levels)} with {combinations}" if levels else "",
        "seeds": f"{_count(data.get('seeds', 10))}",
        "exclude": f"{_count(data['exclude'])} rules" if "exclude" in data else "",
        "require": f"{_count(data['require'])} rules" if "require" in data else "",
        "metrics": f"{_count(data['metrics'])}" if "metrics" in data else "",
        "analysis.contrasts": f"{_count(contrasts)}" if contrasts else "",
    }
    return {path: detail for path, detail in found.items() if detail}

"""What was known before a question was asked: results of earlier studies that a study uses again."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ablations.contrasts.contrast import Contrast, Contrasts, mark_post_hoc
from ablations.contrasts.rows import ContrastRow

Trial = tuple[str, int]
"""An arm and a seed."""
Key = tuple[object, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """A study from which results are used again: what it asked, when, of which seeds.

    `arms` gives the ids that arms of the later study had there, where they differ. Times are in seconds;
    `ended_at` is None unless it came to its verdicts, `over_at` until it has ended in whatever way.
    """

    asked_at: float
    ended_at: float | None
    over_at: float | None
    contrasts: Contrasts
    seeds: frozenset[int]
    arms: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Precedent:
    """When a study was asked, and which of its results were known by then and since when."""

    asked_at: float
    known: Mapping[Trial, float]
    earlier: tuple[Earlier, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hindsight:
    """The contrasts, those asked in hindsight marked, whether seeds were added to a verdict, or it is early.

    A verdict is `early` on results of a study that asked the same and whose pilot was to set its seeds.
    """

    contrasts: Contrasts
    extended: bool
    early: bool


def in_hindsight(asked: Contrasts, precedent: Precedent, seeds: Sequence[int]) -> Hindsight:
    """Mark what was asked after its results were known, and tell whether seeds were added after a verdict.

    A contrast is post hoc if one of its rows could be computed from results that were known before anybody
    asked for it: this study, or an earlier one. A study is extended if an earlier one came to its verdict on
    a row, and this one judges that row again on these seeds and more. Looks count if they were declared then.
    It is early if an earlier one asked for a row, sets its number of seeds by a pilot, and had not ended: the
    verdict is that study's, once.
    """
    declared = [(study, _declared(study)) for study in precedent.earlier]
    late: set[int] = set()
    extending: list[Earlier] = []
    early = False
    for place, contrast in enumerate(asked.contrasts):
        for row in contrast.rows:
            since = _known_since(row, precedent.known, seeds)
            if since is None:
                continue
            askers = [study for study, rows in declared if _asks(study, rows, contrast, row)]
            if not any(study.asked_at < since for study in askers):
                late.add(place)
            extending += [study for study in askers if _extends(study, precedent, seeds)]
            early = early or any(_forestalled(study, precedent, asked) for study in askers)
    before = tuple(c for place, c in enumerate(asked.contrasts) if place not in late)
    marked = mark_post_hoc(asked, replace(asked, contrasts=before))
    if any(study.contrasts.looks != asked.looks for study in extending):
        marked = replace(marked, looks=())
    return Hindsight(contrasts=marked, extended=bool(extending), early=early)


def _known_since(row: ContrastRow, known: Mapping[Trial, float], seeds: Iterable[int]) -> float | None:
    """Since when the row can be computed, on one seed at least; None if it could not be before."""
    whole = [
        max(known[arm, seed] for arm in row.weights)
        for seed in seeds
        if all((arm, seed) in known for arm in row.weights)
    ]
    return min(whole, default=None)


def _extends(study: Earlier, precedent: Precedent, seeds: Sequence[int]) -> bool:
    judged = study.ended_at is not None and study.ended_at <= precedent.asked_at
    return judged and not study.seeds.issuperset(seeds)


def _forestalled(study: Earlier, precedent: Precedent, asked: Contrasts) -> bool:
    """Whether the verdict of a study whose pilot sets its seeds was to come, by another rule than ours."""
    theirs, ours = study.contrasts.resize, asked.resize
    if theirs is None or (ours is not None and replace(ours, found=None) == replace(theirs, found=None)):
        return False
    return study.over_at is None or study.over_at > precedent.asked_at


def _declared(study: Earlier) -> dict[Key, bool]:
    """Every row a study asked for, and whether it was to get a verdict."""
    rows: dict[Key, bool] = {}
    for contrast in study.contrasts.contrasts:
        for row in contrast.rows:
            key = _key(contrast, row, {})
            rows[key] = rows.get(key, False) or contrast.primary
    return rows


def _asks(study: Earlier, rows: Mapping[Key, bool], contrast: Contrast, row: ContrastRow) -> bool:
    """Whether the study asked for this row, judged by the same rule; for a verdict, if one is asked now."""
    judged = rows.get(_key(contrast, row, study.arms))
    return judged is not None and judged >= contrast.primary


def _key(contrast: Contrast, row: ContrastRow, arms: Mapping[str, str]) -> Key:
    rule = (contrast.metric, contrast.kind, contrast.goal, contrast.shape)
    judged_by = (contrast.test, contrast.random, contrast.correction, contrast.alpha, contrast.margin)
    return (*rule, *judged_by, frozenset((arms.get(arm, arm), w) for arm, w in row.weights.items()))

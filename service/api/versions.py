"""What has changed since a study's results were measured, as far as this process can see it."""

from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from ablations.errors import Json, Problem
from ablations.results.environments import CODE, DATA, Environment, part_name, short
from service.api.context import Context
from service.errors import StudyChanged
from service.ledger import Tx, environments, trials
from service.ledger.environments import WITH_RESULTS
from service.ledger.studies import StudyRow
from trainables.catalogue import NAMED_BY, Catalogue
from trainables.digests import code_digest, forget_digests
from trainables.errors import TrainableError

HINT = (
    "`anyway` goes on with it, and comparisons that mix versions get no verdict;"
    " `afresh` runs everything anew"
)
TORCH = "torch"
Part = tuple[str, str, str]


def refuse(study: StudyRow, problems: Sequence[Problem], hint: str = HINT) -> None:
    """Ask first where something has changed.

    Raises: StudyChanged, saying what.
    """
    if problems:
        what = "; ".join(f"{problem.path}: {problem.detail}" for problem in problems)
        raise StudyChanged(f"since results of study {study.id} were measured, {what}. {hint}", problems)


def changes(
    tx: Tx,
    context: Context,
    study: StudyRow,
    states: Sequence[str],
    *,
    since: Sequence[str] = WITH_RESULTS,
) -> list[Problem]:
    """The parts that trials in these states would have otherwise than trials in the states `since` had."""
    before = _versions(environments.list_distinct(tx, study.id, since))
    wanted = trials.settings_of(tx, study.id, states) if before else []
    if not wanted:
        return []
    parts = [part for part in before if _needed(part, [*wanted, *_searched(study.spec)])]
    now = current_versions(context, parts)
    return [
        Problem(path=part_name(part), detail=f"was {short(before[part])}, {_told(now[part])}")
        for part in parts
        if part in now and now[part] != before[part]
    ]


def current_versions(context: Context, parts: Iterable[str]) -> dict[str, str | None]:
    """The version that each of these parts has now; None for one that is not here.

    Left out is what cannot have changed, such as packaged data, and what only workers know of.
    """
    forget_digests()
    catalogue, found = context.catalogue, dict[str, str | None]()
    for part in parts:
        sort, kind, name = _split(part)
        if sort == CODE:
            found[part] = _code(catalogue, kind, name)
        elif sort == DATA:
            found |= _data(catalogue, context, part, name)
        elif part == TORCH:
            found |= _torch()
    return found


def _split(part: str) -> Part:
    """Sort, kind and name of a part: `code`, `activation`, `swish`; data and libraries are of no kind."""
    sort, _, rest = part.partition(":")
    kind, _, name = rest.partition(":") if sort == CODE else ("", "", rest)
    return sort, kind, name


def _needed(part: str, wanted: Sequence[Mapping[str, Json]]) -> bool:
    """Whether some trial with these settings has this part."""
    sort, kind, name = _split(part)
    if sort == DATA or kind == "dataset":
        # Plugins' trainables name data by any setting.
        return any(name in settings.values() for settings in wanted)
    if kind in NAMED_BY:
        return any(settings.get(NAMED_BY[kind]) == name for settings in wanted)
    if kind == "measure":
        return any(settings.get(name) is True for settings in wanted)
    return True


def _searched(spec: Mapping[str, Any]) -> list[dict[str, Json]]:
    """The settings that a study's search can choose, each by itself: planned trials do not have them yet."""
    tuning = spec.get("tuning") or {}
    lists = {name: values for name, values in tuning.get("space", {}).items() if isinstance(values, list)}
    chosen = [{name: value} for name, values in lists.items() for value in values]
    return [*chosen, *tuning.get("start", []), tuning.get("fixed", {})]


def _versions(before: Iterable[Environment]) -> dict[str, str]:
    """The latest version of every part. Of torch the public one: this process may have another build."""
    found = {part: version for environment in before for part, version in environment.parts.items()}
    if TORCH in found:
        found[TORCH] = found[TORCH].partition("+")[0]
    return found


def _told(version: str | None) -> str:
    return "is not here now" if version is None else f"is {short(version)} now"


def _code(catalogue: Catalogue, kind: str, name: str) -> str | None:
    if kind == "trainable":
        manifest = catalogue.trainables.get(name)
        code = manifest.code if manifest is not None else ""
    else:
        part = catalogue.component(kind, name)
        code = (part.code or part.text_code) if part is not None else ""
    try:
        return code_digest(code) if code else None
    except TrainableError:
        return None


def _data(catalogue: Catalogue, context: Context, whole: str, name: str) -> dict[str, str | None]:
    """The fingerprint of a user's own file, images or text; packaged data cannot change."""
    part = catalogue.component("dataset", name) or catalogue.component("corpus", name)
    if part is None:
        return {whole: None}
    if part.file is None:
        return {}
    # Here and not above: it loads what reads data.
    from trainables.data.fingerprints import data_fingerprint

    try:
        found = data_fingerprint(
            name,
            context.settings.datasets_dir,
            corpus=catalogue.is_corpus(name),
            code=catalogue.code("dataset", name),
        )
    except TrainableError:
        return {whole: "unreadable"}
    return {whole: found}


def _torch() -> dict[str, str | None]:
    try:
        return {TORCH: version(TORCH).partition("+")[0]}
    except PackageNotFoundError:
        return {}

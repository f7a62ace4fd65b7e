"""What has changed since a study's results were measured, as far as this process can see it."""

from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from ablations.errors import Problem
from ablations.results.environments import DATA, Environment, code_part, part_name, short
from service.api.context import Context
from service.errors import StudyChanged
from service.ledger import Tx, environments, trials
from service.ledger.studies import StudyRow
from trainables.catalogue import NAMED_BY, Catalogue
from trainables.digests import code_digest, forget_digests
from trainables.errors import TrainableError

HINT = (
    "`anyway` goes on with it, and comparisons that mix versions get no verdict;"
    " `afresh` runs everything anew"
)


def ask_first(tx: Tx, context: Context, study: StudyRow, states: Sequence[str], hint: str = HINT) -> None:
    """Refuse to add trials of these states to results that were measured with something else.

    Raises: StudyChanged, saying what changed.
    """
    problems = changes(tx, context, study, states)
    if problems:
        what = "; ".join(f"{problem.path}: {problem.detail}" for problem in problems)
        raise StudyChanged(f"since results of study {study.id} were measured, {what}. {hint}", problems)


def changes(tx: Tx, context: Context, study: StudyRow, states: Sequence[str]) -> list[Problem]:
    """The parts that trials in these states would have otherwise than the results there are."""
    before = environments.behind_results(tx, study.id)
    if not before:
        return []
    wanted = trials.settings_of(tx, study.id, states)
    now = current_parts(context, study.spec["trainable"], wanted)
    return [
        Problem(path=part_name(part), detail=f"was {short(old)}, is {short(now[part])} now")
        for part, old in _versions(before).items()
        if part in now and old != now[part]
    ]


def current_parts(context: Context, trainable: str, settings: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The code, the users' own data and the library that trials with these settings would run with now."""
    forget_digests()
    catalogue, found = context.catalogue, dict[str, str]()
    if trainable not in catalogue.trainables:
        return {}
    names = [*NAMED_BY.values(), *catalogue.measures]
    alike = {tuple(str(one.get(name)) for name in names): one for one in settings}
    for one in alike.values():
        for role, code in catalogue.code_behind(trainable, one).items():
            try:
                found[code_part(role, trainable)] = code_digest(code)
            except TrainableError:
                continue  # what is gone fails its trials, with words of its own
        found |= _data(catalogue, context, one.get(NAMED_BY["dataset"]))
    return found | _library()


def _versions(before: Iterable[Environment]) -> dict[str, str]:
    """The latest version of every part. Of torch the public one: this process may have another build."""
    found = {part: version for environment in before for part, version in environment.parts.items()}
    if "torch" in found:
        found["torch"] = found["torch"].partition("+")[0]
    return found


def _data(catalogue: Catalogue, context: Context, name: Any) -> dict[str, str]:
    """The fingerprint of a user's own file; of packaged data it cannot change."""
    part = catalogue.component("dataset", name) if isinstance(name, str) else None
    if part is None or part.file is None:
        return {}
    # Here and not above: it loads what reads data.
    from trainables.data.fingerprints import data_fingerprint

    try:
        found = data_fingerprint(
            part.name,
            context.settings.datasets_dir,
            corpus=catalogue.is_corpus(part.name),
            code=catalogue.code("dataset", part.name),
        )
    except TrainableError:
        return {}
    return {f"{DATA}:{name}": found}


def _library() -> dict[str, str]:
    try:
        return {"torch": version("torch").partition("+")[0]}
    except PackageNotFoundError:
        return {}

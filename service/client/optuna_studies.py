"""Searches as studies of Optuna: for optuna-dashboard, for Optuna's own plots, and to go on with Optuna."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from ablations.errors import Json
from service.driver.samplers import distribution

STATES = {"scored": TrialState.COMPLETE, "failed": TrialState.FAIL}


def write_searches(
    searches: Sequence[Mapping[str, Any]], storage: str, *, study_id: str, name: str
) -> dict[str, int]:
    """Each search as a study of its own in this storage; the names of these and how many trials each has.

    `searches` are as the service shows them. What is not scored yet is left out.

    Raises: DuplicatedStudyError when the storage has one of them already; nothing is written then.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    named = {_name_of(search, name): search for search in searches}
    opened = optuna.storages.get_storage(storage)
    known = {study.study_name for study in optuna.get_all_study_summaries(opened)}
    if taken := sorted(known & named.keys()):
        raise optuna.exceptions.DuplicatedStudyError(taken[0])
    told: dict[str, int] = {}
    for title, search in named.items():
        study = optuna.create_study(storage=opened, study_name=title, direction=search["goal"])
        study.set_user_attr("ablate.study", study_id)
        for key in ("levels", "repeat", "metric"):
            study.set_user_attr(f"ablate.{key}", search[key])
        space = distributions(search)
        ended = [each for each in search["candidates"] if each["state"] in STATES]
        for candidate in ended:
            study.add_trial(_trial(candidate, space))
        told[title] = len(ended)
    return told


def distributions(search: Mapping[str, Any]) -> dict[str, BaseDistribution]:
    """The space in Optuna's terms, wide enough for points that were given beforehand."""
    space: dict[str, BaseDistribution] = {}
    for name, domain in search["space"].items():
        tried = [each["settings"][name] for each in search["candidates"] if name in each["settings"]]
        if domain["kind"] == "choice":
            choices = [*domain["choices"], *(value for value in tried if value not in domain["choices"])]
            wide = {"choices": [_scalar(value) for value in choices]}
        else:
            wide = {"low": min([domain["low"], *tried]), "high": max([domain["high"], *tried])}
        space[name] = distribution({**domain, **wide})
    return space


def _name_of(search: Mapping[str, Any], name: str) -> str:
    levels = " ".join(f"{key}={value}" for key, value in search["levels"].items())
    repeat = "" if search["repeat"] is None else f"repeat {search['repeat']}"
    return ", ".join(filter(None, [name, levels, repeat]))


def _trial(candidate: Mapping[str, Any], space: Mapping[str, BaseDistribution]) -> FrozenTrial:
    params = {key: _scalar(value) for key, value in candidate["settings"].items()}
    return create_trial(
        state=STATES[candidate["state"]],
        value=candidate["score"],
        params=params,
        distributions={key: space[key] for key in params},
        intermediate_values={int(step): value for step, value in candidate["curve"]},
        user_attrs={"ablate.candidate": candidate["number"], "ablate.trials": candidate["trials"]},
    )


def _scalar(value: Json) -> Any:
    """What Optuna takes as a choice: lists and mappings as JSON."""
    return json.dumps(value, sort_keys=True) if isinstance(value, list | dict) else value

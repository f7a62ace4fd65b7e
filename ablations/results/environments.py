"""Environments: the code, data, numerics and hardware that trials ran with, and where they differ."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ablations.errors import Json
from ablations.identity import digest

SHORT = 12
CODE, DATA = "code", "data"
OTHER_NAMES: Mapping[str, str] = {
    "torch": "the version of torch",
    "numerics": "the numerics",
    "threads": "the number of threads",
    "hardware": "the hardware class",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """What a trial's result depends on beside its settings and seed.

    `parts` decide whether two trials may be compared: `code:trainable:NAME`, `code:activation:NAME`,
    `data:NAME` and the like, each with its digest, then torch, numerics, threads and hardware. `commits`
    tell where a part's code stood in its repository, and decide nothing.
    """

    parts: Mapping[str, str]
    commits: Mapping[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The same for the same content."""
        return digest(self.to_json())

    def to_json(self) -> dict[str, Json]:
        """The environment as it is kept."""
        return {"parts": dict(self.parts), "commits": dict(self.commits)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any] | None) -> "Environment | None":
        """The environment that was kept, if one was."""
        return None if data is None else cls(parts=data["parts"], commits=data.get("commits") or {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where one value comes from: a trial, and its environment if that is known."""

    arm_id: str
    seed: int
    phase: Literal["tuning", "measuring"]
    environment: Environment | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A part of which these trials have several versions, in the order of the trials."""

    part: str
    versions: Mapping[str, tuple[Origin, ...]]

    def __str__(self) -> str:
        """In words: mlp-classifier's code changed between seeds 0-1 and 2-7."""
        labels = [self.whose(version) for version in self.versions]
        if all(label.startswith("seeds ") for label in labels):
            labels[1:] = [label.removeprefix("seeds ") for label in labels[1:]]
        return f"{part_name(self.part)} changed between {', '.join(labels[:-1])} and {labels[-1]}"

    def whose(self, version: str) -> str:
        """The trials that ran with a version: `seeds 0-1`, or how many where seeds do not tell them apart."""
        measured = [trial.seed for trial in self.versions[version] if trial.phase == "measuring"]
        num_searching = len(self.versions[version]) - len(measured)
        others = {
            trial.seed
            for other, trials in self.versions.items()
            if other != version
            for trial in trials
            if trial.phase == "measuring"
        }
        found = []
        if measured:
            seeds = f"seeds {ranges(measured)}"
            apart = others.isdisjoint(measured)
            found.append(seeds if apart else f"{_counted(len(measured), 'trial')} of {seeds}")
        if num_searching:
            found.append(f"{_counted(num_searching, 'trial')} of the search")
        return " with ".join(found)

    def commit(self, version: str) -> str | None:
        """The commit of a version's code, where it was in a repository."""
        known = (trial.environment for trial in self.versions[version])
        return next((e.commits[self.part] for e in known if e is not None and self.part in e.commits), None)


def differences(trials: Iterable[Origin]) -> tuple[Difference, ...]:
    """The parts that are not the same in all trials that have them; what is unknown differs from nothing."""
    versions: dict[str, dict[str, list[Origin]]] = defaultdict(lambda: defaultdict(list))
    for trial in trials:
        for part, version in trial.environment.parts.items() if trial.environment else ():
            versions[part][version].append(trial)
    return tuple(
        Difference(part=part, versions={version: tuple(whose) for version, whose in found.items()})
        for part, found in versions.items()
        if len(found) > 1
    )


def distinct(trials: Iterable[Origin]) -> list[Origin]:
    """Each trial once: one of a search stands behind several arms."""
    return list({id(trial): trial for trial in trials}.values())


def num_unknown(trials: Iterable[Origin]) -> int:
    """How many of these trials have an environment that nobody kept."""
    return sum(trial.environment is None for trial in trials)


def code_part(role: str, trainable: str) -> str:
    """The name of a piece of code: of the trainable, or of the part that plays this role.

    >>> code_part("activation:swish", "mlp-classifier")
    'code:activation:swish'
    """
    return f"{CODE}:trainable:{trainable}" if role == "trainable" else f"{CODE}:{role}"


def part_name(part: str) -> str:
    """A part in words.

    >>> part_name("code:trainable:mlp-classifier")
    "mlp-classifier's code"
    """
    sort, _, rest = part.partition(":")
    if sort == CODE:
        kind, _, name = rest.partition(":")
        return f"{name}'s code" if kind == "trainable" else f"{kind} {name}'s code"
    return f"dataset {rest}" if sort == DATA else OTHER_NAMES.get(part, part)


def short(version: str) -> str:
    """A digest as it is shown; other versions as they are."""
    hexadecimal = len(version) == 64 and set(version) <= set("0123456789abcdef")
    return version[:SHORT] if hexadecimal else version


def ranges(seeds: Sequence[int]) -> str:
    """Seeds in short.

    >>> ranges([0, 1, 2, 5, 7, 8])
    '0-2, 5, 7-8'
    """
    runs: list[list[int]] = []
    for seed in sorted(set(seeds)):
        if runs and seed == runs[-1][-1] + 1:
            runs[-1].append(seed)
        else:
            runs.append([seed])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"

"""What can go wrong when a question is asked, and why.

AblationError
  Unparsable                    the bytes are no JSON, or no YAML     -> 400
    NotJson, NotYaml
  InvalidStudy                  the question cannot be asked          -> 422
    UnknownFactor, DuplicateArm, NotEstimable, TooFewSeeds
    NotSupported                a good question, not answered yet
"""

import difflib
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeGuard, Union

Json = Union[str, int, float, bool, None, list["Json"], dict[str, "Json"]]  # noqa: UP007  (recursive alias)

MAX_PROBLEMS = 200


class AblationError(Exception):
    """Anything this package refuses to do."""


class Unparsable(AblationError):
    """The text is not in the format it claims to be in."""


class NotJson(Unparsable):
    """The text is not JSON."""


class NotYaml(Unparsable):
    """The text is not YAML 1.2."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong with a study: where, what, and what would be allowed there."""

    path: str
    detail: str
    allowed: Json = None

    def to_json(self) -> dict[str, Json]:
        """The problem as it stands in an answer to a client, with what may have been meant."""
        return {"path": self.path, "detail": self._told(), "allowed": self.allowed}

    def _told(self) -> str:
        """The detail; where a word is wrong that is close to one that is allowed, it is asked for."""
        allowed = [word for word in self.allowed if isinstance(word, str)] if _is_list(self.allowed) else []
        quoted = re.findall(r"'([^']{1,200})'", self.detail)
        wrong = quoted[0] if quoted else self.path.rpartition(".")[2]
        meant = None if wrong in allowed else close_word(wrong, allowed)
        return self.detail if meant is None else f"{self.detail}; did you mean {meant!r}?"

    def __str__(self) -> str:
        text = f"{self.path}: {self._told()}" if self.path else self._told()
        return text if self.allowed is None else f"{text} (allowed: {self.allowed})"


def _is_list(allowed: Json) -> TypeGuard[list[Json]]:
    return isinstance(allowed, list)


def close_word(wrong: str, words: Iterable[str]) -> str | None:
    """The word that was probably meant: one spelt alike, or one of its initials.

    >>> close_word("widht", ["depth", "width"]), close_word("learning_rate", ["lr"]), close_word("x", ["lr"])
    ('width', 'lr', None)
    """
    known = {word.lower(): word for word in words}
    initials = "".join(part[:1] for part in re.split(r"[_ -]+", wrong.lower()))
    if len(initials) > 1 and initials in known:
        return known[initials]
    close = difflib.get_close_matches(wrong.lower(), known, n=1, cutoff=0.7)
    return known[close[0]] if close else None


class InvalidStudy(AblationError):
    """The question cannot be asked; `problems` says everything that is wrong with it."""

    def __init__(self, problems: str | Problem | Iterable[Problem]) -> None:
        if isinstance(problems, str):
            problems = Problem(path="", detail=problems)
        if isinstance(problems, Problem):
            problems = (problems,)
        found = tuple(problems)
        if len(found) > MAX_PROBLEMS:
            rest = Problem(path="", detail=f"and {len(found) - MAX_PROBLEMS} more problems")
            found = (*found[:MAX_PROBLEMS], rest)
        self.problems: tuple[Problem, ...] = found
        super().__init__("; ".join(str(problem) for problem in self.problems))

    def __reduce__(self) -> tuple[type["InvalidStudy"], tuple[tuple[Problem, ...]]]:
        return type(self), (self.problems,)


class UnknownFactor(InvalidStudy):
    """A name that is neither a factor nor a setting."""


class DuplicateArm(InvalidStudy):
    """Two arms that are the same training."""


class NotEstimable(InvalidStudy):
    """A contrast that no arms can answer."""


class TooFewSeeds(InvalidStudy):
    """Fewer seeds than the computation needs."""


class NotSupported(InvalidStudy):
    """A study that is well formed and asks for something that is not built yet."""


@dataclass(slots=True)
class Problems:
    """Collects everything that is wrong, so that it is all reported at once."""

    found: list[tuple[type[InvalidStudy], Problem]] = field(default_factory=list)

    def add(
        self, path: str, detail: str, allowed: Json = None, kind: type[InvalidStudy] = InvalidStudy
    ) -> None:
        """Note one problem."""
        self.found.append((kind, Problem(path=path, detail=detail, allowed=allowed)))

    def unsupported(self, path: str, what: str) -> None:
        """Note something that is not built yet."""
        self.add(path, f"not supported yet: {what}", kind=NotSupported)

    def note(self, error: InvalidStudy) -> None:
        """Note everything that an error says."""
        self.found.extend((type(error), problem) for problem in error.problems)

    @contextmanager
    def noting(self) -> Iterator[None]:
        """Note what an InvalidStudy raised inside says, and go on behind the block."""
        try:
            yield
        except InvalidStudy as error:
            self.note(error)

    def raise_if_any(self) -> None:
        """Raise everything noted so far; of the one class where all problems share it.

        Raises: InvalidStudy or the subclass that fits every problem.
        """
        if not self.found:
            return
        self._leave_out_what_follows()
        kinds = {kind for kind, _ in self.found}
        kind = kinds.pop() if len(kinds) == 1 else InvalidStudy
        different = {(problem.path, problem.detail): problem for _, problem in self.found}
        raise kind(different.values())

    def _leave_out_what_follows(self) -> None:
        """Where a level is wrong, its factor's baseline cannot be right: one mistake is told once."""
        steps = [problem.path.split(".") for _, problem in self.found]
        follow = {f"baseline.{path[1]}" for path in steps if path[0] == "factors" and len(path) > 2}
        self.found = [(kind, problem) for kind, problem in self.found if problem.path not in follow]

    def __bool__(self) -> bool:
        return bool(self.found)

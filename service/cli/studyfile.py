"""A study file as the user keeps it: YAML 1.2 or JSON, with `--set a.b=value` laid over it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from ablations.errors import InvalidStudy
from service.cli.errors import BadInput

File = Annotated[Path, typer.Argument(help="Study file, YAML or JSON; - reads stdin.", allow_dash=True)]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PATH=VALUE", help="Override a field, e.g. --set fixed.epochs=2."),
]


@dataclass(frozen=True, slots=True)
class StudyFile:
    """A file as it is written, and what is laid over it."""

    path: Path
    text: str
    overrides: tuple[str, ...]

    @contextmanager
    def placed(self) -> Iterator[dict[str, Any]]:
        """The study; refusals of it, here or by the service, are told with line and column.

        Raises: BadInput.
        """
        try:
            yield self.study()
        except InvalidStudy as error:
            raise self._told([problem.to_json() for problem in error.problems]) from None
        except BadInput as error:
            if not error.problems:
                raise
            raise self._told(error.problems) from None

    def study(self) -> dict[str, Any]:
        """The study with the overrides applied.

        Raises: BadInput for what is no study at all; InvalidStudy or NotJson for what does not parse.
        """
        from ablations.study.documents import loads_json, loads_yaml

        study = loads_json(self.text) if self.path.suffix == ".json" else loads_yaml(self.text)
        if not isinstance(study, dict):
            raise BadInput(f"{self.path} holds no mapping of fields")
        for override in self.overrides:
            dotted, equals, value = override.partition("=")
            if not equals or not all(dotted.split(".")):
                raise BadInput(f"--set {override}: write PATH=VALUE, e.g. --set fixed.epochs=2")
            _assign(study, dotted.split("."), loads_yaml(value), override)
        return study

    def _told(self, problems: Sequence[Mapping[str, Any]]) -> BadInput:
        from ablations.study.documents import places
        from service.connection import one_problem

        found = places(self.text)
        lines = [f"{self._place(str(problem['path']), found)}{one_problem(problem)}" for problem in problems]
        return BadInput("\n".join(lines), problems)

    def _place(self, path: str, found: Mapping[str, tuple[int, int]]) -> str:
        """Where in the file the field is, or what it should stand in; nothing for what was laid over it."""
        if any(path.startswith(override.partition("=")[0]) for override in self.overrides):
            return ""
        from ablations.study.documents import place_of

        name = "stdin" if str(self.path) == "-" else self.path
        place = place_of(path, found)
        return "" if place is None else f"{name}:{place[0]}:{place[1]}: "


def open_study(path: Path, overrides: Sequence[str] | None = None) -> StudyFile:
    """Read the file.

    Raises: BadInput where it cannot be read.
    """
    try:
        text = typer.get_text_stream("stdin").read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"cannot read {path}: {error}") from None
    return StudyFile(path, text, tuple(overrides or ()))


def _assign(node: Any, keys: Sequence[str], value: Any, override: str) -> None:
    for depth, key in enumerate(keys):
        last = depth == len(keys) - 1
        if isinstance(node, list):
            if not key.isdecimal() or int(key) >= len(node):
                raise BadInput(f"--set {override}: {key} is no place in a list of {len(node)}")
            place: Any = int(key)
        elif isinstance(node, dict):
            place = key
            if not last and node.get(key) is None:
                node[key] = {}
        else:
            raise BadInput(f"--set {override}: {'.'.join(keys[:depth])} is a value, not a mapping")
        if last:
            node[place] = value
        else:
            node = node[place]

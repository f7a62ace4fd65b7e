"""A study file as the user keeps it: YAML 1.2 or JSON, with `--set a.b=value` laid over it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from service.cli.errors import BadInput

File = Annotated[Path, typer.Argument(help="Study file, YAML or JSON; - reads stdin.", allow_dash=True)]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PATH=VALUE", help="Override a field, e.g. --set fixed.epochs=2."),
]


def read_study(path: Path, overrides: Sequence[str] | None = None) -> dict[str, Any]:
    """The study in this file with the overrides applied.

    Raises: BadInput for a missing file; InvalidStudy or NotJson for what does not parse.
    """
    from ablations.study.documents import loads_json, loads_yaml

    try:
        text = typer.get_text_stream("stdin").read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"cannot read {path}: {error}") from None
    study = loads_json(text) if path.suffix == ".json" else loads_yaml(text)
    if not isinstance(study, dict):
        raise BadInput(f"{path} holds no mapping of fields")
    for override in overrides or ():
        dotted, equals, value = override.partition("=")
        if not equals or not all(dotted.split(".")):
            raise BadInput(f"--set {override}: write PATH=VALUE, e.g. --set fixed.epochs=2")
        _assign(study, dotted.split("."), loads_yaml(value), override)
    return dict(study)


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

"""The sentences in the source of modules that speak, found by reading their source."""

import ast
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[4]
MARKUP = re.compile(r"\[/?(?:bold|dim|yellow)?\]")
Place = ast.Constant | ast.JoinedStr


@dataclass(frozen=True, slots=True)
class Template:
    """A piece of text in the source: what is fixed of it, with None for what is filled in."""

    place: str
    parts: tuple[str | None, ...]

    @property
    def text(self) -> str:
        """As it is read."""
        return "".join("{}" if part is None else part for part in self.parts)

    @property
    def pattern(self) -> re.Pattern[str]:
        """What it looks like once it is filled in."""
        fixed = [".*?" if part is None else re.escape(MARKUP.sub("", part)) for part in self.parts]
        return re.compile("".join(fixed).removeprefix(".*?").removesuffix(".*?"), re.IGNORECASE)

    @property
    def is_sentence(self) -> bool:
        """Whether it is two words or more."""
        return bool(re.search(r"[A-Za-z]{2,}[^A-Za-z]* [^A-Za-z]*[A-Za-z]{2,}", self.text))


def templates(path: str, functions: Collection[str] = ()) -> Iterator[Template]:
    """Every sentence in a file or in some functions of it.

    Docstrings, annotations, comparisons and what is raised are not said.
    """
    tree = ast.parse((ROOT / path).read_text())
    if functions:
        tree.body = [
            part for part in tree.body if isinstance(part, ast.FunctionDef) and part.name in functions
        ]
    silent = {id(node) for part in _silent(tree) for node in ast.walk(part)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant | ast.JoinedStr) and id(node) not in silent:
            parts = _parts(node)
            found = Template(f"{path.rpartition('/')[2]}:{node.lineno}", parts)
            if found.is_sentence:
                yield found


def _silent(tree: ast.Module) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        match node:
            case ast.Expr(value=ast.Constant()) | ast.Raise():
                yield node
            case ast.arg(annotation=ast.AST() as annotation) | ast.AnnAssign(annotation=annotation):
                yield annotation
            case ast.FunctionDef(returns=ast.AST() as returns):
                yield returns
            case ast.JoinedStr():
                yield from (value for value in node.values if isinstance(value, ast.Constant))
            case ast.Compare():
                yield from (value for value in [node.left, *node.comparators] if not _formats(value))
            case ast.Subscript(value=ast.Name(id="Literal")):
                yield node
            case _:
                pass


def _formats(node: ast.AST) -> bool:
    return any(isinstance(each, ast.JoinedStr) for each in ast.walk(node))


def _parts(node: Place) -> tuple[str | None, ...]:
    if isinstance(node, ast.Constant):
        return (node.value,) if isinstance(node.value, str) else ()
    return tuple(str(value.value) if isinstance(value, ast.Constant) else None for value in node.values)

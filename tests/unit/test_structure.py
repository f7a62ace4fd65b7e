"""The house keeps its order: one class a name, small functions and files, and a map of it that is true."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("ablations", "trainables", "service")
MAX_FUNCTION, MAX_FILE = 60, 400
MAX_FILES = 20

# One name, two classes: why that misleads nobody.
NAMESAKES = {
    "Report": "what a study ends in; and what a training tells in the middle of its lease",
}
# One table or one list of settings, which a split would only scatter; or a split that is due, and where.
LONG_FUNCTIONS = {
    "trainables/manifests/images.py:image_settings": "one list of settings",
    "trainables/manifests/language.py:language_settings": "one list of settings",
    "service/ledger/migrations/versions/0001_first.py:upgrade": "the first schema, table by table",
}
LONG_FILES = {
    "trainables/activations/fused/formulas.py": "one table of formulas, and the pieces that they share",
    "trainables/activations/fused/kernels/dynact_kernels.cpp": "one translation unit, every loop inlined",
    "trainables/activations/fused/kernels/dynact_ops.cpp": "one table of operators with their registration",
    "tests/unit/ablations/report/said.py": "one table of conditions and the sentences that they bring",
}


@cache
def parsed() -> dict[str, ast.Module]:
    """Every Python file of the packages by its path."""
    files = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    return {str(path.relative_to(ROOT)): ast.parse(path.read_text()) for path in files}


def test_one_class_has_one_name() -> None:
    places = defaultdict(list)
    for path, tree in parsed().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(path)
    assert len(places) > 100
    twice = {name: where for name, where in places.items() if len(where) > 1}
    assert set(twice) == set(NAMESAKES), f"name one of each pair after what it is: {twice}"


def functions(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Name and lines of body of every function, its docstring apart."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body if ast.get_docstring(node) is None else node.body[1:]
            last = node.end_lineno or node.lineno
            yield node.name, last - body[0].lineno + 1 if body else 0


def test_no_function_is_longer_than_a_screen() -> None:
    lengths = {f"{path}:{name}": n for path, tree in parsed().items() for name, n in functions(tree)}
    assert len(lengths) > 1000
    long = {name: n for name, n in lengths.items() if n > MAX_FUNCTION}
    assert set(long) == set(LONG_FUNCTIONS), long


def test_no_file_is_longer_than_it_can_be_read_at_once() -> None:
    files = [path for folder in (*PACKAGES, "tests") for path in (ROOT / folder).rglob("*")]
    code = [path for path in files if path.suffix in (".py", ".cpp", ".h")]
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in code}
    long = {path: n for path, n in lengths.items() if n > MAX_FILE}
    assert set(long) == set(LONG_FILES), long


def named_paths() -> list[str]:
    """Every path that the map names, relative to the root of the checkout."""
    text = (ROOT / "docs" / "structure.md").read_text()
    roots = "|".join((*PACKAGES, "tests", "docs", "docker"))
    return sorted(set(re.findall(rf"\b(?:{roots})(?:/[\w.-]*\w)+", text)))


@pytest.mark.parametrize("path", named_paths())
def test_every_path_on_the_map_exists(path: str) -> None:
    assert (ROOT / path).exists()


def test_the_map_shows_ten_changes_and_every_room() -> None:
    text = (ROOT / "docs" / "structure.md").read_text()
    assert text.count("\n| a ") == 10
    rooms = [path.parent for package in PACKAGES for path in (ROOT / package).glob("*/__init__.py")]
    assert not [str(room.relative_to(ROOT)) for room in rooms if not re.search(rf"\b{room.name}\b", text)]


def test_no_folder_holds_more_than_can_be_taken_in() -> None:
    held = defaultdict(list)
    for path in parsed():
        if not path.endswith("__init__.py"):
            held[str(Path(path).parent)].append(Path(path).name)
    assert len(held) > 20
    assert {folder: len(names) for folder, names in held.items() if len(names) > MAX_FILES} == {}

"""Functions are called by what they return or do: never by a preposition alone."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PREPOSITIONS = {
    "above", "after", "against", "apart", "around", "at", "before", "below", "beside", "between", "beyond",
    "by", "for", "from", "in", "into", "near", "of", "on", "over", "than", "to", "under", "until", "with",
    "within", "without",
}  # fmt: skip
LEADING = {"against", "of", "on", "than"}
"""What cannot begin a name either: `_of_rate` and `_on_holes` say neither what comes nor what is done."""
ALLOWED = {
    "on_trial_complete": "a callback's name is Ray Tune's",
    "on_trial_error": "a callback's name is Ray Tune's",
    "of_rates": "a property that reads as a question: is the contrast of rates",
}


def misnamed(package: str) -> list[str]:
    found = []
    for path in sorted((ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name not in ALLOWED:
                words = node.name.strip("_").split("_")
                if set(words) <= PREPOSITIONS or words[0] in LEADING:
                    found.append(f"{path.relative_to(ROOT)}:{node.lineno}: {node.name}")
    return found


@pytest.mark.parametrize("package", ["ablations", "trainables", "service"])
def test_no_function_is_called_by_a_preposition(package: str) -> None:
    assert misnamed(package) == []

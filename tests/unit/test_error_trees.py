"""The trees at the top of the errors files are whole: every exception of a package stands in one."""

import importlib
import inspect
import pkgutil
import re
from types import ModuleType

import pytest

import ablations
import ablations.errors
import trainables
import trainables.errors


def exceptions_of(package: ModuleType) -> set[str]:
    """The classes of a package that are exceptions, by name; a private one is nobody else's to catch."""
    found: set[str] = set()
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        for name, value in vars(importlib.import_module(module.name)).items():
            if inspect.isclass(value) and issubclass(value, Exception) and not name.startswith("_"):
                found |= {name} if value.__module__ == module.name else set()
    return found


@pytest.mark.parametrize("package, errors", [(ablations, ablations.errors), (trainables, trainables.errors)])
def test_the_tree_names_every_exception_and_no_other(package: ModuleType, errors: ModuleType) -> None:
    tree = (errors.__doc__ or "").split("\n\n", 1)[1]
    first_words = (line.strip().split("  ")[0] for line in tree.splitlines())
    drawn = {name for words in first_words for name in re.findall(r"[A-Z]\w+", words)}
    assert drawn == exceptions_of(package)

"""What all parts of a process have in common that a training can change."""

from collections.abc import Callable
from typing import Any

# The name of a part, how it is read, and how a value that was read is put back.
Part = tuple[str, Callable[[], Any], Callable[[Any], object]]

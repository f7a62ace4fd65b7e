"""One embedded system for the whole session of integration tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.system import System, running_system


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system started by `ablate up` on free ports, stopped at the end of the session."""
    data_dir: Path = tmp_path_factory.mktemp("system")
    with running_system(data_dir) as running:
        yield running

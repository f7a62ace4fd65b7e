"""Which tests may run beside each other: files may, systems of real processes come one at a time."""

from typing import Any

import pytest

WHOLE_SYSTEMS = ("tests/chaos/", "tests/integration/", "tests/browser/")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from xdist.scheduler import LoadScopeScheduling

    class Files(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return "whole systems" if nodeid.startswith(WHOLE_SYSTEMS) else nodeid.split("::", 1)[0]

    return Files(config, log)

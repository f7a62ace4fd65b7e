"""What every test may count on."""

import pytest


@pytest.fixture(autouse=True)
def no_width(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has said how wide the terminal is, as a runner of tests side by side does."""
    monkeypatch.delenv("COLUMNS", raising=False)

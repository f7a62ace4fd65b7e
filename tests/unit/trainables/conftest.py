"""Datasets parsed once a session."""

from pathlib import Path

import pytest
import torch


@pytest.fixture(scope="session")
def datasets_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty directory for datasets; digits-5k is parsed into it on first use."""
    return tmp_path_factory.mktemp("datasets")


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Inputs drawn in a test are the same in every run."""
    torch.manual_seed(0)

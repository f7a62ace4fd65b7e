"""A driver's environment is read once, in one place."""

from pathlib import Path

import pytest

from service.driver.settings import QUANTUM_S, DriverSettings
from service.errors import BadSettings

NEEDED = {"ABLATE_INTERNAL_URL": "http://x", "ABLATE_DRIVER_TICKET": "t", "ABLATE_DATASETS_DIR": "/data"}


def test_what_is_not_said_has_a_default() -> None:
    settings = DriverSettings.from_env(NEEDED)
    assert settings.checkpoints_dir is None and settings.quantum_s == QUANTUM_S
    assert settings.datasets_dir == Path("/data") and settings.environ == NEEDED


@pytest.mark.parametrize("name", NEEDED)
def test_what_is_needed_is_named_when_it_is_missing(name: str) -> None:
    with pytest.raises(BadSettings, match=name):
        DriverSettings.from_env({key: value for key, value in NEEDED.items() if key != name})


def test_a_quantum_is_a_number() -> None:
    with pytest.raises(BadSettings, match="ABLATE_QUANTUM_S.*soon"):
        DriverSettings.from_env({**NEEDED, "ABLATE_QUANTUM_S": "soon"})


def test_no_other_file_of_the_driver_touches_the_environment() -> None:
    import service.driver

    folder = Path(str(service.driver.__file__)).parent
    readers = {
        path.name
        for path in folder.glob("*.py")
        if "environ[" in (text := path.read_text()) or "os.environ" in text
    }
    assert readers == {"settings.py"}

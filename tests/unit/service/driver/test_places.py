"""Slots' processes are found again by their environment."""

import pytest
from ray.tune.execution.class_cache import _ActorClassCache

from service.driver.places import slot_env
from trainables.tune import Slot


def test_the_environment_is_the_one_that_tune_gives_a_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_CHDIR_TO_TRIAL_DIR", "0")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "t")
    tunes = _ActorClassCache().get(Slot)._default_options["runtime_env"]["env_vars"]
    assert slot_env({"RAY_CHDIR_TO_TRIAL_DIR": "0", "AWS_SESSION_TOKEN": "t", "HOME": "/"}) == tunes

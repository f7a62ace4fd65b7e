"""What the embedded system's processes are told."""

import re
from pathlib import Path

import pytest

from service.local.ports import NAMES
from service.local.system import SECRETS, System

ROOT = Path(__file__).parents[4]
SLOWEST_START_S = 300
"""A worker of Ray that took longer than Ray's 60 s to start was ended and begun anew, again and again: at a
load of 40 to 190 on two cores no study went on for quarters of an hour."""


def test_a_slow_start_of_a_worker_is_waited_for_embedded_and_in_containers(tmp_path: Path) -> None:
    system = System(data_dir=tmp_path, host="127.0.0.1", port=1, ports=dict.fromkeys(NAMES, 2), mark="m")
    (ray,) = [child for child in system.children() if child.name == "ray"]
    assert float(ray.env["RAY_worker_register_timeout_seconds"]) >= SLOWEST_START_S
    told = re.search(r"RAY_worker_register_timeout_seconds=(\d+)", (ROOT / "docker/Dockerfile").read_text())
    assert told is not None and float(told[1]) >= SLOWEST_START_S


def test_workers_end_with_all_they_started_and_write_no_more_than_is_kept(tmp_path: Path) -> None:
    system = System(data_dir=tmp_path, host="127.0.0.1", port=1, ports=dict.fromkeys(NAMES, 2), mark="m")
    (ray,) = [child for child in system.children() if child.name == "ray"]
    names = ("process_group_cleanup_enabled", "ROTATION_MAX_BYTES", "ROTATION_BACKUP_COUNT")
    container = (ROOT / "docker/Dockerfile").read_text()
    for name in names:
        assert f"RAY_{name}={ray.env[f'RAY_{name}']}" in container


def test_ray_and_so_trainings_are_told_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SECRETS:
        monkeypatch.setenv(name, "of whoever starts it")
    (tmp_path / "secret").write_text("s" * 64)
    system = System(data_dir=tmp_path, host="127.0.0.1", port=1, ports=dict.fromkeys(NAMES, 2), mark="m")
    told = {child.name: child.env for child in system.children()}
    assert all(told[name][secret] == "" for name in ("ray", "mlflow") for secret in SECRETS)
    assert told["api"]["ABLATE_SECRET"] == told["worker"]["ABLATE_SECRET"] != ""

"""docker/compose.yaml follows the compose specification and holds together."""

import json
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator
from ruamel.yaml import YAML

COMPOSE = Path(__file__).parents[2] / "docker" / "compose.yaml"


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return dict(YAML(typ="safe", pure=True).load(COMPOSE.read_text()))


def test_it_follows_the_specification(compose: dict[str, Any]) -> None:
    vendored = resources.files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
    schema = json.loads(vendored.read_text(encoding="utf-8"))
    problems = [
        f"{error.json_path}: {error.message}" for error in Draft7Validator(schema).iter_errors(compose)
    ]
    assert problems == []


def test_every_part_is_there(compose: dict[str, Any]) -> None:
    assert {"api", "worker", "postgres", "mlflow", "ray-head", "ray-worker"} <= set(compose["services"])


def test_gpus_are_asked_for_by_device_reservation(compose: dict[str, Any]) -> None:
    devices = [
        device
        for service in compose["services"].values()
        for device in service.get("deploy", {})
        .get("resources", {})
        .get("reservations", {})
        .get("devices", [])
    ]
    assert devices and all("gpu" in device["capabilities"] for device in devices)


def test_what_is_named_exists(compose: dict[str, Any]) -> None:
    services = compose["services"]
    for name, service in services.items():
        for other in service.get("depends_on", ()):
            assert other in services, f"{name} depends on {other}"
        for secret in service.get("secrets", ()):
            assert secret in compose["secrets"]
        for volume in service.get("volumes", ()):
            assert volume.split(":")[0] in compose["volumes"]


def test_only_loopback_is_published(compose: dict[str, Any]) -> None:
    ports = [port for service in compose["services"].values() for port in service.get("ports", ())]
    assert ports and all(port.startswith("127.0.0.1:") for port in ports)


def test_no_secret_is_written_down(compose: dict[str, Any]) -> None:
    # Without a value from outside compose refuses to start: ${NAME:?}.
    text = COMPOSE.read_text()
    for name in ("POSTGRES_PASSWORD", "ABLATE_API_KEYS"):
        assert f"${{{name}:?" in text
    assert compose["secrets"]["ray_token"] == {"environment": "RAY_AUTH_TOKEN"}

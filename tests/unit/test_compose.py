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
            source = volume.split(":")[0]
            found = (
                (COMPOSE.parent / source).is_file()
                if source.startswith(".")
                else source in compose["volumes"]
            )
            assert found, f"{name} mounts {source}"
        for network in service["networks"]:
            assert network in compose["networks"]


def test_only_loopback_is_published(compose: dict[str, Any]) -> None:
    ports = [port for service in compose["services"].values() for port in service.get("ports", ())]
    assert ports and all(port.startswith("127.0.0.1:") for port in ports)


def test_no_secret_is_written_down(compose: dict[str, Any]) -> None:
    # Without a value from outside compose refuses to start: ${NAME:?}.
    text = COMPOSE.read_text()
    for name in SECRETS:
        assert f"${{{name}:?" in text
    assert compose["secrets"]["ray_token"] == {"environment": "RAY_AUTH_TOKEN"}


SECRETS = {
    "POSTGRES_PASSWORD": {"postgres", "databases"},
    "ABLATE_DB_PASSWORD": {"databases", "migrate", "api", "internal", "worker"},
    "MLFLOW_DB_PASSWORD": {"databases", "mlflow"},
    "ABLATE_SECRET": {"api", "internal", "worker"},
    "ABLATE_API_KEYS": {"api"},
}
"""Who is told each secret, and nobody else is."""
NODES = {"ray-head", "ray-worker", "ray-worker-gpu"}


def test_everybody_has_the_secrets_it_needs_and_no_others(compose: dict[str, Any]) -> None:
    for secret, wanted in SECRETS.items():
        told = {
            name for name, service in compose["services"].items() if f"${{{secret}" in json.dumps(service)
        }
        assert told == wanted, secret
    arguments = [service.get("command", ()) for service in compose["services"].values()]
    assert "${" not in json.dumps(arguments), "arguments are for all to see"


def test_nodes_have_a_token_and_see_datasets_without_changing_them(compose: dict[str, Any]) -> None:
    for name in NODES:
        service = compose["services"][name]
        assert set(service["environment"]) == {"RAY_AUTH_MODE", "RAY_AUTH_TOKEN_PATH"}
        assert service["secrets"] == ["ray_token"]
        assert service["volumes"] == ["datasets:/data/datasets:ro", "checkpoints:/data/checkpoints"]


def reached_from(compose: dict[str, Any], name: str) -> set[str]:
    """The other services that a service shares a network with."""
    services = compose["services"]
    mine = set(services[name]["networks"])
    return {other for other, told in services.items() if other != name and mine & set(told["networks"])}


def test_trainings_reach_ray_and_what_drivers_speak_with(compose: dict[str, Any]) -> None:
    assert reached_from(compose, "ray-worker") == {"ray-head", "ray-worker-gpu", "internal"}
    assert reached_from(compose, "ray-worker-gpu") == {"ray-head", "ray-worker", "internal"}
    assert not reached_from(compose, "ray-head") & {"postgres", "mlflow", "databases", "migrate"}
    assert reached_from(compose, "postgres") == {
        "databases", "migrate", "mlflow", "api", "internal", "worker"
    }  # fmt: skip
    assert compose["networks"]["database"] == {"internal": True}


def test_our_containers_have_no_rights_of_the_system_and_bounded_logs(compose: dict[str, Any]) -> None:
    ours = [service for service in compose["services"].values() if service["image"] == "ablate"]
    assert len(ours) == 8
    for service in ours:
        assert service["cap_drop"] == ["ALL"] and "no-new-privileges:true" in service["security_opt"]
        assert set(service["logging"]["options"]) == {"max-size", "max-file"}

"""Ports are free, kept, and moved only when somebody else took them."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from service.local.ports import FIRST, LAST, NAMES, is_free, keep_api_port, keep_ports


@contextmanager
def taken(port: int) -> Iterator[None]:
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", port))
        holder.listen()
        yield


def test_ports_are_distinct_and_kept(tmp_path: Path) -> None:
    ports, moved = keep_ports(tmp_path / "ports.json")
    assert set(ports) == set(NAMES) and len(set(ports.values())) == len(NAMES)
    assert all(FIRST <= port < LAST for port in ports.values())
    assert moved == {}
    assert keep_ports(tmp_path / "ports.json") == (ports, {})


def test_a_taken_port_moves_and_the_others_stay(tmp_path: Path) -> None:
    before, _ = keep_ports(tmp_path / "ports.json")
    with taken(before["mlflow"]):
        assert not is_free(before["mlflow"])
        after, moved = keep_ports(tmp_path / "ports.json")
    assert moved == {"mlflow": before["mlflow"]}
    assert after["mlflow"] != before["mlflow"]
    assert {k: v for k, v in after.items() if k != "mlflow"} == {
        k: v for k, v in before.items() if k != "mlflow"
    }


def test_the_api_port_is_the_preferred_one_else_a_kept_one(tmp_path: Path) -> None:
    path = tmp_path / "ports.json"
    free = keep_ports(path)[0]["ray_metrics"] + 1
    while not is_free(free):
        free += 1
    assert keep_api_port(path, free) == free
    other = tmp_path / "other.json"
    with taken(free):
        moved = keep_api_port(other, free)
        assert moved != free
    # The link printed once stays good although the preferred port is free again.
    assert keep_api_port(other, free) == moved
    assert json.loads(other.read_text())["api"] == moved

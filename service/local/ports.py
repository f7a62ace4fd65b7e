"""Ports of the embedded system: free ones, chosen once a data directory and kept, so that links stay good."""

import json
import random
import socket
from collections.abc import Iterator
from pathlib import Path

# Below the range the kernel hands out by itself, so that nobody lands on a kept port by chance.
FIRST, LAST = 20_000, 32_000
NAMES = (
    "mlflow",
    "ray_gcs",
    "ray_dashboard",
    "ray_object_manager",
    "ray_node_manager",
    "ray_client",
    "ray_agent_http",
    "ray_agent_grpc",
    "ray_runtime_env",
    "ray_metrics",
)


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen on this port of this host now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def keep_ports(path: Path) -> tuple[dict[str, int], dict[str, int]]:
    """The ports in this file, chosen where they are missing or taken by somebody else.

    Returns all ports, and of these the ones that had to move: name to the old port.
    """
    kept = kept_ports(path)
    candidates = _candidates(set(kept.values()))
    moved = {name: port for name, port in kept.items() if name in NAMES and not is_free(port)}
    ports = {name: next(candidates) if name in moved or name not in kept else kept[name] for name in NAMES}
    path.write_text(json.dumps({**kept, **ports}, indent=1))
    return ports, moved


def keep_api_port(path: Path, preferred: int) -> int:
    """A free port for an API that nobody asked to be anywhere: the kept one, the preferred one, or any."""
    kept = kept_ports(path)
    wanted = (kept.get("api", preferred), preferred)
    port = next((port for port in wanted if is_free(port)), None) or next(_candidates(set(kept.values())))
    path.write_text(json.dumps({**kept, "api": port}, indent=1))
    return port


def kept_ports(path: Path) -> dict[str, int]:
    """The ports in this file; none where it does not exist."""
    return dict(json.loads(path.read_text())) if path.exists() else {}


def _candidates(taken: set[int]) -> Iterator[int]:
    for port in random.SystemRandom().sample(range(FIRST, LAST), LAST - FIRST):
        if port not in taken and is_free(port) and is_free(port, "0.0.0.0"):
            yield port
    raise RuntimeError(f"no free port between {FIRST} and {LAST}")

"""A Ray cluster of logical nodes on this machine, with its own ports, token and temp dir."""

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ray.cluster_utils import Cluster


@dataclass(frozen=True, slots=True, kw_only=True)
class Nodes:
    """Running nodes, and how a process joins them."""

    env: Mapping[str, str]
    folder: Path
    process: "subprocess.Popen[str]"

    def remove(self, number: int) -> None:
        """Let a node other than the head crash."""
        self._tell(f"remove {number}")

    def add(self, shape: Mapping[str, float]) -> None:
        """Let another node join; its number is the next one."""
        self._tell(f"add {json.dumps(shape)}")

    def _tell(self, line: str) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "done\n"

    def drive(self, name: str, trials: Mapping[str, Mapping[str, Any]], **options: Any) -> "Run":
        """Start a driver process over these trials."""
        results, plan = self.folder / f"{name}.json", self.folder / f"{name}-plan.json"
        plan.write_text(json.dumps({"trials": trials, "results": str(results), **options}))
        with (self.folder / f"{name}.log").open("w") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.integration.slot_driver", str(plan)],
                env={**os.environ, **self.env},
                stdout=log,
                stderr=log,
            )
        return Run(process=process, results=results, log=self.folder / f"{name}.log")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A driver process, and what its service has been told so far."""

    process: "subprocess.Popen[bytes]"
    results: Path
    log: Path

    def known(self) -> dict[str, Any]:
        """What the service knows now."""
        if not self.results.exists():
            return {"states": {}, "metrics": {}, "finished": None}
        return dict(json.loads(self.results.read_text()))

    def cancel(self) -> None:
        """Tell the driver with the next heartbeat."""
        self.results.with_suffix(".cancel").touch()

    def wait(self, timeout_s: float = 240.0) -> dict[str, Any]:
        """Its end, and what the service knows then."""
        code = self.process.wait(timeout_s)
        assert code == 0, self.log.read_text()[-4000:]
        return self.known()


@contextmanager
def nodes(shapes: Sequence[Mapping[str, float]]) -> Iterator[Nodes]:
    """Nodes of these shapes, {"CPU": 2, "GPU": 1}; the first one is the head.

    In a process of their own: Ray reads how to authenticate once, when it is imported.
    """
    # Ray's sockets need a short path.
    folder = Path(tempfile.mkdtemp(prefix="ray-"))
    token = folder / "token"
    token.write_text(secrets.token_hex(32))
    token.chmod(0o600)
    env = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token)}
    with (folder / "nodes.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.nodes", str(folder), json.dumps(list(shapes))],
            # Here Ray notes the newest cluster, for whoever asks for "auto"; nobody should find this one.
            env={**os.environ, **env, "RAY_TMPDIR": str(folder)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert address, (folder / "nodes.log").read_text()[-4000:]
        yield Nodes(env={**env, "RAY_ADDRESS": address}, folder=folder, process=process)
    finally:
        process.communicate(timeout=60)
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    """Start nodes, print the head's address, end them when stdin ends.

    Lines `remove N` and `add SHAPE` change them.
    """
    folder, shapes = sys.argv[1], json.loads(sys.argv[2])
    (Path(folder) / "ray").mkdir()
    # Whatever Ray prints must not come between the test and the address.
    sys.stdout, answers = sys.stderr, sys.stdout
    cluster = Cluster(
        initialize_head=True, head_node_args={**_arguments(shapes[0]), "temp_dir": f"{folder}/ray"}
    )
    others = [cluster.add_node(**_arguments(shape)) for shape in shapes[1:]]
    try:
        cluster.wait_for_nodes()
        answers.write(cluster.address + "\n")
        answers.flush()
        for line in sys.stdin:
            verb, _, what = line.partition(" ")
            if verb == "add":
                others.append(cluster.add_node(**_arguments(json.loads(what))))
            else:
                cluster.remove_node(others[int(what)], allow_graceful=False)
            answers.write("done\n")
            answers.flush()
    finally:
        cluster.shutdown()


def _arguments(shape: Mapping[str, float]) -> dict[str, Any]:
    return {
        "num_cpus": shape.get("CPU", 0),
        "num_gpus": shape.get("GPU", 0),
        "include_dashboard": False,
        "object_store_memory": 80 * 2**20,
    }


if __name__ == "__main__":
    main()

"""`ablate up` with another database, or with proxies before its database, its MLflow and its API for drivers.

`python -m tests.chaos.up --data-dir DIR --port PORT`; CHAOS_DATABASE_URL, CHAOS_MLFLOW_URL and
CHAOS_INTERNAL_URL say what its processes are told instead of the real places.
"""

import argparse
import os
from dataclasses import replace
from pathlib import Path

from service.local.processes import Child
from service.local.system import System
from service.local.up import up

TOLD = {
    "ABLATE_DATABASE_URL": "CHAOS_DATABASE_URL",
    "ABLATE_MLFLOW_URL": "CHAOS_MLFLOW_URL",
    "ABLATE_INTERNAL_URL": "CHAOS_INTERNAL_URL",
}


class Elsewhere(System):
    """The embedded system; its processes reach each other as they are told."""

    @property
    def database_url(self) -> str:
        """Where the schema is brought up to date: not through a proxy."""
        return os.environ.get("CHAOS_MIGRATED_URL") or super().database_url

    def children(self) -> tuple[Child, ...]:
        """The product's, with other addresses."""
        told = {name: os.environ[ours] for name, ours in TOLD.items() if ours in os.environ}
        public = {"ABLATE_MLFLOW_PUBLIC_URL": self.mlflow}
        return tuple(replace(child, env={**child.env, **public, **told}) for child in super().children())


def main() -> None:
    """As `ablate up`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    asked = parser.parse_args()
    up(asked.data_dir, "127.0.0.1", asked.port, make=Elsewhere)


if __name__ == "__main__":
    main()

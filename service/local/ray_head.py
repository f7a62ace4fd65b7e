"""`python -m service.local.ray_head ARGUMENTS`: `ray start` with a dashboard that runs jobs and nothing else.

Ray's dashboard starts a process for each of its parts (metrics, trains, data, ...), some 15 MiB each, of
which nothing here asks anything. `ray start` has no option for that, but the program that it starts has one.
"""

import sys
from typing import Any

from ray._private import ray_constants, services
from ray.scripts import scripts

MODULES = "--modules-to-load=JobHead,NodeHead"
"""Jobs are run by the agent of the head's node, and which node that is the second one says."""
_start = services.start_ray_process


def start_ray_process(command: list[str], process_type: str, *arguments: Any, **options: Any) -> Any:
    """As Ray does, with fewer parts of the dashboard."""
    if process_type == ray_constants.PROCESS_TYPE_DASHBOARD:
        command = [*command, MODULES]
    return _start(command, process_type, *arguments, **options)


def main() -> None:
    """Start a head."""
    services.start_ray_process = start_ray_process
    sys.argv = ["ray", *sys.argv[1:]]
    scripts.main()


if __name__ == "__main__":
    main()

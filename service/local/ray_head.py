"""`python -m service.local.ray_head ARGUMENTS`: `ray start`, whose dashboard has the part that runs jobs and no other.

Ray's dashboard starts a process for each of its parts (metrics, trains, data, ...), some 35 MiB and a start each, of
which nothing here asks anything. `ray start` has no option for that, but the program it starts has.
"""

import sys
from typing import Any

from ray._private import ray_constants, services
from ray.scripts import scripts

MODULES = "--modules-to-load=JobHead"
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

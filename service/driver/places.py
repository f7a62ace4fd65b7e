"""Where trials will run, as far as their results depend on it, asked of a process of their kind."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import ray

DEFAULT_ENV = {"PL_DISABLE_FORK": "1"}
PASSED_ON = (
    "RAY_CHDIR_TO_TRIAL_DIR",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SECURITY_TOKEN",
    "AWS_SESSION_TOKEN",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where trials run, as far as their results depend on it."""

    torch: str
    numerics: str
    threads: int
    hardware: str


def slot_env(env: Mapping[str, str]) -> dict[str, str]:
    """The variables that Tune gives to a slot's process; Ray uses an idle process only if it has the same."""
    return DEFAULT_ENV | {name: env[name] for name in PASSED_ON if name in env}


def ask(device: str, cpus: int, gpus: float, env: Mapping[str, str]) -> Any:
    """A reference to the `Place` of trials with these resources, from a driver with this environment.

    On CPUs it waits for nobody's place, on GPUs for one like the trials'. Its process, with torch
    imported, is then the first slot's if Ray has not ended it yet.
    """
    amounts = {"num_cpus": 0} if device == "cpu" else {"num_cpus": cpus, "num_gpus": gpus}
    alike = {"env_vars": slot_env(env)}
    return ray.remote(place).options(**amounts, runtime_env=alike).remote(device, cpus)


def place(device: str, threads: int) -> Place:
    """This process's place, for trials on this device with this many threads. Imports torch."""
    # Only here: the driver runs this on a worker and stays without torch itself.
    from trainables.training.numerics import environment

    here = environment(device, threads)
    return Place(
        torch=str(here["torch"]),
        numerics=str(here["numerics"]),
        threads=threads,
        hardware=str(here["hardware"]),
    )

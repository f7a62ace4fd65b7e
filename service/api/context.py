"""What every route needs: settings, ledger, catalogue, and the caller's project."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Annotated, Any

from fastapi import Depends, Path, Request
from prometheus_client import CollectorRegistry

from service.api.planning import Planner
from service.auth import project_of
from service.errors import KeyInFlight, StudyNotFound
from service.ledger import Ledger
from service.settings import Settings
from trainables.catalogue import Catalogue

STUDY_ID = r"^[0-9a-f-]{1,40}$"


@dataclass(frozen=True, slots=True)
class InFlight:
    """The Idempotency-Keys being answered by this process."""

    _keys: set[tuple[str, str]] = field(default_factory=set)
    _lock: Lock = field(default_factory=Lock)

    def enter(self, project: str, key: str) -> None:
        """Raises: KeyInFlight when a request with this key is being answered."""
        with self._lock:
            if (project, key) in self._keys:
                raise KeyInFlight(f"a request with Idempotency-Key {key!r} is being answered; ask again")
            self._keys.add((project, key))

    def leave(self, project: str, key: str) -> None:
        """The request has been answered."""
        with self._lock:
            self._keys.discard((project, key))


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """One application's parts."""

    settings: Settings
    ledger: Ledger
    catalogues: Callable[[], Catalogue]
    planner: Planner
    job_logs: Callable[[Settings, str], str]
    probes: Mapping[str, Callable[[], None]]
    registry: CollectorRegistry
    in_flight: InFlight = field(default_factory=InFlight)
    kept: dict[str, Any] = field(default_factory=dict)
    """What routes keep between requests, by their own names."""

    @property
    def catalogue(self) -> Catalogue:
        """What can be named in a study now."""
        return self.catalogues()


# These are quick: as coroutines they need no thread each.
async def get_context(request: Request) -> Context:
    """The application's parts."""
    context: Context = request.app.state.context
    return context


async def get_project(request: Request, context: Annotated[Context, Depends(get_context)]) -> str:
    """The project of the caller's key.

    Raises: Unauthorized.
    """
    server = request.scope.get("server")
    return project_of(context.settings, request.headers.get("authorization"), server[0] if server else None)


async def get_study_id(
    study_id: Annotated[str, Path(description="The study's id", json_schema_extra={"pattern": STUDY_ID})],
) -> str:
    """A study id as it may be; anything else is no study.

    Raises: StudyNotFound.
    """
    if not re.fullmatch(STUDY_ID, study_id):
        raise StudyNotFound(f"there is no study {study_id!r}")
    return study_id


InContext = Annotated[Context, Depends(get_context)]
InProject = Annotated[str, Depends(get_project)]
StudyId = Annotated[str, Depends(get_study_id)]

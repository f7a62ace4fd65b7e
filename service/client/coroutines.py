"""The client for coroutines: each call runs in a thread, waiting does not hold one."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from service.client.calls import POLL_S, Client, StudyHandle
from service.client.tables import CurveTable, EffectTable, TrialTable
from service.connection import TIMEOUT_S

T = TypeVar("T")


class AsyncClient:
    """Client, with coroutines."""

    def __init__(
        self, url: str | None = None, api_key: str | None = None, *, timeout_s: float = TIMEOUT_S
    ) -> None:
        self.client = Client(url, api_key, timeout_s=timeout_s)

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(self, *_: object) -> None:
        self.client.close()

    async def submit(
        self, study: Any, *, wait: bool = False, timeout_s: float | None = None
    ) -> "AsyncStudyHandle":
        """As Client.submit."""
        made = AsyncStudyHandle(await asyncio.to_thread(self.client.submit, study))
        return await made.wait(timeout_s) if wait else made

    async def plan(self, study: Any) -> dict[str, Any]:
        """As Client.plan."""
        return await asyncio.to_thread(self.client.plan, study)

    async def studies(
        self, *, state: str | None = None, tag: str | None = None, limit: int | None = 100
    ) -> list["AsyncStudyHandle"]:
        """As Client.studies."""
        found = await asyncio.to_thread(self.client.studies, state=state, tag=tag, limit=limit)
        return [AsyncStudyHandle(each) for each in found]

    async def study(self, meant: str) -> "AsyncStudyHandle":
        """As Client.study."""
        return AsyncStudyHandle(await asyncio.to_thread(self.client.study, meant))


class AsyncStudyHandle:
    """StudyHandle, with coroutines; `study` is the plain one, and `now` what the service said last."""

    def __init__(self, study: StudyHandle) -> None:
        self.study = study
        self.id, self.name = study.id, study.name

    @property
    def now(self) -> Any:
        """As StudyHandle.now."""
        return self.study.now

    async def wait(self, timeout_s: float | None = None, *, published: bool = False) -> "AsyncStudyHandle":
        """As StudyHandle.wait; other coroutines run meanwhile.

        Raises: TimeoutError; the study goes on.
        """
        looks = self.study.looks(timeout_s, published=published)
        while await asyncio.to_thread(next, looks, None) is not None:
            await asyncio.sleep(POLL_S)
        return self

    async def refresh(self) -> "AsyncStudyHandle":
        """As StudyHandle.refresh."""
        await self._do(StudyHandle.refresh)
        return self

    async def pause(self) -> "AsyncStudyHandle":
        """As StudyHandle.pause."""
        await self._do(StudyHandle.pause)
        return self

    async def cancel(self) -> "AsyncStudyHandle":
        """As StudyHandle.cancel."""
        await self._do(StudyHandle.cancel)
        return self

    async def resume(self, *, anyway: bool = False, afresh: bool = False) -> "AsyncStudyHandle":
        """As StudyHandle.resume."""
        await self._do(StudyHandle.resume, anyway=anyway, afresh=afresh)
        return self

    async def retry(self, *, anyway: bool = False, afresh: bool = False) -> "AsyncStudyHandle":
        """As StudyHandle.retry."""
        await self._do(StudyHandle.retry, anyway=anyway, afresh=afresh)
        return self

    async def extend(self, seeds: int, *, anyway: bool = False) -> "AsyncStudyHandle":
        """As StudyHandle.extend."""
        return AsyncStudyHandle(await self._do(StudyHandle.extend, seeds, anyway=anyway))

    async def delete(self) -> None:
        """As StudyHandle.delete."""
        await self._do(StudyHandle.delete)

    async def trials(self, **filters: Any) -> TrialTable:
        """As StudyHandle.trials."""
        return await self._do(StudyHandle.trials, **filters)

    async def curves(self, metric: str | None = None, **filters: Any) -> CurveTable:
        """As StudyHandle.curves."""
        return await self._do(StudyHandle.curves, metric, **filters)

    async def effects(self) -> EffectTable:
        """As StudyHandle.effects."""
        return await self._do(StudyHandle.effects)

    async def report(self, format: str = "md") -> str:
        """As StudyHandle.report."""
        return await self._do(StudyHandle.report, format)

    async def _do(self, call: Callable[..., T], *given: Any, **named: Any) -> T:
        return await asyncio.to_thread(call, self.study, *given, **named)

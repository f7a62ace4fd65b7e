"""The driver's side of /internal: what this attempt asks of the service and hands in."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import httpx

PROTOCOL = 1
TIMEOUT_S = 30.0
AWAY = (408, 425, 429)


class InternalError(Exception):
    """The service did not do what was asked."""


class Away(InternalError):
    """The service cannot be reached or is overloaded; the same request may succeed later."""


class Stale(InternalError):
    """This attempt is over: another one has the study, or nobody may."""


class CallRefused(InternalError):
    """The service will never accept this request."""


class Internal(Protocol):
    """One attempt's conversation with the service. Every method raises Away, Stale or Refused."""

    def work(self) -> dict[str, Any]:
        """The study, its trials and the lease's length."""
        ...

    def settings(self, trials: Sequence[Mapping[str, Any]]) -> list[str]:
        """Fix settings and fingerprints; answers the ids whose results were found and reused."""
        ...

    def lease(self, trial_ids: Sequence[str]) -> list[str]:
        """Mark trials as given out; answers those that may run."""
        ...

    def commit(self, outcomes: Sequence[Mapping[str, Any]]) -> list[str]:
        """Hand in results; answers the ids that were taken now or before."""
        ...

    def heartbeat(self, running: Sequence[Mapping[str, Any]]) -> str:
        """Say that this attempt lives and how far its trials are; answers run, cancel or pause."""
        ...

    def finish(self, state: str, error: str | None) -> None:
        """End this attempt."""
        ...


class HttpInternal:
    """Internal over HTTP. The token is good for this attempt only."""

    def __init__(self, client: httpx.Client, *, study_id: str, attempt: int, token: str) -> None:
        self._client = client
        self._path = f"/internal/studies/{study_id}/attempts/{attempt}"
        self._headers = {"Authorization": f"Bearer {token}"}

    def work(self) -> dict[str, Any]:
        """Raises: Refused when the service speaks another version of this protocol."""
        work = self._send("GET", "")
        if work["protocol"] != PROTOCOL:
            raise CallRefused(
                f"the service speaks protocol {work['protocol']}, this driver speaks {PROTOCOL}"
            )
        return work

    def settings(self, trials: Sequence[Mapping[str, Any]]) -> list[str]:
        """Fix settings and fingerprints; answers the reused ids."""
        return list(self._send("POST", "/settings", {"trials": list(trials)})["reused"])

    def lease(self, trial_ids: Sequence[str]) -> list[str]:
        """Mark trials as given out; answers those that may run."""
        return list(self._send("POST", "/lease", {"trials": list(trial_ids)})["leased"])

    def commit(self, outcomes: Sequence[Mapping[str, Any]]) -> list[str]:
        """Hand in results; answers the ids that were taken now or before."""
        return list(self._send("POST", "/commit", {"outcomes": list(outcomes)})["committed"])

    def heartbeat(self, running: Sequence[Mapping[str, Any]]) -> str:
        """Answers run, cancel or pause."""
        return str(self._send("POST", "/heartbeat", {"running": list(running)})["desired"])

    def finish(self, state: str, error: str | None) -> None:
        """End this attempt."""
        self._send("POST", "/finish", {"state": state, "error": error})

    def _send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        try:
            answer = self._client.request(method, self._path + path, json=body, headers=self._headers)
        except httpx.TransportError as error:
            raise Away(f"{type(error).__name__}: {error}") from error
        if answer.is_success:
            return dict(answer.json())
        detail = f"{method} {path or '/'} answered {answer.status_code}: {answer.text[:500]}"
        if answer.status_code >= 500 or answer.status_code in AWAY:
            raise Away(detail)
        if answer.status_code == 409:
            raise Stale(detail)
        raise CallRefused(detail)


def connect(url: str, token: str, study_id: str, attempt: int) -> HttpInternal:
    """An HTTP conversation for one attempt."""
    client = httpx.Client(base_url=url, timeout=TIMEOUT_S, trust_env=False)
    return HttpInternal(client, study_id=study_id, attempt=attempt, token=token)

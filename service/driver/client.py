"""The driver's side of /internal: what this attempt asks of the service and hands in."""

import json
import logging
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import httpx

from service.protocol import PROTOCOL, Resolved, Running, Work
from service.timing import REAL, Timing
from trainables.training.lease import Outcome

logger = logging.getLogger(__name__)

TIMEOUT_S = 30.0
AGAIN_S = 0.5
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
    """One attempt's conversation with the service. Every method raises Away, Stale or CallRefused."""

    def work(self) -> Work:
        """The study, its trials and the lease's length."""
        ...

    def settings(self, trials: Sequence[Resolved]) -> list[str]:
        """Fix settings and fingerprints; answers the ids whose results were found and reused."""
        ...

    def lease(self, trial_ids: Sequence[str]) -> list[str]:
        """Mark trials as given out; answers those that may run."""
        ...

    def commit(self, outcomes: Sequence[Outcome]) -> list[str]:
        """Hand in results; answers the ids that were taken now or before."""
        ...

    def heartbeat(self, running: Sequence[Running], waits_for: str | None = None) -> str:
        """Say that this attempt lives, how far its trials are, and what they wait for if they wait.

        Answers run, cancel or pause.
        """
        ...

    def finish(self, state: str, error: str | None) -> None:
        """End this attempt."""
        ...


class HttpInternal:
    """Internal over HTTP. The token is good for this attempt only."""

    def __init__(self, client: httpx.Client, *, study_id: str, attempt: int, token: str) -> None:
        self._client = client
        self._path = f"/internal/studies/{study_id}/attempts/{attempt}"
        self._token = token

    def work(self) -> Work:
        """Raises: CallRefused when the service speaks another version of this protocol."""
        work = self._send("GET", "")
        if work["protocol"] != PROTOCOL:
            raise CallRefused(
                f"the service speaks protocol {work['protocol']}, this driver speaks {PROTOCOL}"
            )
        return Work.from_json(work)

    def settings(self, trials: Sequence[Resolved]) -> list[str]:
        """Fix settings and fingerprints; answers the reused ids."""
        return list(
            self._send("POST", "/settings", {"trials": [trial.to_json() for trial in trials]})["reused"]
        )

    def lease(self, trial_ids: Sequence[str]) -> list[str]:
        """Mark trials as given out; answers those that may run."""
        return list(self._send("POST", "/lease", {"trials": list(trial_ids)})["leased"])

    def commit(self, outcomes: Sequence[Outcome]) -> list[str]:
        """Hand in results; answers the ids that were taken now or before."""
        body = {"outcomes": [outcome.to_json() for outcome in outcomes]}
        return list(self._send("POST", "/commit", body)["committed"])

    def heartbeat(self, running: Sequence[Running], waits_for: str | None = None) -> str:
        """Answers run, cancel or pause."""
        body = {"running": [trial.to_json() for trial in running], "waits_for": waits_for}
        return str(self._send("POST", "/heartbeat", body)["desired"])

    def finish(self, state: str, error: str | None) -> None:
        """End this attempt."""
        self._send("POST", "/finish", {"state": state, "error": error})

    def _send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        return _send(self._client, self._token, method, self._path + path, body)


def _send(
    client: httpx.Client, token: str, method: str, path: str, body: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Raises: Away, Stale, CallRefused."""
    content = None if body is None else _encoded(body)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    try:
        answer = client.request(method, path, content=content, headers=headers)
    except httpx.TransportError as error:
        raise Away(f"{type(error).__name__}: {error}") from error
    if answer.is_success:
        return dict(answer.json())
    detail = f"{method} {path} answered {answer.status_code}: {answer.text[:500]}"
    if answer.status_code >= 500 or answer.status_code in AWAY:
        raise Away(detail)
    if answer.status_code == 409:
        raise Stale(detail)
    raise CallRefused(detail)


def _encoded(body: Mapping[str, Any]) -> bytes:
    """The body in ASCII: half a character in somebody's traceback has no other form.

    Raises: CallRefused when it has a value that JSON has not.
    """
    try:
        return json.dumps(body, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise CallRefused(f"it cannot be sent as JSON: {error}") from error


def connect(url: str, ticket: str, job: str) -> HttpInternal:
    """The conversation of the attempt that a job is given. Blocks until it has one.

    Raises: CallRefused when it is not wanted any more, or another process has used its ticket.
    """
    client = httpx.Client(base_url=url, timeout=TIMEOUT_S, trust_env=False)
    return converse(client, ticket, job)


def converse(client: httpx.Client, ticket: str, job: str, timing: Timing = REAL) -> HttpInternal:
    """The same over a client that is there. Raises: CallRefused."""
    # An answer that was lost is given again to whoever knows this, and to nobody else.
    holder = secrets.token_hex(32)
    while True:
        try:
            given = _send(client, ticket, "POST", f"/internal/jobs/{job}", {"holder": holder})
        except Away as error:
            logger.warning("the service is away: %s", error)
            timing.sleep(AGAIN_S)
            continue
        if given:
            return HttpInternal(
                client, study_id=given["study_id"], attempt=given["attempt"], token=given["token"]
            )

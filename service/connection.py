"""Calls of the REST API over HTTP, for the command line and for Python; a problem raises with its paths."""

import re
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Self

DEFAULT_URL = "http://127.0.0.1:8000"
TIMEOUT_S = 60.0
PAGE = 500
"""As many items as the service gives at once."""
WHOLE_ID = re.compile(r"[0-9a-f]{24}")
FINAL = ("done", "failed", "cancelled")
"""The states that a study ends in."""
ENDED = ("done", "failed", "diverged", "pruned", "cancelled")
"""The states that a trial ends in; a study's progress counts each ended trial in exactly one of them."""
NOT_BUILT = 501
"""The service answers, and cannot do this."""
BOUNDS = {
    "type integer": "a whole number",
    "type number": "a number",
    "type string": "a word",
    "type boolean": "true or false",
    "low": "at least {}",
    "above": "above {}",
    "high": "at most {}",
    "below": "below {}",
    "max_length": "at most {} long",
}
"""What is allowed, as a person says it."""


class ServiceRefused(Exception):
    """What was asked for cannot be asked for, or does not exist.

    `kind` is the problem's type, such as `invalid-study`; `problems` has one entry a mistake, with `path`,
    `detail` and, where that can be said, `allowed`.
    """

    def __init__(self, text: str, kind: str = "", problems: Sequence[Mapping[str, Any]] = ()) -> None:
        super().__init__(text)
        self.kind, self.problems = kind, tuple(problems)


class ServiceAway(Exception):
    """The service is not there or does not work."""


class Connection:
    """Calls under /v1. Answers are JSON objects.

    Every call raises ServiceRefused or ServiceAway when it is not answered as it should be.
    """

    def __init__(self, url: str = DEFAULT_URL, api_key: str | None = None, *, timeout_s: float = TIMEOUT_S):
        import httpx

        self.url = url.rstrip("/")
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._http = httpx.Client(base_url=self.url, headers=headers, timeout=timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the connections go."""
        self._http.close()

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        """GET as JSON."""
        return dict(self._call("GET", path, params=_given(query)).json())

    def text(self, path: str, accept: str = "text/plain", **query: Any) -> str:
        """GET as text."""
        return str(self._call("GET", path, params=_given(query), headers={"Accept": accept}).text)

    def content(self, path: str, **query: Any) -> bytes:
        """GET as bytes."""
        return bytes(self._call("GET", path, params=_given(query)).content)

    def post(self, path: str, body: Any = None, *, once: bool = False, **query: Any) -> dict[str, Any]:
        """POST JSON, answered with JSON; with `once`, a repeated request does nothing a second time."""
        headers = {"Idempotency-Key": secrets.token_hex(16)} if once else {}
        return dict(self._call("POST", path, json=body, headers=headers, params=_given(query)).json())

    def delete(self, path: str) -> dict[str, Any]:
        """DELETE, answered with JSON."""
        return dict(self._call("DELETE", path).json())

    def items(self, path: str, *, at_most: int | None = None, **query: Any) -> list[dict[str, Any]]:
        """A list, page by page."""
        found: list[dict[str, Any]] = []
        cursor: str | None = None
        while at_most is None or len(found) < at_most:
            limit = PAGE if at_most is None else min(PAGE, at_most - len(found))
            page = self.get(path, limit=limit, cursor=cursor, **query)
            found += page["items"]
            cursor = page.get("next")
            if not cursor:
                break
        return found

    def find(self, meant: str) -> dict[str, Any]:
        """The study that is meant by an id, how that begins, a name (the newest counts) or `last`."""
        if WHOLE_ID.fullmatch(meant):
            return self.get(f"/v1/studies/{meant}")
        (study,) = self.get("/v1/studies", study=meant)["items"]
        return dict(study)

    def _call(self, method: str, path: str, **options: Any) -> Any:
        import httpx

        try:
            answer = self._http.request(method, path, **options)
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise ServiceAway(f"no service at {self.url} ({error or type(error).__name__})") from None
        if answer.is_success:
            return answer
        problem = _problem(answer)
        text = describe(problem, f"{method} {path}: HTTP {answer.status_code}")
        if answer.status_code >= 500 and answer.status_code != NOT_BUILT:
            raise ServiceAway(text)
        kind = str(problem.get("type", "")).removeprefix("/problems/")
        raise ServiceRefused(text, kind, problem.get("errors") or ())


def describe(problem: Mapping[str, Any], otherwise: str) -> str:
    """A problem+json as lines: each field's path with what is allowed there, or else what is wrong."""
    lines = [one_problem(error) for error in problem.get("errors") or ()]
    return "\n".join(lines) or str(problem.get("detail") or problem.get("title") or otherwise)


def one_problem(error: Mapping[str, Any]) -> str:
    """`factors.depth.0: must be at least 1 (allowed: ...)`."""
    path, detail, allowed = error.get("path"), error.get("detail"), error.get("allowed")
    text = f"{path}: {detail}" if path else str(detail)
    if allowed is None:
        return text
    if isinstance(allowed, Mapping):
        allowed = [_bound(name, value) for name, value in allowed.items()]
    listed = ", ".join(map(str, allowed)) if isinstance(allowed, list | tuple) else str(allowed)
    return f"{text} (allowed: {listed})"


def _bound(name: str, value: Any) -> str:
    known = BOUNDS.get(f"{name} {value}") or BOUNDS.get(name)
    return f"{name} {value}" if known is None else known.format(value)


def _given(query: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in query.items() if value is not None}


def _problem(answer: Any) -> dict[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        return {}
    return dict(body) if isinstance(body, dict) else {}

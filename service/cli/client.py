"""The command line's side of the REST API: one client, and every failure as one line and an exit code."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from service.cli.errors import BadInput, Unreachable

DEFAULT_URL = "http://127.0.0.1:8000"
TIMEOUT_S = 60.0

Url = Annotated[
    str, typer.Option("--url", envvar="ABLATE_URL", help="Address of the service.", show_default=True)
]
ApiKey = Annotated[
    str | None, typer.Option("--api-key", envvar="ABLATE_API_KEY", help="API key.", show_envvar=True)
]
Id = Annotated[
    str, typer.Argument(help="The study: its id or how that begins, its name (the newest counts), or last.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
CHANGED = (
    "results of this study were measured with something else: --anyway goes on with what is here now,"
    " --afresh (resume, retry) runs everything anew"
)
WHOLE_ID = re.compile(r"[0-9a-f]{24}")
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
NOT_BUILT = 501
"""The service answers, and cannot do this."""
FINAL = ("done", "failed", "cancelled")
"""The states that a study ends in."""


class Client:
    """Calls under /v1. Answers are JSON objects; a problem raises with its paths and what is allowed."""

    def __init__(self, url: str, api_key: str | None = None, *, timeout_s: float = TIMEOUT_S) -> None:
        import httpx

        self.url = url.rstrip("/")
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._http = httpx.Client(base_url=self.url, headers=headers, timeout=timeout_s)

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        """GET as JSON."""
        params = {name: value for name, value in query.items() if value is not None}
        return dict(self._call("GET", path, params=params).json())

    def text(self, path: str, accept: str = "text/plain", **query: Any) -> str:
        """GET as text."""
        params = {name: value for name, value in query.items() if value is not None}
        return str(self._call("GET", path, params=params, headers={"Accept": accept}).text)

    def content(self, path: str, **query: Any) -> bytes:
        """GET as bytes."""
        return bytes(self._call("GET", path, params=query).content)

    def post(self, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        """POST JSON, answered with JSON."""
        return dict(self._call("POST", path, json=body, headers=dict(headers or {})).json())

    def delete(self, path: str) -> dict[str, Any]:
        """DELETE, answered with JSON."""
        return dict(self._call("DELETE", path).json())

    def find(self, meant: str) -> str:
        """The id of the study that is meant; says which was taken where that is not plain."""
        if WHOLE_ID.fullmatch(meant):
            return meant
        (study,) = self.get("/v1/studies", study=meant)["items"]
        when = study["created_at"][:16].replace("T", " ")
        typer.echo(f"{meant} is {study['id']}, {study['name']}, submitted {when} UTC", err=True)
        return str(study["id"])

    def items(self, path: str, *, at_most: int, **query: Any) -> list[dict[str, Any]]:
        """A list, page by page."""
        found: list[dict[str, Any]] = []
        cursor: str | None = None
        while len(found) < at_most:
            page = self.get(path, limit=min(500, at_most - len(found)), cursor=cursor, **query)
            found += page["items"]
            cursor = page.get("next")
            if not cursor:
                break
        return found

    def close(self) -> None:
        """Let the connections go."""
        self._http.close()

    def _call(self, method: str, path: str, **options: Any) -> Any:
        import httpx

        try:
            answer = self._http.request(method, path, **options)
        except (httpx.TransportError, httpx.InvalidURL) as error:
            hint = "start one with `ablate up`, or say where it is by --url or ABLATE_URL"
            raise Unreachable(f"no service at {self.url} ({error or type(error).__name__}): {hint}") from None
        if answer.is_success:
            return answer
        problem = _problem(answer)
        text = describe(problem, f"{method} {path}: HTTP {answer.status_code}")
        if problem.get("type") == "/problems/study-changed":
            text += f"\n{CHANGED}"
        if answer.status_code >= 500 and answer.status_code != NOT_BUILT:
            raise Unreachable(text)
        raise BadInput(text, problem.get("errors") or ())


@contextmanager
def connect(url: str, api_key: str | None, *, timeout_s: float | None = None) -> Iterator[Client]:
    """A client for the length of one command."""
    client = Client(url, api_key, timeout_s=timeout_s or TIMEOUT_S)
    try:
        yield client
    finally:
        client.close()


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


def _problem(answer: Any) -> dict[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        return {}
    return dict(body) if isinstance(body, dict) else {}

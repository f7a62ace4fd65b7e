"""The command line against a small real HTTP server: answers, problems, exit codes."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from service.cli import main
from service.cli.client import Client
from service.cli.errors import BadInput, Unreachable

PROBLEM = {
    "type": "/problems/invalid-study",
    "title": "The study cannot be asked",
    "status": 422,
    "detail": "2 problems",
    "errors": [
        {"path": "factors.depth.0", "detail": "must be at least 1, is 0", "allowed": "1 to 1000"},
        {"path": "design", "detail": "no such design", "allowed": ["factorial", "listed"]},
    ],
}
ANSWERS: dict[str, tuple[int, Any]] = {
    "/v1/studies/bad": (422, PROBLEM),
    "/v1/studies/gone": (404, {"detail": "there is no study 'gone'", "status": 404}),
    "/v1/studies/away": (503, {"detail": "the database does not answer"}),
    "/v1/studies/plain": (500, "not a problem"),
}


class Handler(BaseHTTPRequestHandler):
    seen: list[tuple[str, str | None]] = []

    def do_GET(self) -> None:
        self.seen.append((self.path, self.headers.get("Authorization")))
        path, _, query = self.path.partition("?")
        if path == "/v1/studies":
            second = "cursor=c1" in query
            status, body = 200, {"items": [{"id": "b" if second else "a"}], "next": None if second else "c1"}
        else:
            status, body = ANSWERS[path]
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def client(url: str) -> Iterator[Client]:
    made = Client(url, "key")
    yield made
    made.close()


def test_lists_are_read_page_by_page_and_the_key_is_sent(client: Client) -> None:
    assert [item["id"] for item in client.items("/v1/studies", at_most=10)] == ["a", "b"]
    assert [item["id"] for item in client.items("/v1/studies", at_most=1)] == ["a"]
    assert Handler.seen[-1][1] == "Bearer key"


def test_a_problem_names_every_path_and_what_is_allowed(client: Client) -> None:
    with pytest.raises(BadInput) as caught:
        client.get("/v1/studies/bad")
    assert str(caught.value).splitlines() == [
        "factors.depth.0: must be at least 1, is 0 (allowed: 1 to 1000)",
        "design: no such design (allowed: factorial, listed)",
    ]


def test_a_broken_service_counts_as_unreachable(client: Client) -> None:
    with pytest.raises(Unreachable, match="database"):
        client.get("/v1/studies/away")
    with pytest.raises(Unreachable, match="HTTP 500"):
        client.get("/v1/studies/plain")


@pytest.mark.parametrize(("id", "code", "word"), [("gone", 2, "no study"), ("away", 3, "database")])
def test_exit_codes(url: str, id: str, code: int, word: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["show", id, "--url", url])
    assert ended.value.code == code
    told = capsys.readouterr()
    assert word in told.err and "Traceback" not in told.err and told.out == ""


def test_nobody_there(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["list", "--url", "http://127.0.0.1:1"])
    assert ended.value.code == 3 and "http://127.0.0.1:1" in capsys.readouterr().err


def test_a_command_that_does_not_exist(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["frobnicate"])
    assert ended.value.code == 2 and "frobnicate" in capsys.readouterr().err

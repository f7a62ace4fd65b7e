"""The command line against a small real HTTP server: answers, problems, exit codes."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from service.cli import main
from service.cli.client import Caller
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
CHANGED = {
    "type": "/problems/study-changed",
    "status": 409,
    "detail": "since results were measured, something changed",
    "errors": [{"path": "toy's code", "detail": "was 0a1b, is 2c3d now"}],
}
BAD, GONE, AWAY, PLAIN, ONE, OTHER = (letter * 24 for letter in "bea10c")
ANSWERS: dict[str, tuple[int, Any]] = {
    f"/v1/studies/{BAD}": (422, PROBLEM),
    f"/v1/studies/{GONE}": (404, {"detail": "there is no study 'gone'", "status": 404}),
    f"/v1/studies/{AWAY}": (503, {"detail": "the database does not answer"}),
    f"/v1/studies/{PLAIN}": (500, "not a problem"),
}


class Handler(BaseHTTPRequestHandler):
    seen: list[tuple[str, str | None]] = []
    posted: list[tuple[str, Any]] = []
    keys: list[str | None] = []

    def do_GET(self) -> None:
        self.seen.append((self.path, self.headers.get("Authorization")))
        path, _, query = self.path.partition("?")
        if path == "/v1/studies":
            second = "cursor=c1" in query
            status, body = 200, {"items": [{"id": "b" if second else "a"}], "next": None if second else "c1"}
        else:
            status, body = ANSWERS[path]
        self.answer(status, body)

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.posted.append((self.path, json.loads(content) if content else None))
        self.keys.append(self.headers.get("Idempotency-Key"))
        changed = f"/{OTHER}/" in self.path
        self.answer(409 if changed else 202, CHANGED if changed else {"id": ONE, "state": "queued"})

    def answer(self, status: int, body: Any) -> None:
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
def client(url: str) -> Iterator[Caller]:
    made = Caller(url, "key")
    yield made
    made.close()


def test_lists_are_read_page_by_page_and_the_key_is_sent(client: Caller) -> None:
    assert [item["id"] for item in client.items("/v1/studies", at_most=10)] == ["a", "b"]
    assert [item["id"] for item in client.items("/v1/studies", at_most=1)] == ["a"]
    assert Handler.seen[-1][1] == "Bearer key"


def test_a_problem_names_every_path_and_what_is_allowed(client: Caller) -> None:
    with pytest.raises(BadInput) as caught:
        client.get(f"/v1/studies/{BAD}")
    assert str(caught.value).splitlines() == [
        "factors.depth.0: must be at least 1, is 0 (allowed: 1 to 1000)",
        "design: no such design (allowed: factorial, listed)",
    ]


def test_a_broken_service_counts_as_unreachable(client: Caller) -> None:
    with pytest.raises(Unreachable, match="database"):
        client.get(f"/v1/studies/{AWAY}")
    with pytest.raises(Unreachable, match="HTTP 500"):
        client.get(f"/v1/studies/{PLAIN}")


@pytest.mark.parametrize(("id", "code", "word"), [(GONE, 2, "no study"), (AWAY, 3, "database")])
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


@pytest.mark.parametrize(
    ("command", "path", "body"),
    [
        (["resume", ONE], f"/v1/studies/{ONE}/resume", None),
        (["resume", ONE, "--anyway"], f"/v1/studies/{ONE}/resume?anyway=true", None),
        (["resume", ONE, "--afresh"], f"/v1/studies/{ONE}/resume?afresh=true", None),
        (["retry", ONE], f"/v1/studies/{ONE}/retry", None),
        (["retry", ONE, "--anyway"], f"/v1/studies/{ONE}/retry?anyway=true", None),
        (["retry", ONE, "--afresh"], f"/v1/studies/{ONE}/retry?afresh=true", None),
        (["extend", ONE, "--seeds", "8"], f"/v1/studies/{ONE}/extend", {"seeds": 8}),
        (["extend", ONE, "--seeds", "8", "--anyway"], f"/v1/studies/{ONE}/extend?anyway=true", {"seeds": 8}),
    ],
)
def test_flags_say_what_to_do_where_something_has_changed(
    url: str, command: list[str], path: str, body: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*command, "--url", url])
    assert ended.value.code == 0 and ONE in capsys.readouterr().out
    assert Handler.posted[-1] == (path, body)
    key = Handler.keys[-1]
    assert key is not None and Handler.keys.count(key) == 1


@pytest.mark.parametrize("command", [["resume"], ["retry"], ["extend", "--seeds", "8"]])
def test_the_question_names_what_changed_and_the_flags(
    url: str, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command[0], OTHER, *command[1:], "--url", url])
    told = capsys.readouterr()
    assert ended.value.code == 2 and told.out == ""
    assert "toy's code: was 0a1b, is 2c3d now" in told.err
    assert "--anyway" in told.err and "--afresh" in told.err


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["show"], "id"),
        (["show", "x", "--nope"], "--nope"),
        (["list", "--limit", "x"], "--limit"),
        (["no-such-command"], "no-such-command"),
        (["submit", "no-such-file.yaml"], "no-such-file.yaml"),
    ],
)
def test_wrong_usage_is_json_where_json_was_asked_for(
    command: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*command, "--json"])
    told = json.loads(capsys.readouterr().err)
    assert ended.value.code == told["exit_code"] == 2 and said in told["error"]


def test_help_and_success_end_with_nought(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["--help"], ["--version"], ["list", "--json", "--url", url], ["presets", "--json"]):
        with pytest.raises(SystemExit) as ended:
            main(command)
        assert ended.value.code == 0, command
    assert capsys.readouterr().out

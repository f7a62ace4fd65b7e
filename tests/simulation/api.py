"""A simulated API process: the product's routes, called by their addresses over a simulated network."""

import json
import logging
import re
from collections.abc import Callable, Mapping
from typing import Any

import httpx
from prometheus_client import CollectorRegistry
from starlette.requests import Request

from ablations.errors import AblationError
from service.api.context import Context
from service.api.routes import internal, studies
from service.api.submission import Submission, read_question
from service.auth import check_attempt_token, check_ticket, holder_of
from service.errors import ServiceError, as_service_error
from service.schemas import Study
from service.settings import Settings
from tests.simulation.kernel import Kernel, Process
from tests.simulation.memory_ledger import LedgerView
from tests.simulation.network import Network, Unanswered
from trainables.catalogue import Catalogue

PROJECT = "default"
DRIVER_TIMEOUT_S = 30.0
JOB = re.compile(r"/internal/jobs/(?P<job>[^/]+)")
INTERNAL = re.compile(r"/internal/studies/(?P<study>[^/]+)/attempts/(?P<number>\d+)(?P<rest>.*)")
VERB = re.compile(r"/v1/studies/(?P<study>[^/]+)/(?P<verb>\w+)")
ANYWAY = studies.Answer(anyway=True)
REQUEST = Request(
    {"type": "http", "method": "POST", "path": "/", "headers": [], "query_string": b"", "scheme": "http"}
)


class InProcess:
    """What the product's Planner has done elsewhere, done here."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def question(self, data: Any) -> Submission:
        return read_question(data, self._catalogue)


class SimApi:
    """The API's process, which dies and comes back, and its routes."""

    def __init__(
        self,
        kernel: Kernel,
        network: Network,
        settings: Settings,
        ledger: Callable[[], LedgerView],
        catalogue: Catalogue,
    ) -> None:
        self._kernel = kernel
        self.network = network
        self._settings = settings
        self._ledger = ledger
        self._catalogue = catalogue
        self._registry = CollectorRegistry()
        self.process: Process | None = None
        self.start()

    def start(self) -> None:
        """A fresh process with nothing in its memory."""
        if self.process is not None and self.process.alive:
            return
        self.process = self._kernel.process("api")
        self._context = Context(
            settings=self._settings,
            ledger=self._ledger(),  # type: ignore[arg-type]
            catalogues=lambda: self._catalogue,
            job_logs=lambda _settings, _id: "",
            probes={},
            planner=InProcess(self._catalogue),  # type: ignore[arg-type]
            registry=self._registry,
        )

    def crash(self, back_in_s: float) -> None:
        """Gone, and back after a while."""
        if self.process is not None and self.process.alive:
            self._kernel.kill(self.process)
        self._kernel.process("supervisor").spawn(self.start, "api", in_s=back_in_s)

    def handle(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, Any]:
        """Status and JSON of the answer to a request."""
        try:
            if found := JOB.fullmatch(path):
                return 200, self._job(found["job"], headers, body)
            if found := INTERNAL.fullmatch(path):
                return 200, self._internal(method, found, headers, body)
            if path == "/v1/studies":
                return self._submit(headers, body)
            if path == "/healthz":
                return 200, {}
            if found := VERB.fullmatch(path):
                return self._verb(found["study"], found["verb"], headers, body)
            return 404, {}
        except ServiceError as error:
            return error.status, {"detail": error.detail, "type": error.kind}
        except AblationError as error:
            told = as_service_error(error)
            return told.status, {"detail": told.detail, "type": told.kind}
        except Exception as error:
            self._kernel.uncaught.append(f"api {method} {path}: {type(error).__name__}: {error}")
            logging.getLogger(__name__).debug("a route failed", exc_info=True)
            return 500, {"detail": str(error)}

    def _job(self, job: str, headers: Mapping[str, str], body: bytes) -> Any:
        check_ticket(self._settings, headers.get("Authorization"), job)
        holder = holder_of(json.loads(body)["holder"])
        return internal.hand_out(self._context.ledger, self._settings.secret, job, holder)

    def _internal(self, method: str, found: re.Match[str], headers: Mapping[str, str], body: bytes) -> Any:
        context, study_id, number = self._context, found["study"], int(found["number"])
        check_attempt_token(self._settings, headers.get("Authorization"), study_id, number)
        if method == "GET":
            return internal.show(context, study_id, number)
        route: Callable[..., Any] = getattr(internal, found["rest"].removeprefix("/"))
        return route(context, study_id, number, body)

    def _submit(self, headers: Mapping[str, str], body: bytes) -> tuple[int, Any]:
        key = headers.get("Idempotency-Key")
        answer = studies.submit(REQUEST, self._context, PROJECT, body, key)
        return answer.status_code, json.loads(bytes(answer.body))

    def _verb(self, study_id: str, verb: str, headers: Mapping[str, str], body: bytes) -> tuple[int, Any]:
        key = headers.get("Idempotency-Key")
        more = {"extend": (body, ANYWAY, key), "retry": (ANYWAY, key), "resume": (ANYWAY,)}.get(verb, ())
        route: Callable[..., Any] = getattr(studies, verb)
        answer = route(REQUEST, self._context, PROJECT, study_id, *more)
        told = answer.model_dump() if isinstance(answer, Study) else json.loads(bytes(answer.body))
        return 202, told


class ApiHttp:
    """The API as another process reaches it: what `httpx.Client` is to the product's HttpInternal."""

    def __init__(self, api: SimApi, *, timeout_s: float = DRIVER_TIMEOUT_S) -> None:
        self._api = api
        self._timeout_s = timeout_s

    def request(
        self,
        method: str,
        path: str,
        *,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> "Answer":
        api = self._api
        name = path.rpartition("/")[2] if path.startswith("/internal") else path
        try:
            return api.network.call(
                lambda: api.process,
                lambda: Answer(*api.handle(method, path, headers or {}, content or b"")),
                f"api {name}",
                timeout_s=self._timeout_s,
            )  # type: ignore[no-any-return]
        except Unanswered as error:
            raise httpx.ReadError(str(error)) from None


class Answer:
    """What is asked of an `httpx.Response`; the body travels as JSON."""

    def __init__(self, status: int, body: Any) -> None:
        self.status_code = status
        self.text = json.dumps(body, allow_nan=False)
        self.is_success = status < 300

    def json(self) -> Any:
        return json.loads(self.text)

"""Every error as application/problem+json (RFC 9457)."""

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic_core import ErrorDetails
from starlette.exceptions import HTTPException

from ablations.errors import AblationError, Json, Problem
from ablations.study.parsing import problem_in_words
from service.errors import InvalidRequest, ServiceError, as_service_error

MEDIA_TYPE = "application/problem+json"
_log = logging.getLogger(__name__)


def problem(error: ServiceError, headers: Mapping[str, str] | None = None, **more: Json) -> JSONResponse:
    """An error as an answer: its stable `type`, words, and the offending paths with what is allowed."""
    body = {
        "type": f"/problems/{error.kind}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "errors": [item.to_json() for item in error.problems],
        **more,
    }
    extra = {"Retry-After": "2"} if error.status == 503 else {}
    if error.status == 401:
        # A browser asks for a password, which may be the key.
        extra["WWW-Authenticate"] = 'Bearer realm="ablate", Basic realm="ablate"'
    return JSONResponse(body, error.status, {**extra, **(headers or {})}, MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Answer every error of the application this way."""
    app.add_exception_handler(ServiceError, _service_error)
    app.add_exception_handler(AblationError, _ablation_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _unexpected)


def _service_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ServiceError)
    return problem(error)


def _ablation_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, AblationError)
    return problem(as_service_error(error))


def _validation_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    problems = problems_of(error.errors(), skip=1)
    return problem(InvalidRequest("; ".join(str(item) for item in problems), problems))


def _http_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    told = ServiceError(str(error.detail))
    told.status, told.title = status.value, status.phrase
    told.kind = status.phrase.lower().replace(" ", "-")
    return problem(told, error.headers)


def _unexpected(request: Request, error: Exception) -> Response:
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return problem(ServiceError("the error has been logged"))


def problems_of(errors: Sequence[Any], skip: int = 0) -> list[Problem]:
    """Pydantic's errors as ours; the first `skip` steps of a location (`query`, `body`) are left out."""
    return [problem_in_words(cast(ErrorDetails, {**error, "loc": error["loc"][skip:]})) for error in errors]

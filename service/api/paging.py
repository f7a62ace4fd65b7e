"""Keyset paging: opaque cursors and the Link header."""

import base64
import binascii
from typing import Annotated

from fastapi import Request, Response
from pydantic import BaseModel, ConfigDict, Field

from ablations.errors import Problem
from service.errors import InvalidRequest
from service.settings import Settings

# Free text in a query: the databases take no NUL.
Word = Annotated[str, Field(max_length=1000, pattern=r"^[^\x00]*$")]


class PageQuery(BaseModel):
    """The query of every list. Unknown parameters are refused: a misspelt filter would find everything."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    limit: int = Field(50, ge=1, le=500, description="How many items at most")
    cursor: Word | None = Field(None, description="From the `next` of the page before")


def encode_cursor(key: str) -> str:
    """A cursor for the key of the last item shown."""
    return base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")


def decode_cursor(cursor: str | None) -> str | None:
    """The key in a cursor.

    Raises: InvalidRequest.
    """
    if cursor is None:
        return None
    try:
        key = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        key = ""
    if not key.isascii() or not key.replace("-", "").isalnum() or len(key) > 40:
        raise bad_cursor()
    return key


def bad_cursor() -> InvalidRequest:
    """The error for a cursor that none of our lists gave out."""
    problem = Problem(path="cursor", detail="not a cursor", allowed="the `next` of the page before")
    return InvalidRequest("cursor: not a cursor", [problem])


def link_next(request: Request, response: Response, settings: Settings, cursor: str | None) -> None:
    """Point to the next page, if there is one."""
    if cursor is not None:
        url = request.url.include_query_params(cursor=cursor)
        base = base_url(request, settings)
        response.headers["Link"] = f'<{base}{url.path}?{url.query}>; rel="next"'


def base_url(request: Request, settings: Settings) -> str:
    """Where callers reach this API."""
    return settings.public_url or str(request.base_url).rstrip("/")

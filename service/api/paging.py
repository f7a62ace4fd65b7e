"""Keyset paging: cursors and the Link header."""

from typing import Annotated

from fastapi import Request, Response
from pydantic import BaseModel, ConfigDict, Field

from service.api.context import STUDY_ID
from service.settings import Settings

# Free text in a query: the databases take no NUL.
Word = Annotated[str, Field(max_length=1000, pattern=r"^[^\x00]*$")]


class PageQuery(BaseModel):
    """The query of every list. Unknown parameters are refused: a misspelt filter would find everything."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    limit: int = Field(50, ge=1, le=500, description="How many items at most")


class StudyPageQuery(PageQuery):
    """The query of lists of studies."""

    cursor: str | None = Field(None, pattern=STUDY_ID, description="From the `next` of the page before")


def link_next(request: Request, response: Response, settings: Settings, cursor: str | None) -> None:
    """Point to the next page, if there is one."""
    if cursor is not None:
        url = request.url.include_query_params(cursor=cursor)
        base = base_url(request, settings)
        response.headers["Link"] = f'<{base}{url.path}?{url.query}>; rel="next"'


def base_url(request: Request, settings: Settings) -> str:
    """Where callers reach this API."""
    return settings.public_url or str(request.base_url).rstrip("/")

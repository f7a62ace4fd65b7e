"""Reading request bodies: JSON only and up to a size."""

import asyncio
import json
import math
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Depends, Request

from ablations.errors import NotJson
from service.errors import TooLarge, TooSlow, WrongMediaType

MAX_STUDY_BYTES = 1 << 20
MAX_INTERNAL_BYTES = 64 << 20
WITHIN_S = 60.0


def read_body(limit: int) -> Callable[[Request], Coroutine[Any, Any, bytes]]:
    """A dependency that reads a JSON body of at most `limit` bytes, unparsed."""

    async def read(request: Request) -> bytes:
        _check_headers(request, limit)
        body = bytearray()
        try:
            async with asyncio.timeout(WITHIN_S):
                async for chunk in request.stream():
                    body += chunk
                    if len(body) > limit:
                        raise TooLarge(f"the body is larger than {limit} bytes")
        except TimeoutError:
            raise TooSlow(f"the body did not arrive within {WITHIN_S:g} s") from None
        return bytes(body)

    return read


def parse_lenient(body: bytes) -> Any:
    """A driver's body as JSON: NaN and infinities are null, characters that no column takes are replaced.

    A result must never be refused for a byte that somebody's traceback holds.

    Raises: NotJson.
    """
    try:
        return _without_oddities(json.loads(body, parse_constant=lambda _name: None, parse_float=_finite))
    except (ValueError, RecursionError) as error:
        raise NotJson(f"not JSON: {error}") from None


def _finite(digits: str) -> float | None:
    value = float(digits)
    return value if math.isfinite(value) else None


def _without_oddities(data: Any) -> Any:
    match data:
        case str():
            return data.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
        case list():
            return [_without_oddities(value) for value in data]
        case dict():
            return {_without_oddities(key): _without_oddities(value) for key, value in data.items()}
        case _:
            return data


def _check_headers(request: Request, limit: int) -> None:
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != "application/json":
        raise WrongMediaType(f"the body must be application/json, not {media or 'of no type'}")
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity":
        raise WrongMediaType(f"the body must not be encoded, and is {encoding}")
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length[:20]) > limit:
        raise TooLarge(f"the body is larger than {limit} bytes")


StudyBody = Annotated[bytes, Depends(read_body(MAX_STUDY_BYTES))]
InternalBody = Annotated[bytes, Depends(read_body(MAX_INTERNAL_BYTES))]

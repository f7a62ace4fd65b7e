"""What every request must keep to, before any route sees it."""

from urllib.parse import unquote_to_bytes, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.problems import problem
from service.errors import BadRequest, Forbidden, ServiceError

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Guard:
    """ASGI middleware: refuses other sites' writes and NUL in addresses; adds headers to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request or pass it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "same-origin"
            await send(message)

        refusal = _refusal(scope)
        app = self._app if refusal is None else problem(refusal)
        await app(scope, receive, send_with_headers)


def _refusal(scope: Scope) -> ServiceError | None:
    if "\x00" in scope["path"] or b"\x00" in unquote_to_bytes(scope["query_string"]):
        return BadRequest("an address cannot hold the character NUL")
    headers = Headers(scope=scope)
    origin = headers.get("origin")
    # A page of another site, open in a browser on this machine, must not start or stop anything.
    if scope["method"] not in _SAFE and origin is not None and urlsplit(origin).netloc != headers.get("host"):
        return Forbidden(f"requests from pages of {origin} are refused")
    return None

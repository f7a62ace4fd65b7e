"""What every request must keep to, before any route sees it."""

from urllib.parse import unquote_to_bytes, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.problems import problem
from service.auth import is_loopback
from service.errors import BadRequest, Forbidden, ServiceError
from service.settings import Settings

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Guard:
    """ASGI middleware: refuses other sites' writes, other names for this server, and NUL in addresses.

    `hosts` are the names that an open server answers to; None where a key is asked for anyway. It adds
    headers to every answer.
    """

    def __init__(self, app: ASGIApp, *, hosts: frozenset[str] | None = None) -> None:
        self._app = app
        self._hosts = hosts

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

        refusal = _refusal(scope) or self._misnamed(scope)
        app = self._app if refusal is None else problem(refusal)
        await app(scope, receive, send_with_headers)

    def _misnamed(self, scope: Scope) -> ServiceError | None:
        """A page whose name was made to point here (DNS rebinding) is of one origin with this server.

        Its browser would let it read and start anything; only the Host header gives it away. Drivers come
        with a token of their own, under whatever name the cluster has for this server.
        """
        host = Headers(scope=scope).get("host")
        if self._hosts is None or host is None or scope["path"].startswith("/internal/"):
            return None
        name = host_of(f"//{host}")
        if name is not None and (name in self._hosts or is_loopback(name)):
            return None
        return Forbidden(
            f"this server does not answer to {host!r}: without API keys it goes by localhost, 127.0.0.1 or"
            " the name in ABLATE_PUBLIC_URL"
        )


def open_hosts(settings: Settings) -> frozenset[str] | None:
    """The names that a server without keys answers to beside those of loopback; None with keys."""
    if settings.api_keys:
        return None
    urls = (settings.public_url, settings.internal_url)
    return frozenset(name for url in urls if url is not None and (name := host_of(url)) is not None)


def host_of(url: str) -> str | None:
    """The host that a URL names, in lower case; None where it names none that could be."""
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _same(origin: str, host: str | None) -> bool:
    try:
        return urlsplit(origin).netloc == host
    except ValueError:
        return False


def _refusal(scope: Scope) -> ServiceError | None:
    if "\x00" in scope["path"] or b"\x00" in unquote_to_bytes(scope["query_string"]):
        return BadRequest("an address cannot hold the character NUL")
    headers = Headers(scope=scope)
    origin = headers.get("origin")
    # A page of another site, open in a browser on this machine, must not start or stop anything.
    if scope["method"] not in _SAFE and origin is not None and not _same(origin, headers.get("host")):
        return Forbidden(f"requests from pages of {origin} are refused")
    return None

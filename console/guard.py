"""What every request and answer passes: whom they are for, how large, which headers. Pure ASGI."""

from collections.abc import Iterable
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST_BODY = 16 * 1024
OPEN_TO_ANY_NAME = "/healthz"
_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_STRICT = "max-age=31536000"
"""A browser that was here by TLS comes by nothing else for a year (RFC 6797)."""
_HEADERS = {
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    # Never "no-referrer": browsers then send "Origin: null" with our own form.
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Robots-Tag": "noindex, nofollow",
}


class Guard:
    """Refuses what is too large or meant for another host; adds the headers to every answer."""

    def __init__(self, app: ASGIApp, *, names: Iterable[str]) -> None:
        """``names`` are the host names that the console goes by."""
        self._app = app
        self._names = frozenset(name.lower() for name in names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                # The screens have a policy of their own (``console.screens.seal``).
                headers.setdefault("Content-Security-Policy", _POLICY)
                for name, value in _HEADERS.items():
                    headers[name] = value
                if scope["scheme"] == "https":
                    headers["Strict-Transport-Security"] = _STRICT
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        refusal = self._refusal(scope)
        if refusal is not None:
            await refusal(scope, receive, sealed)
            return
        await self._app(scope, _bounded(receive), sealed)

    def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        headers = Headers(scope=scope)
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > LARGEST_BODY:
            return PlainTextResponse(f"At most {LARGEST_BODY} bytes are taken here.\n", 413)
        name = host_name(headers.get("host", ""))
        if scope["path"] == OPEN_TO_ANY_NAME or name in self._names or _is_local(name):
            return None
        return PlainTextResponse(
            "This console does not go by that name; whoever runs it can set console.public_url "
            "in the site's file.\n",
            421,
        )


class TooLargeError(Exception):
    """A request that says nothing of its length is longer than is taken."""


def host_name(host: str) -> str:
    """The name in a ``Host`` header, without port, in lower case."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def _is_local(name: str) -> bool:
    """An address, or a name without a dot: what another site's DNS cannot point at us."""
    try:
        ip_address(name)
    except ValueError:
        return bool(name) and "." not in name
    return True


def _bounded(receive: Receive) -> Receive:
    taken = 0

    async def counting() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > LARGEST_BODY:
            raise TooLargeError
        return message

    return counting

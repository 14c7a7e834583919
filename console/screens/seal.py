"""What every request to a screen passes: who may, and which scripts may run. Pure ASGI.

NiceGUI's pages carry their scripts inside themselves and compile their parts in the browser: a
nonce, made anew for each page, lets those run and no other. What users typed never gets it:
NiceGUI escapes ``<`` in all that it embeds.
"""

import secrets
from collections.abc import Awaitable, Callable, Iterable
from http import HTTPStatus

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console.login_pages import spoken, to_login
from console.origin import is_ours

CHANNEL = "/_nicegui_ws/"
FILES = "/_nicegui/"
_POLICY = (
    "default-src 'none'; script-src 'self' 'nonce-{nonce}' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_GONE = 4403


class Seal:
    """Lets through screens, their files, and the channel of those who are logged in."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        screens: Iterable[str],
        is_in: Callable[[HTTPConnection], Awaitable[bool]],
        public_url: str,
    ) -> None:
        """``screens`` are the beginnings of their paths; ``is_in``: whether somebody is."""
        self._app = app
        self._screens = tuple(screens)
        self._is_in = is_in
        self._public_url = public_url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        if path.startswith(CHANNEL):
            if not await self._may_talk(HTTPConnection(scope)):
                await _refuse(scope, receive, send)
                return
            await self._app(scope, receive, send)
        elif path.startswith(FILES):
            await self._app(scope, receive, send)
        elif any(path == each or path.startswith(f"{each}/") for each in self._screens):
            # Before NiceGUI makes anything for them: who is not in costs no memory.
            if not await self._is_in(HTTPConnection(scope)):
                await _to_login(scope, receive, send)
                return
            language = spoken(Request(scope)).language
            sealed = _Sealed(send, language)
            await self._app(scope, receive, sealed)
            if sealed.found_nothing:
                # The console's own page says so: what is inside would name an exception.
                raise HTTPException(HTTPStatus.NOT_FOUND)
        else:
            raise HTTPException(HTTPStatus.NOT_FOUND)

    async def _may_talk(self, connection: HTTPConnection) -> bool:
        """Whether our own page asks, for somebody who is logged in.

        Browsers let any page open a web socket to anywhere, and send our cookie along.
        """
        headers = connection.headers
        ours = is_ours(
            origin=headers.get("origin"),
            fetch_site=headers.get("sec-fetch-site"),
            host=headers.get("host", ""),
            public_url=self._public_url,
        )
        return ours and await self._is_in(connection)


class _Sealed:
    """Sends a page whose own scripts carry a nonce; anything else as it is.

    Of what is not there nothing is sent; ``found_nothing`` says so.
    """

    def __init__(self, send: Send, language: str) -> None:
        self._send = send
        self._language = language
        self._start: Message | None = None
        self.found_nothing = False
        self._body = bytearray()

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.found_nothing = message["status"] == HTTPStatus.NOT_FOUND
        if self.found_nothing:
            return
        if message["type"] == "http.response.start" and _is_page(message):
            self._start = message
        elif self._start is None:
            await self._send(message)
        else:
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._finish(self._start)

    async def _finish(self, start: Message) -> None:
        nonce = secrets.token_urlsafe(16)
        body = bytes(self._body).replace(b"<script", f'<script nonce="{nonce}"'.encode())
        language = f'<html lang="{self._language}"'.encode()
        body = body.replace(b"<html", language, 1)
        headers = MutableHeaders(scope=start)
        headers["Content-Length"] = str(len(body))
        headers["Content-Security-Policy"] = _POLICY.format(nonce=nonce)
        headers["Cache-Control"] = "no-store"
        await self._send(start)
        await self._send({"type": "http.response.body", "body": body})


def _is_page(message: Message) -> bool:
    return MutableHeaders(scope=message).get("content-type", "").startswith("text/html")


async def _to_login(scope: Scope, receive: Receive, send: Send) -> None:
    query = scope.get("query_string", b"").decode("latin-1")
    path = f"{scope['path']}?{query}" if query else scope["path"]
    await RedirectResponse(to_login(path), HTTPStatus.SEE_OTHER)(scope, receive, send)


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": _GONE})
        return
    raise HTTPException(HTTPStatus.FORBIDDEN)

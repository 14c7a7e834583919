"""The room at a glance: to people who are in, and as a wall screen where the site opens one.

A wall screen shows values and the states of alarms: no batches, no names, nothing of the machine.
"""

import logging
from http import HTTPStatus

import msgspec
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from msgspec.structs import replace

from alerts.engine.view import AlarmView
from console.api.entry import Entry
from console.api.tokens import ApiTokens, Scope
from console.entrance import Entrance
from console.login_pages import spoken
from console.pages import Pages
from console.run_status import RunStatus
from console.settings import ConsoleSettings
from console.sight import Sight
from console.view import DeviceView, SiteView
from storage.database import DatabaseError
from storage.wall import wall_ms

log = logging.getLogger(__name__)

HIDDEN = "something cannot be read; log in to see what"
_READ = ["GET", "HEAD"]


class Glance:
    """Serves ``/``, ``/live`` and ``/api/status``."""

    def __init__(
        self,
        settings: ConsoleSettings,
        entrance: Entrance,
        cookie: str,
        *,
        pages: Pages,
        sight: Sight[SiteView],
    ) -> None:
        """``cookie`` is the name of the session's."""
        self._open = settings.open_wall
        self._entrance = entrance
        self._cookie = cookie
        self._pages = pages
        self._sight = sight
        tokens = settings.api_tokens
        self._entry = None if tokens is None else Entry(ApiTokens(tokens), wall_ms)

    def serve_on(self, app: FastAPI) -> None:
        """Add the routes."""
        for path, show in (("/", self.status), ("/live", self.live), ("/api/status", self.told)):
            app.add_api_route(path, show, methods=_READ, response_class=HTMLResponse)

    async def status(self, request: Request) -> Response:
        """The page; the way to the login where nobody is in and no wall is open."""
        is_in = await self._is_in(request)
        if not is_in and not self._open:
            return RedirectResponse("/login", HTTPStatus.SEE_OTHER)
        view = await self._sight.look()
        return HTMLResponse(
            self._pages.status(_for(view, is_in=is_in), spoken(request), wall=not is_in)
        )

    async def live(self, request: Request) -> Response:
        """The part that changes. It is asked for by itself, and keeps nobody logged in."""
        is_in = await self._is_in(request)
        if not is_in and not self._open:
            return Response(status_code=HTTPStatus.UNAUTHORIZED)
        view = await self._sight.look()
        return HTMLResponse(
            self._pages.live(_for(view, is_in=is_in), spoken(request), wall=not is_in)
        )

    async def told(self, request: Request) -> Response:
        """The same for programs, which may bring a token with the scope for health."""
        is_in = await self._is_in(request)
        if not is_in and not self._open:
            try:
                self._let_in(request)
            except HTTPException as error:
                body = msgspec.json.encode({"detail": error.detail})
                return Response(body, error.status_code, error.headers, "application/json")
        view = _for(await self._sight.look(), is_in=is_in)
        return Response(msgspec.json.encode(view), media_type="application/json")

    def _let_in(self, request: Request) -> None:
        if self._entry is None:
            raise HTTPException(HTTPStatus.UNAUTHORIZED, "log in; this console knows no tokens")
        self._entry.let_in(request, Scope.HEALTH)

    async def _is_in(self, request: Request) -> bool:
        token = request.cookies.get(self._cookie, "")
        try:
            return bool(token) and await self._entrance.visitor(token) is not None
        except DatabaseError as error:
            log.warning("nobody is known to be in: %s", error)
            return False


def _for(view: SiteView, *, is_in: bool) -> SiteView:
    return view if is_in else for_wall(view)


def for_wall(view: SiteView) -> SiteView:
    """``view`` without batches, names, pages, and what the machine says of itself."""
    return replace(
        view,
        devices=tuple(bare(device) for device in view.devices),
        alarms=tuple(_nameless(alarm) for alarm in view.alarms),
        pages=(),
        status=None if view.status is None else _silent(view.status),
        problems=(HIDDEN,) if view.problems else (),
    )


def bare(device: DeviceView, *, batches: bool = False, names: bool = False) -> DeviceView:
    """``device`` as somebody sees it who may not know its ``batches``, or people's ``names``.

    That an alarm stands on a channel, and what it asks for, is never left out.
    """
    if not batches:
        device = replace(device, batches=None, vials=None)
    if names:
        return device
    channels = tuple(
        channel if channel.alarm is None else replace(channel, alarm=_nameless(channel.alarm))
        for channel in device.channels
    )
    return replace(device, channels=channels)


def _nameless(alarm: AlarmView) -> AlarmView:
    # That it is kept quiet decides whether it asks for somebody, and stays.
    quiet = tuple(replace(one, by="", why="") for one in alarm.quiet)
    return replace(alarm, acked_by=(), paged=(), quiet=quiet, error="")


def _silent(status: RunStatus) -> RunStatus:
    journal = replace(status.journal, trouble=HIDDEN if status.journal.trouble else "")
    bare = replace(status, journal=journal, modbus=(), lines=(), http=(), mqtt={})
    return replace(bare, forwarding=None, troubles=())

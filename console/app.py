"""The console's process: pages, API and the acknowledge links of one site."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Iterator
from http import HTTPStatus
from ssl import SSLContext
from typing import Any
from urllib.parse import urlsplit

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from alerts.token import AckAllClaim, Reason, load_key
from console import run_status
from console.acknowledge import AckDesk, Filled, Standing, fields
from console.acknowledge_all import Listing, listing, press_all
from console.api.application import AT, said_to_program
from console.api.serve import serve_on
from console.callbacks import Callbacks
from console.certificate import context, renew
from console.chart_data import ChartData
from console.door import run
from console.entrance import Entrance
from console.forms import fields_of
from console.forwarded import Forwarded
from console.glance import Glance
from console.guard import Guard, TooLargeError, host_name
from console.login_pages import LoginPages
from console.means import Means
from console.orders import OrderDesk
from console.origin import Nonces, is_ours
from console.pages import ASSETS, Pages
from console.pin_desk import PinDesk
from console.pins import Pins, Verdict
from console.record_desk import RecordDesk
from console.record_files import RecordFiles
from console.settings import ConsoleSettings
from console.sight import BlindError, Sight
from console.trends import Trends
from console.view import CORE_LOST_MS, Viewer
from storage.wall import wall_ms

log = logging.getLogger(__name__)

_READ = ["GET", "HEAD"]
_STATUS = {
    Reason.EXPIRED: HTTPStatus.GONE,
    Reason.FORGED: HTTPStatus.FORBIDDEN,
    Reason.USED: HTTPStatus.CONFLICT,
}
_OLD_PAGE = (
    "This page had been open for too long, or was not made here. Nothing was acknowledged: "
    "look again, then press once more."
)
_ELSEWHERE = (
    "This form was sent from another site. Nothing was acknowledged: open the link in the "
    "message itself, and press the button there."
)


class AddressError(OSError):
    """The console cannot listen where it is told to; the text says where and what to do."""


def serve(settings: ConsoleSettings) -> None:
    """Serve until SIGTERM or Ctrl-C.

    Raises:
        alerts.token.KeyFileError: the key that signs links cannot be used.
        AddressError: the address is taken, or not one of this machine's.
        console.certificate.CertificateError: its certificate cannot be used.
    """
    tls = None if settings.tls is None else context(settings.tls)
    console = _Console(settings, tls)
    app = _application(console, settings)
    from console.screens.mount import mount  # noqa: PLC0415 # NiceGUI is for the one that serves

    means = console.means()
    means.charts.warm()
    mount(app, means)
    with _listening(settings) as door:
        log.info("the console is at %s", settings.public_url or f"port {settings.port}")
        run(app, door, tls)


def create(settings: ConsoleSettings) -> FastAPI:
    """The application.

    Raises:
        alerts.token.KeyFileError: the key that signs links cannot be used.
    """
    return _application(_Console(settings), settings)


def _application(console: "_Console", settings: ConsoleSettings) -> FastAPI:
    names = (settings.host, host_name(urlsplit(settings.public_url).netloc))
    app = _Guarded(
        [name for name in names if name],
        settings.proxies,
        title="culturewatch",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=console.lifespan,
        exception_handlers={
            HTTPException: console.say_fault,
            BlindError: console.say_blind,
            TooLargeError: console.say_too_large,
            HTTPStatus.INTERNAL_SERVER_ERROR: console.say_stumbled,
        },
    )
    for path, page in (
        ("/healthz", console.health),
        ("/static/{name}", console.asset),
        ("/ack/{token}", console.show_link),
    ):
        app.add_api_route(path, page, methods=_READ, response_class=HTMLResponse)
    app.add_api_route("/ack/{token}", console.press_link, methods=["POST"])
    if console.callbacks is not None:
        console.callbacks.serve_on(app)
    if settings.api_tokens is not None:
        serve_on(app, settings, console.sight)
    console.login.serve_on(app)
    Glance(
        settings,
        console.entrance,
        console.login.cookie,
        pages=console.pages,
        sight=console.sight,
    ).serve_on(app)
    if console.records is not None:
        RecordFiles(console.records, console.entrance, console.login.cookie).serve_on(app)
    return app


class _Guarded(FastAPI):
    """Guarded on the outside, so that the page of a mistake carries the headers too."""

    def __init__(
        self,
        names: list[str],
        proxies: tuple[str, ...],
        **more: Any,  # noqa: ANN401 # FastAPI's own
    ) -> None:
        super().__init__(**more)
        self._names = names
        self._proxies = proxies

    def build_middleware_stack(self) -> ASGIApp:
        guarded = Guard(super().build_middleware_stack(), names=self._names)
        return Forwarded(guarded, proxies=self._proxies)


class _Console:
    """Answers requests."""

    def __init__(self, settings: ConsoleSettings, tls: SSLContext | None = None) -> None:
        self._tls = tls
        key = load_key(settings.token_key)
        viewer = Viewer(settings.data, settings.ledger_url, settings.equipment)
        self._settings = settings
        self.sight = Sight(viewer)
        self._desk = AckDesk(settings, key, self.sight)
        self._nonces = Nonces(key)
        self.pages = Pages(settings)
        self._pins = None if settings.pins is None else Pins(settings.pins)
        self.entrance = Entrance(settings)
        self.login = LoginPages(settings, self.entrance, key)
        self._orders = OrderDesk(settings.data, self.entrance)
        self._trend_sight = Sight(Trends(settings.data))
        self._charts = ChartData(settings.data)
        self.records = (
            None if settings.records is None else RecordDesk(settings.records, self.entrance)
        )
        proof = settings.twilio
        self.callbacks = None if proof is None else Callbacks(settings, proof, self._desk, key)

    def means(self) -> Means:
        """What screens are made from."""
        return Means(
            settings=self._settings,
            entrance=self.entrance,
            orders=self._orders,
            sight=self.sight,
            trends=self._trend_sight,
            charts=self._charts,
            records=self.records,
            pins=self._pin_desk(),
            cookie=self.login.cookie,
            version=self.pages.version,
        )

    def _pin_desk(self) -> PinDesk | None:
        people = frozenset(one.id for one in self._settings.people)
        return None if self._pins is None else PinDesk(self._pins, self.entrance, people)

    @contextlib.asynccontextmanager
    async def lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        async with self.sight, self._trend_sight, self._renewing():
            try:
                yield
            finally:
                self._desk.close()
                self._orders.close()
                self._charts.close()
                if self.records is not None:
                    await self.records.close()
                if self.callbacks is not None:
                    self.callbacks.close()

    @contextlib.asynccontextmanager
    async def _renewing(self) -> AsyncIterator[None]:
        """A renewed certificate is shown while this is open."""
        async with asyncio.TaskGroup() as tasks:
            following = None
            if self._tls is not None and self._settings.tls is not None:
                following = tasks.create_task(
                    renew(self._tls, self._settings.tls), name="renewed certificate"
                )
            yield
            if following is not None:
                following.cancel()

    async def health(self) -> Response:
        """That the console answers, and what it knows of the core; needs no database."""
        status = await asyncio.to_thread(run_status.read, self._settings.data)
        now = wall_ms()
        age = None if status is None else max(0, now - status.at)
        alive = age is not None and age < CORE_LOST_MS
        return _json({"console": "ok", "core": "ok" if alive else "lost", "core_age_ms": age})

    async def asset(self, name: str) -> Response:
        if name not in ASSETS:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        return Response(
            self.pages.assets[name],
            media_type=ASSETS[name],
            headers={"Cache-Control": "public, max-age=86400"},
        )

    async def show_link(self, token: str) -> Response:
        """The page behind a link. It changes nothing: scanners of mail open links."""
        claim = self._desk.judge(token)
        if isinstance(claim, Reason):
            return self._say_reason(claim)
        if isinstance(claim, AckAllClaim):
            return self._list(token, await listing(self._desk, claim))
        return self._form(token, await self._desk.standing(claim))

    async def press_link(self, token: str, request: Request) -> Response:
        """The button was pressed."""
        headers = request.headers
        if not is_ours(
            origin=headers.get("origin"),
            fetch_site=headers.get("sec-fetch-site"),
            host=headers.get("host", ""),
            public_url=self._settings.public_url,
        ):
            log.warning("a form from %r was refused", headers.get("origin"))
            return self._say(HTTPStatus.FORBIDDEN, "Not acknowledged", _ELSEWHERE)
        claim = self._desk.judge(token)
        if isinstance(claim, Reason):
            return self._say_reason(claim)
        filled = fields(await fields_of(request))
        if isinstance(claim, AckAllClaim):
            return await self._press_all(token, claim, filled)
        standing = await self._desk.standing(claim)
        if standing.used:
            log.warning("%s was pressed after it had been used", claim.command_id)
            return self._form(token, standing)
        if hint := await self._wrong_with(filled, token, claim.person):
            return self._form(token, standing, hint=hint)
        pressed = await self._desk.press(claim, note=filled.note)
        return HTMLResponse(self.pages.pressed(pressed), pressed.result.value)

    async def _wrong_with(self, filled: Filled, token: str, person: str) -> str:
        """Why a form does not count, empty if it does: an old page, or not the person's PIN."""
        if not self._nonces.holds(filled.nonce, token):
            log.warning("a form for %s without the nonce of its page was refused", person)
            return _OLD_PAGE
        if not self._asks_pin(person) or self._pins is None:
            return ""
        verdict = await asyncio.to_thread(self._pins.check, person, filled.pin)
        return "" if verdict is Verdict.RIGHT else f"Nothing was acknowledged: {verdict.value}."

    def _asks_pin(self, person: str) -> bool:
        return self._pins is not None and self._pins.asks(person)

    def _form(self, token: str, standing: Standing, *, hint: str = "") -> Response:
        page = self.pages.acknowledge(
            standing,
            self._nonces.make(token),
            hint=hint,
            asks_pin=self._asks_pin(standing.claim.person),
        )
        if standing.used:
            return HTMLResponse(page, _STATUS[Reason.USED])
        return HTMLResponse(page, HTTPStatus.FORBIDDEN if hint else HTTPStatus.OK)

    async def _press_all(self, token: str, claim: AckAllClaim, filled: Filled) -> Response:
        shown = await listing(self._desk, claim)
        if shown.used or not shown.alarms:
            log.warning("the link of summary %d was pressed for nothing", claim.summary)
            return self._list(token, shown)
        if hint := await self._wrong_with(filled, token, claim.person):
            return self._list(token, shown, hint=hint)
        pressed = await press_all(self._desk, shown, note=filled.note)
        return HTMLResponse(self.pages.pressed_all(pressed), pressed.status)

    def _list(self, token: str, shown: Listing, *, hint: str = "") -> Response:
        page = self.pages.acknowledge_all(
            shown,
            self._nonces.make(token),
            hint=hint,
            asks_pin=self._asks_pin(shown.claim.person),
        )
        if shown.used:
            return HTMLResponse(page, _STATUS[Reason.USED])
        return HTMLResponse(page, HTTPStatus.FORBIDDEN if hint else HTTPStatus.OK)

    def _say_reason(self, reason: Reason) -> Response:
        return self._say(_STATUS[reason], "Not acknowledged", f"{reason.value.capitalize()}.")

    def _say(self, status: int, title: str, text: str) -> Response:
        return HTMLResponse(self.pages.message(title, text), status)

    async def say_fault(self, request: Request, error: Exception) -> Response:
        if request.url.path.startswith(f"{AT}/"):
            # Not even its mount knows such a path, as with a line end in it.
            return await said_to_program(request, error)
        status = HTTPStatus(error.status_code if isinstance(error, HTTPException) else 500)
        return self._say(status, status.phrase, f"{status.description or status.phrase}.")

    async def say_blind(self, _: Request, error: Exception) -> Response:
        log.error("%s", error)
        return self._say(HTTPStatus.SERVICE_UNAVAILABLE, "Nothing can be shown", f"{error}.")

    async def say_too_large(self, _: Request, __: Exception) -> Response:
        status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        return self._say(status, "Too large", "Nothing was acknowledged: the form is too large.")

    async def say_stumbled(self, _: Request, __: Exception) -> Response:
        return self._say(
            HTTPStatus.INTERNAL_SERVER_ERROR,
            "The console stumbled",
            "The log says over what. Collecting, alarms and pages do not depend on it.",
        )


@contextlib.contextmanager
def _listening(settings: ConsoleSettings) -> Iterator[socket.socket]:
    address = (settings.host, settings.port)
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        door = socket.create_server(address, family=family, backlog=128)
    except OSError as error:
        raise AddressError(
            f"{settings.host}:{settings.port}: the console cannot listen there: "
            f"{error.strerror or error}; set [console] host and port in the site's file, or stop "
            "what listens there"
        ) from error
    with door:
        yield door


def _json(value: object) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")

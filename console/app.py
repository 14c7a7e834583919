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
from console.acknowledge import LONGEST_NOTE, AckDesk, Filled, Standing, fields
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
from console.login_pages import LoginPages, spoken
from console.means import Means
from console.orders import OrderDesk
from console.origin import Nonces, is_ours
from console.pages import ASSETS, Pages, Shown
from console.pin_desk import PinDesk
from console.pins import Pins, Verdict
from console.record_desk import RecordDesk
from console.record_files import RecordFiles
from console.settings import ConsoleSettings
from console.sight import BlindError, Sight
from console.speech import Speech
from console.trends import Trends
from console.view import CORE_LOST_MS, Viewer
from storage.database import DatabaseError
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
_TOO_LARGE = "Nothing was acknowledged: the form is too large."
_STUMBLED = "The log says over what. Collecting, alarms and pages do not depend on it."


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
            DatabaseError: console.say_blind,
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

    async def show_link(self, token: str, request: Request) -> Response:
        """The page behind a link. It changes nothing: scanners of mail open links."""
        claim = self._desk.judge(token)
        say = spoken(request)
        if isinstance(claim, Reason):
            return self._say_reason(claim, say)
        if isinstance(claim, AckAllClaim):
            return self._list(token, await listing(self._desk, claim), say)
        return self._form(token, await self._desk.standing(claim), say)

    async def press_link(self, token: str, request: Request) -> Response:
        """The button was pressed."""
        headers, say = request.headers, spoken(request)
        if not is_ours(
            origin=headers.get("origin"),
            fetch_site=headers.get("sec-fetch-site"),
            host=headers.get("host", ""),
            public_url=self._settings.public_url,
        ):
            log.warning("a form from %r was refused", headers.get("origin"))
            return self._say(HTTPStatus.FORBIDDEN, "Not acknowledged", _ELSEWHERE, say)
        claim = self._desk.judge(token)
        if isinstance(claim, Reason):
            return self._say_reason(claim, say)
        filled = fields(await fields_of(request))
        if isinstance(claim, AckAllClaim):
            return await self._press_all(token, claim, filled, say)
        standing = await self._desk.standing(claim)
        if standing.used:
            log.warning("%s was pressed after it had been used", claim.command_id)
            return self._form(token, standing, say)
        if hint := await self._wrong_with(filled, token, claim.person, say):
            return self._form(token, standing, say, hint=hint, note=filled.note)
        pressed = await self._desk.press(claim, note=filled.note)
        return HTMLResponse(self.pages.pressed(pressed, say), pressed.result.value)

    async def _wrong_with(self, filled: Filled, token: str, person: str, say: Speech) -> str:
        """Why a form does not count, empty if it does: an old page, or not the person's PIN."""
        if not self._nonces.holds(filled.nonce, token):
            log.warning("a form for %s without the nonce of its page was refused", person)
            return say(_OLD_PAGE)
        if not self._asks_pin(person) or self._pins is None:
            return ""
        verdict = await asyncio.to_thread(self._pins.check, person, filled.pin)
        if verdict is Verdict.RIGHT:
            return ""
        return say("Nothing was acknowledged: {why}.", why=say(verdict.value))

    def _asks_pin(self, person: str) -> bool:
        return self._pins is not None and self._pins.asks(person)

    def _form(
        self, token: str, standing: Standing, say: Speech, *, hint: str = "", note: str = ""
    ) -> Response:
        shown = self._shown(token, standing.claim.person, hint=hint, note=note)
        page = self.pages.acknowledge(standing, shown, say)
        if standing.used:
            return HTMLResponse(page, _STATUS[Reason.USED])
        return HTMLResponse(page, HTTPStatus.FORBIDDEN if hint else HTTPStatus.OK)

    def _shown(self, token: str, person: str, *, hint: str, note: str) -> Shown:
        nonce, asks = self._nonces.make(token), self._asks_pin(person)
        return Shown(nonce, asks, hint, note[:LONGEST_NOTE])

    async def _press_all(
        self, token: str, claim: AckAllClaim, filled: Filled, say: Speech
    ) -> Response:
        shown = await listing(self._desk, claim)
        if shown.used or not shown.alarms:
            log.warning("the link of summary %d was pressed for nothing", claim.summary)
            return self._list(token, shown, say)
        if hint := await self._wrong_with(filled, token, claim.person, say):
            return self._list(token, shown, say, hint=hint, note=filled.note)
        pressed = await press_all(self._desk, shown, note=filled.note)
        return HTMLResponse(self.pages.pressed_all(pressed, say), pressed.status)

    def _list(
        self, token: str, listed: Listing, say: Speech, *, hint: str = "", note: str = ""
    ) -> Response:
        shown = self._shown(token, listed.claim.person, hint=hint, note=note)
        page = self.pages.acknowledge_all(listed, shown, say)
        if listed.used:
            return HTMLResponse(page, _STATUS[Reason.USED])
        return HTMLResponse(page, HTTPStatus.FORBIDDEN if hint else HTTPStatus.OK)

    def _say_reason(self, reason: Reason, say: Speech) -> Response:
        text = say(reason.value)
        return self._say(_STATUS[reason], "Not acknowledged", f"{text[:1].upper()}{text[1:]}.", say)

    def _say(self, status: int, title: str, text: str, say: Speech) -> Response:
        return HTMLResponse(self.pages.message(title, text, say), status)

    async def say_fault(self, request: Request, error: Exception) -> Response:
        if request.url.path.startswith(f"{AT}/"):
            # Not even its mount knows such a path, as with a line end in it.
            return await said_to_program(request, error)
        status = HTTPStatus(error.status_code if isinstance(error, HTTPException) else 500)
        text = f"{status.description or status.phrase}."
        return self._say(status, status.phrase, text, spoken(request))

    async def say_blind(self, request: Request, error: Exception) -> Response:
        log.error("%s", error)
        status = HTTPStatus.SERVICE_UNAVAILABLE
        return self._say(status, "Nothing can be shown", f"{error}.", spoken(request))

    async def say_too_large(self, request: Request, _: Exception) -> Response:
        status, text = HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _TOO_LARGE
        return self._say(status, "Too large", text, spoken(request))

    async def say_stumbled(self, request: Request, _: Exception) -> Response:
        status = HTTPStatus.INTERNAL_SERVER_ERROR
        return self._say(status, "The console stumbled", _STUMBLED, spoken(request))


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

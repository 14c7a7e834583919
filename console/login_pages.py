"""The pages at the way in, as plain forms: log in, log out, first admin, password, language."""

import secrets
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from console import speech, templating, words
from console.entrance import Entrance, Stopped, Visitor
from console.forms import form_of
from console.origin import Nonces, is_ours
from console.settings import ConsoleSettings
from console.speech import Speech

if TYPE_CHECKING:
    from console.oidc.pages import SignOnPages

HOME = "/now"
_BEFORE_S = 6 * 3600
_YEAR_S = 365 * 24 * 3600
_ELSEWHERE = "This form was sent from another site, or lay open for too long. Please try again."
_LOGGED_OFF = "You are logged off: you did nothing for a while, or logged out elsewhere."


class LoginPages:
    """Serves the pages at the way in. Each form carries a nonce of the browser it was shown to."""

    def __init__(self, settings: ConsoleSettings, entrance: Entrance, key: bytes) -> None:
        self._settings = settings
        self._entrance = entrance
        self._nonces = Nonces(key)
        self._secure = settings.public_url.startswith("https:")
        prefix = "__Host-" if self._secure else ""
        self.cookie = f"{prefix}culturewatch"
        self._before = f"{prefix}culturewatch-form"
        environment = templating.environment()
        zone = ZoneInfo(settings.time_zone)
        environment.filters["moment"] = lambda at: words.moment(at, zone)
        environment.globals |= {
            "site": settings.site,
            "version": "login",
            "wall": settings.open_wall,
        }
        self._template = environment.get_template("entrance.html.j2")
        self._onward = environment.get_template("onward.html.j2")
        self._sign_on = _sign_on(settings, entrance, self, cookie=f"{prefix}culturewatch-oidc")

    def serve_on(self, app: FastAPI) -> None:
        """Add the routes."""
        for path, show, take in (
            ("/login", self.show_login, self.log_in),
            ("/begin", self.show_begin, self.begin),
            ("/password", self.show_password, self.change_password),
        ):
            app.add_api_route(path, show, methods=["GET"], response_class=HTMLResponse)
            app.add_api_route(path, take, methods=["POST"])
        if self._sign_on is not None:
            self._sign_on.serve_on(app)
        app.add_api_route("/logout", self.log_out, methods=["POST"])
        app.add_api_route("/language", self.choose_language, methods=["POST"])

    async def show_login(self, request: Request) -> Response:
        """The form to log in; the first admin's where nobody is known."""
        if not await self._entrance.has_people():
            return RedirectResponse("/begin", HTTPStatus.SEE_OTHER)
        why = _LOGGED_OFF if _query(request, "idle") else ""
        return self._show(request, "login", why=why)

    async def log_in(self, request: Request) -> Response:
        """The form to log in was sent."""
        form = await form_of(request)
        if not self._is_ours(request, form):
            return self._show(request, "login", form, why=_ELSEWHERE, status=HTTPStatus.FORBIDDEN)
        came = await self._entrance.come_in(
            form.get("person", "").strip(), form.get("password", ""), address=_address(request)
        )
        return self._entered(request, "login", form, came)

    async def show_begin(self, request: Request) -> Response:
        """The form of the first admin."""
        return self._show(request, "begin")

    async def begin(self, request: Request) -> Response:
        """The form of the first admin was sent."""
        form = await form_of(request)
        if not self._is_ours(request, form):
            return self._show(request, "begin", form, why=_ELSEWHERE, status=HTTPStatus.FORBIDDEN)
        if form.get("password") != form.get("again"):
            return self._twice(request, "begin", form)
        came = await self._entrance.begin(
            form.get("token", ""),
            form.get("person", "").strip(),
            name=form.get("name", ""),
            password=form.get("password", ""),
            address=_address(request),
        )
        return self._entered(request, "begin", form, came)

    async def show_password(self, request: Request) -> Response:
        """The form to choose another password."""
        return self._show(request, "password")

    async def change_password(self, request: Request) -> Response:
        """The form to choose another password was sent."""
        form = await form_of(request)
        if not self._is_ours(request, form):
            status = HTTPStatus.FORBIDDEN
            return self._show(request, "password", form, why=_ELSEWHERE, status=status)
        if form.get("new") != form.get("again"):
            return self._twice(request, "password", form)
        came = await self._entrance.change_password(
            form.get("person", "").strip(),
            form.get("password", ""),
            form.get("new", ""),
            address=_address(request),
        )
        return self._entered(request, "password", form, came)

    async def log_out(self, request: Request) -> Response:
        """The session is over; the form carries what only its own pages know."""
        token = request.cookies.get(self.cookie, "")
        form = await form_of(request)
        visitor = await self._entrance.visitor(token)
        mine = visitor is not None and secrets.compare_digest(
            visitor.session.form.encode(), form.get("nonce", "").encode()
        )
        if not self._from_here(request) or not (visitor is None or mine):
            return self._show(request, "login", why=_ELSEWHERE, status=HTTPStatus.FORBIDDEN)
        self._entrance.leave(token)
        answer: Response = RedirectResponse("/login", HTTPStatus.SEE_OTHER)
        # Else whoever sits here next is let in by the provider, as who has just gone.
        if way_out := await self._way_out(visitor):
            answer = self.onward(request, "out", way_out)
        answer.delete_cookie(self.cookie, secure=self._secure, httponly=True, samesite="strict")
        return answer

    async def _way_out(self, visitor: Visitor | None) -> str:
        if self._sign_on is None or visitor is None or not visitor.session.via:
            return ""
        return await self._sign_on.way_out()

    async def choose_language(self, request: Request) -> Response:
        """Remember which language this browser is spoken to in."""
        form = await form_of(request)
        answer = RedirectResponse(inside(form.get("next", "")), HTTPStatus.SEE_OTHER)
        if self._from_here(request) and form.get("language") in speech.LANGUAGES:
            answer.set_cookie(
                speech.COOKIE,
                form["language"],
                max_age=_YEAR_S,
                secure=self._secure,
                httponly=True,
                samesite="strict",
            )
        return answer

    def _twice(self, request: Request, what: str, form: Mapping[str, str]) -> Response:
        why = "The two passwords are not the same."
        return self._show(request, what, form, why=why, status=HTTPStatus.UNPROCESSABLE_ENTITY)

    def _entered(
        self, request: Request, what: str, form: Mapping[str, str], came: str | Stopped
    ) -> Response:
        if isinstance(came, Stopped):
            what = "password" if came.must_change else what
            status = HTTPStatus.FORBIDDEN
            return self._show(request, what, form, why=came.why, until=came.until, status=status)
        answer = RedirectResponse(inside(form.get("next", "")), HTTPStatus.SEE_OTHER)
        self.let_in(answer, came)
        return answer

    def let_in(self, answer: Response, token: str) -> None:
        """Give a browser its session."""
        answer.set_cookie(
            self.cookie, token, path="/", secure=self._secure, httponly=True, samesite="strict"
        )

    def onward(self, request: Request, what: str, to: str) -> Response:
        """A page that goes on by itself to ``to``; ``what`` came before: ``in`` or ``out``.

        No redirect: browsers leave out strict cookies on a way that began elsewhere, and hold
        forms to ``form-action`` over redirects.
        """
        say = spoken(request)
        onto = inside(to) if what == "in" else to
        page = self._onward.render(_=say, language=say.language, what=what, to=onto)
        return HTMLResponse(page)

    def not_in(self, request: Request, came: Stopped, to: str) -> Response:
        """The form to log in, and why somebody is not."""
        shown = {"next": to}
        return self._show(request, "login", shown, why=came.why, status=HTTPStatus.FORBIDDEN)

    def _is_ours(self, request: Request, form: Mapping[str, str]) -> bool:
        before = request.cookies.get(self._before, "")
        ours = self._from_here(request)
        return ours and bool(before) and self._nonces.holds(form.get("nonce", ""), before)

    def _from_here(self, request: Request) -> bool:
        return is_ours(
            origin=request.headers.get("origin"),
            fetch_site=request.headers.get("sec-fetch-site"),
            host=request.headers.get("host", ""),
            public_url=self._settings.public_url,
        )

    def _show(
        self,
        request: Request,
        what: str,
        form: Mapping[str, str] | None = None,
        *,
        why: str = "",
        until: int | None = None,
        status: int = HTTPStatus.OK,
    ) -> Response:
        say, filled = spoken(request), form or {}
        before = request.cookies.get(self._before, "") or secrets.token_urlsafe(24)
        onto = inside(filled.get("next", "") or _query(request, "next"))
        page = self._template.render(
            _=say,
            language=say.language,
            languages=speech.LANGUAGES,
            what=what,
            why=say(why) if why else "",
            until=until,
            nonce=self._nonces.make(before),
            here=f"/{what}",
            provider="" if self._sign_on is None else self._sign_on.name,
            through=f"/oidc/login?{urlencode({'next': onto})}",
            next=onto,
            person=filled.get("person", ""),
            name=filled.get("name", ""),
        )
        answer = HTMLResponse(page, status)
        answer.set_cookie(
            self._before,
            before,
            max_age=_BEFORE_S,
            path="/",
            secure=self._secure,
            httponly=True,
            samesite="strict",
        )
        return answer


def _sign_on(
    settings: ConsoleSettings, entrance: Entrance, hall: LoginPages, *, cookie: str
) -> "SignOnPages | None":
    if settings.sign_on is None:
        return None
    from console.oidc.pages import SignOnPages as Pages  # noqa: PLC0415 # Authlib is an extra

    return Pages(settings.sign_on, entrance, hall, cookie=cookie)


def spoken(request: Request) -> Speech:
    """The language of a browser."""
    accepted = request.headers.get("accept-language", "")
    return speech.chosen(request.cookies.get(speech.COOKIE, ""), accepted)


def inside(path: str) -> str:
    """``path`` if it is one of this console, else its first screen: never another site."""
    plain = path.isascii() and path.isprintable() and "\\" not in path
    return path if plain and path.startswith("/") and not path.startswith("//") else HOME


def to_login(path: str) -> str:
    """The way to ``path`` through the login."""
    return f"/login?{urlencode({'next': path})}"


def _query(request: Request, name: str) -> str:
    return request.query_params.get(name, "")


def _address(request: Request) -> str:
    return request.client.host if request.client else ""

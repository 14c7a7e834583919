"""What all screens share: who looks, the head with its ways, and how a screen stays current."""

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import NamedTuple, TypeVar
from urllib.parse import quote
from zoneinfo import ZoneInfo

from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from nicegui import ui

from batches.authority import Denied
from console import speech, templating, words
from console.entrance import Visitor
from console.login_pages import spoken, to_login
from console.means import Means
from console.orders import Became, Ordered
from console.sight import BlindError
from console.speech import Speech
from storage.database import DatabaseError
from storage.wall import wall_ms

T = TypeVar("T")
log = logging.getLogger(__name__)

EVERY_S = 1.0
TOUCH_S = 15.0
BUILD_S = 8.0
"""How long a screen may take to be built: the disk's patience and a little."""
STILL_S = 5.0
ASK_S = 20.0
PRIMARY = "#0b4f9e"
_SAID = "the screen says that it is old"
NOT_DONE = "what you asked for may not be done: look, and ask again"
STUMBLED = "the console stumbled, and what you see is OLD; its log says over what"


class Way(NamedTuple):
    """A way in the head of every screen; whoever may do ``act`` sees it, empty: everybody."""

    path: str
    title: str
    act: str = ""


WAYS = (
    Way("/now", "Now"),
    Way("/alarms", "Alarms"),
    Way("/batches", "Batches"),
    Way("/on-call", "On call"),
    Way("/system", "System"),
)


class Guest(NamedTuple):
    """Who looks at a screen, in which language, and their session's token."""

    visitor: Visitor
    say: Speech
    token: str
    path: str


class Frame:
    """Frames the screens of one site."""

    def __init__(self, means: Means) -> None:
        self.means = means
        self.settings = means.settings
        self.zone = ZoneInfo(means.settings.time_zone)
        self._names = {one.id: one.name or one.id for one in means.settings.people}
        self._environment = templating.environment()
        self._environment.filters |= {
            "moment": lambda at: words.moment(at, self.zone),
            "person": self.name_of,
            "quoted": lambda text: quote(str(text), safe=""),
        }
        self._environment.globals["site"] = means.settings.site

    def name_of(self, person: str) -> str:
        """The printed name of a person of the site's file."""
        return self._names.get(person, person)

    async def guest(self, request: Request) -> Guest | Response:
        """Who asks for a screen, or the way to the login."""
        token = request.cookies.get(self.means.cookie, "")
        visitor = await self.means.entrance.visitor(token)
        here = request.url.path
        if visitor is None:
            query = f"?{request.url.query}" if request.url.query else ""
            return RedirectResponse(to_login(here + query), 303)
        self.means.entrance.touch(token)
        return Guest(visitor, spoken(request), token, here)

    async def still(self, guest: Guest) -> Visitor | None:
        """Who the guest is now; None, and the way to the login, when they are in no more.

        Raises:
            BlindError: the ledger does not answer in time.
            DatabaseError: it cannot be read.
        """
        try:
            async with asyncio.timeout(STILL_S):
                visitor = await self.means.entrance.visitor(guest.token)
        except TimeoutError as error:
            why = f"the ledger did not answer within {STILL_S:g} s; look at the disk"
            raise BlindError(why) from error
        if visitor is None:
            ui.navigate.to(f"{to_login(guest.path)}&idle=1")
        return visitor

    @contextmanager
    def framed(self, guest: Guest, title: str) -> Iterator[None]:
        """The head of a screen, and its main part to be filled."""
        say = guest.say
        ui.colors(primary=PRIMARY, positive="#17633a", negative="#a3121b", dark="#17202a")
        ui.page_title(f"{title}: {self.settings.site}")
        for sheet in ("console.css", "screens.css"):
            ui.add_head_html(f'<link rel="stylesheet" href="/static/{sheet}?{self.means.version}">')
        ui.add_head_html('<link rel="icon" href="/static/icon.svg">')
        ways = [way for way in WAYS if not way.act or guest.visitor.may(way.act)]
        head = self.render(
            "head.html.j2",
            guest,
            ways=[(way.path, say(way.title), guest.path.startswith(way.path)) for way in ways],
            nonce=guest.visitor.session.form,
            person=guest.visitor.person,
            languages=speech.LANGUAGES,
            here=guest.path,
        )
        html(head, tag="header")
        self._beats(guest)
        with ui.element("div").classes("screen") as body:
            for event in ("pointerdown", "keydown"):
                body.on(
                    event,
                    lambda: self.means.entrance.touch(guest.token),
                    args=[],
                    throttle=TOUCH_S,
                    leading_events=True,
                )
            html(self.render("title.html.j2", guest, title=title))
            ui.on_exception(partial(self._own_up, guest))
            yield

    def _beats(self, guest: Guest) -> None:
        """Let the browser know each second that it is heard; without that it says so itself."""
        ui.add_head_html(f'<script src="/static/alive.js?{self.means.version}" defer></script>')
        html(self.render("lost.html.j2", guest))
        beat = html("").classes("beat").props('aria-hidden="true"')
        ui.timer(EVERY_S, lambda: show(beat, words.moment(wall_ms(), self.zone)))

    def _own_up(self, guest: Guest, error: Exception) -> None:
        """Say that something failed over which nobody thought of saying more.

        Else whoever pressed, as to acknowledge, would take the silence for a yes.
        """
        if _SAID in getattr(error, "__notes__", ()):
            return
        why = str(error) if isinstance(error, (BlindError, DatabaseError)) else ""
        if why:
            log.error("%s: %s", guest.path, why)
        said = ": ".join(filter(None, (guest.say(NOT_DONE), why)))
        ui.notify(f"✖ {said}", type="negative", timeout=0, close_button=guest.say("Close"))

    async def deny(self, guest: Guest, act: str, subject: str) -> None:
        """Say that the guest may not do ``act``; that they tried is kept in the audit trail."""
        ledger, by = self.means.entrance.ledger, guest.visitor.person.id
        with suppress(Denied):
            await in_time(BUILD_S / 2, lambda: ledger.authorise(act, subject, by))
        html(self.render("denied.html.j2", guest))

    async def asked(self, act: Callable[[], T], *, within_s: float = ASK_S) -> T:
        """What a question to the log comes to; one is answered at a time.

        Raises:
            BlindError: it takes too long, or cannot be answered.
        """
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(within_s):
                return await loop.run_in_executor(self.means.charts.thread, act)
        except TimeoutError as error:
            raise BlindError(f"no answer within {within_s:g} s; look at the disk") from error

    def render(self, template: str, guest: Guest, **values: object) -> str:
        """A template in the language of the guest."""
        say = guest.say
        return self._environment.get_template(template).render(
            _=say, language=say.language, **values
        )

    async def keep_current(
        self,
        guest: Guest,
        refresh: Callable[[], Awaitable[None]],
        *,
        every_s: float = EVERY_S,
        act: str = "",
    ) -> None:
        """Call ``refresh`` now, and again and again while the guest is in; say so if it fails.

        Who may not do ``act`` any more is shown nothing further, and what a guest who comes sees.
        """
        trouble = html("").props('role="alert"')

        async def again() -> None:
            # What nobody foresaw must not leave an old screen that looks alive.
            why = guest.say(STUMBLED)
            try:
                visitor = await self.still(guest)
                if visitor is not None and act and not visitor.may(act):
                    ui.navigate.to(guest.path)
                elif visitor is not None:
                    await refresh()
                why = ""
            except (BlindError, DatabaseError) as error:
                log.error("%s: %s", guest.path, error)  # noqa: TRY400 # the text says all of it
                why = str(error)
            finally:
                if (raised := sys.exception()) is not None:
                    raised.add_note(_SAID)
                if not trouble.is_deleted:
                    said = self.render("trouble.html.j2", guest, why=why) if why else ""
                    show(trouble, said)

        await again()
        ui.timer(every_s, again, immediate=False)

    def tell(self, guest: Guest, ordered: Ordered) -> None:
        """Say what came of an order."""
        kind = {Became.DONE: "positive", Became.TAKEN_IN: "warning"}.get(ordered.became, "negative")
        said = guest.say(ordered.became.value).capitalize()
        mark = "✔" if ordered.became is Became.DONE else "✖" if kind == "negative" else "…"
        # What is done stands in the list; why something is not must be read.
        why = "" if ordered.became is Became.DONE or not ordered.why else f": {ordered.why}"
        ui.notify(
            f"{mark} {said}{why}",
            type=kind,  # type: ignore[arg-type] # one of its own words
            timeout=0 if kind == "negative" else 5000,
            actions=[{"label": guest.say("Close"), "color": "white", "noCaps": True}],
        )


def once(act: Callable[[], Awaitable[None]]) -> Callable[[], Coroutine[None, None, None]]:
    """``act``, which a second press does not begin again while the first is at work.

    Who presses twice, as with gloves, would else be told that it is refused, or send two drills.
    """
    at_work = False

    async def pressed() -> None:
        nonlocal at_work
        if at_work:
            return
        at_work = True
        try:
            await act()
        finally:
            at_work = False

    return pressed


def html(text: str, *, tag: str = "div") -> ui.html:
    """What a template made: it has escaped what others wrote."""
    return ui.html(text, sanitize=False, tag=tag)


def show(place: ui.html, text: str) -> None:
    """Put ``text`` there, if it is not there already."""
    if place.content != text:
        place.set_content(text)


async def in_time(seconds: float, act: Callable[[], T]) -> T:
    """``act`` in a thread, with an end to the wait.

    Raises:
        BlindError: it takes too long.
    """
    try:
        async with asyncio.timeout(seconds):
            return await asyncio.to_thread(act)
    except TimeoutError as error:
        raise BlindError(f"no answer within {seconds:g} s; look at the disk") from error

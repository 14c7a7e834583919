"""The screen of who is on call: shifts with their gaps, changes, drills; and who stands in."""

from datetime import datetime

from fastapi import Request, Response
from nicegui import ui

from batches.placement import Refused
from console import on_call_page
from console.on_call_page import DAYS, HOURS, OnCallShown, Roster
from console.screens.frame import BUILD_S, Frame, Guest, html, in_time, show
from console.view import wall_clock_ms

_FILES_S = 7.0
_EVERY_S = 15.0
_DAY_MS = 86_400_000


def serve(frame: Frame) -> None:
    """Add the screen."""

    @ui.page("/on-call", response_timeout=BUILD_S)
    async def page(request: Request) -> Response | None:
        guest = await frame.guest(request)
        if isinstance(guest, Response):
            return guest
        with frame.framed(guest, guest.say("On call")):
            roster = frame.settings.roster
            if roster is not None:
                shown = _OnCall(frame, guest, roster)
                await frame.keep_current(guest, shown.refresh, every_s=_EVERY_S)
        return None


class _OnCall:
    """Who is on call, on one screen."""

    def __init__(self, frame: Frame, guest: Guest, roster: Roster) -> None:
        self._frame, self._guest, self._roster = frame, guest, roster
        self._body = html("")
        self._forms = ui.element("div").classes("forms")
        self._built: tuple[str, ...] = ()

    async def refresh(self) -> None:
        """What is so now."""
        now = wall_clock_ms()
        found = await in_time(_FILES_S, lambda: self._roster(now, now + DAYS * _DAY_MS))
        show(self._body, self._frame.render("on_call.html.j2", self._guest, o=found))
        self._build(found)

    def _build(self, found: OnCallShown) -> None:
        rotas = tuple(rota.id for rota in found.rotas)
        if rotas == self._built or not self._guest.visitor.may("alarm.override"):
            return
        self._built = rotas
        self._forms.clear()
        with self._forms, ui.element("section").classes("form"):
            self._form(rotas)

    def _form(self, rotas: tuple[str, ...]) -> None:
        frame, say = self._frame, self._guest.say
        title = say("Somebody stands in")
        html(frame.render("room.html.j2", self._guest, room=title))
        rota = ui.select(list(rotas), value=rotas[0], label=say("Rota"))
        people = {one.id: one.name or one.id for one in frame.settings.people}
        person = ui.select(people, label=say("Who"))
        now = datetime.now(frame.zone)
        begins = ui.input(say("From"), value=f"{now:%Y-%m-%d %H:%M}")
        hours = ui.select({n: f"{n} h" for n in HOURS}, value=12, label=say("For how long"))
        reason = ui.input(say("Reason"))

        async def press() -> None:
            try:
                arguments = on_call_page.overriding(
                    str(person.value or ""),
                    begins.value or "",
                    int(hours.value or 0),
                    reason.value or "",
                    zone=frame.zone,
                )
            except Refused as error:
                ui.notify(f"✖ {say(str(error))}", type="negative")
                return
            visitor = await frame.still(self._guest)
            if visitor is None:
                return
            frame.means.entrance.touch(self._guest.token)
            order = frame.means.orders.order(visitor, "override", str(rota.value), arguments)
            frame.tell(self._guest, await order)
            await self.refresh()

        ui.button(title, on_click=press).props("no-caps")

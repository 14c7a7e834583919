"""The screen of who is on call: shifts with their gaps, changes, drills; and what people change."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from fastapi import Request, Response
from nicegui import ui

from batches.placement import Refused
from console import on_call_page, words
from console.on_call_page import DAYS, HOURS, Change, OnCallShown, Roster, RotaShown
from console.orders import Became, Ordered
from console.screens.frame import BUILD_S, Frame, Guest, html, in_time, once, show
from storage.wall import wall_ms

_FILES_S = 7.0
_EVERY_S = 15.0
_DAY_MS = 86_400_000
Arguments = Mapping[str, str]


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
        self._zones: dict[str, ZoneInfo] = {}
        self._built: tuple[tuple[str, ...], tuple[str, ...]] | None = None
        self._body = html("")
        self._forms = ui.element("div").classes("forms")
        if guest.visitor.may("alarm.drill"):
            with ui.element("div").classes("forms"):
                self._drill_form()

    async def refresh(self) -> None:
        """What is so now."""
        now = wall_ms()
        found = await in_time(_FILES_S, lambda: self._roster(now, now + DAYS * _DAY_MS))
        show(self._body, self._frame.render("on_call.html.j2", self._guest, o=found))
        self._build(found)

    def _build(self, found: OnCallShown) -> None:
        """The forms; built anew when there are others to change, not while somebody types."""
        changes = [(rota, change) for rota in found.rotas for change in rota.changes]
        rotas = tuple(rota.id for rota in found.rotas)
        state = rotas, tuple(change.id for _, change in changes)
        if not rotas or state == self._built or not self._guest.visitor.may("alarm.override"):
            return
        self._built = state
        self._zones = {rota.id: ZoneInfo(rota.zone) for rota in found.rotas}
        self._forms.clear()
        with self._forms:
            self._stand_in_form(rotas)
            self._swap_form(rotas)
            if changes:
                self._withdraw_form(changes)

    def _stand_in_form(self, rotas: tuple[str, ...]) -> None:
        say = self._guest.say
        with ui.element("section").classes("form"):
            self._title(say("Somebody stands in"))
            rota = ui.select(list(rotas), value=rotas[0], label=say("Rota"))
            person = ui.select(self._people(), label=say("Who"))
            begins, hours, reason = self._when()

            async def press() -> None:
                await self._ordered(
                    "override",
                    str(rota.value),
                    lambda: on_call_page.overriding(
                        str(person.value or ""),
                        begins.value or "",
                        int(hours.value or 0),
                        reason.value or "",
                        zone=self._zones[str(rota.value)],
                    ),
                )

            ui.button(say("Somebody stands in"), on_click=once(press)).props("no-caps")

    def _swap_form(self, rotas: tuple[str, ...]) -> None:
        say = self._guest.say
        with ui.element("section").classes("form"):
            self._title(say("Two people swap"))
            rota = ui.select(list(rotas), value=rotas[0], label=say("Rota"))
            one = ui.select(self._people(), label=say("One"))
            other = ui.select(self._people(), label=say("The other"))
            begins, hours, reason = self._when()

            async def press() -> None:
                await self._ordered(
                    "swap",
                    str(rota.value),
                    lambda: on_call_page.swapping(
                        str(one.value or ""),
                        str(other.value or ""),
                        begins.value or "",
                        int(hours.value or 0),
                        reason.value or "",
                        zone=self._zones[str(rota.value)],
                    ),
                )

            ui.button(say("Two people swap"), on_click=once(press)).props("no-caps")

    def _withdraw_form(self, changes: list[tuple[RotaShown, Change]]) -> None:
        say = self._guest.say
        rota_of = {change.id: rota.id for rota, change in changes}
        with ui.element("section").classes("form"):
            self._title(say("Take a change back"))
            shown = {change.id: self._called(rota, change) for rota, change in changes}
            chosen = ui.select(shown, label=say("Change"))
            reason = ui.input(say("Reason"))

            async def press() -> None:
                change = str(chosen.value or "")
                await self._ordered(
                    "withdraw",
                    rota_of.get(change, ""),
                    lambda: on_call_page.withdrawing(change, reason.value or ""),
                )

            ui.button(say("Take it back"), on_click=once(press)).props("no-caps outline")

    def _drill_form(self) -> None:
        say, people = self._guest.say, self._frame.settings.people
        channels = sorted({way for one in people for way in one.channels})
        with ui.element("section").classes("form"):
            self._title(say("Send a drill"))
            html(self._frame.render("drill.html.j2", self._guest))
            person = ui.select(
                {"": say("everybody"), **self._people()}, value="", label=say("To whom")
            )
            channel = ui.select(
                {"": say("every channel"), **{way: way for way in channels}},
                value="",
                label=say("By which channel"),
            )
            note = ui.input(say("Note: it stands in the message"))

            async def press() -> None:
                await self._drill(
                    str(person.value or ""), str(channel.value or ""), note.value or ""
                )

            ui.button(say("Send a drill"), on_click=once(press)).props("no-caps outline")

    def _people(self) -> dict[str, str]:
        return {one.id: one.name or one.id for one in self._frame.settings.people}

    def _when(self) -> tuple[ui.input, ui.select, ui.input]:
        say = self._guest.say
        now = datetime.now(next(iter(self._zones.values())))
        begins = ui.input(say("From, in the rota's zone"), value=f"{now:%Y-%m-%d %H:%M}")
        hours = ui.select({n: f"{n} h" for n in HOURS}, value=12, label=say("For how long"))
        return begins, hours, ui.input(say("Reason"))

    def _called(self, rota: RotaShown, change: Change) -> str:
        who = ", ".join(self._frame.name_of(one) for one in change.people)
        since = words.moment(change.start, self._frame.zone)
        return f"{rota.id}: {self._guest.say(change.verb)} {who}, {since}"

    def _title(self, text: str) -> None:
        html(self._frame.render("room.html.j2", self._guest, room=text))

    async def _ordered(self, verb: str, rota: str, arguments: Callable[[], Arguments]) -> None:
        try:
            told = arguments()
        except Refused as error:
            ui.notify(f"✖ {self._guest.say(str(error))}", type="negative")
            return
        ordered = await self._order(verb, rota, told)
        if ordered is not None and not self._body.is_deleted:
            # The form that was pressed is gone where there is another change now.
            with self._forms:
                self._frame.tell(self._guest, ordered)
            await self.refresh()

    async def _drill(self, person: str, channel: str, note: str) -> None:
        try:
            ways = on_call_page.drilled(self._frame.settings.people, person, channel)
        except Refused as error:
            ui.notify(f"✖ {self._guest.say(str(error))}", type="negative")
            return
        by = self._guest.visitor.person.id
        # At once: where no core runs each is waited for in vain.
        orders = [
            self._order("drill", who, {"channel": way, "note": note or f"ordered by {by}"})
            for who, way in ways
        ]
        came = [one for one in await asyncio.gather(*orders) if one is not None]
        if came and not self._body.is_deleted:
            failed = (one for one in came if one.became is not Became.DONE)
            self._frame.tell(self._guest, next(failed, came[0]))
            await self.refresh()

    async def _order(self, verb: str, target: str, arguments: Arguments) -> Ordered | None:
        frame = self._frame
        visitor = await frame.still(self._guest)
        if visitor is None:
            return None
        frame.means.entrance.touch(self._guest.token)
        return await frame.means.orders.order(visitor, verb, target, arguments)

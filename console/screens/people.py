"""The screen of people and roles; admins enter, change, lock out and let in from here."""

from collections.abc import Awaitable, Callable

from fastapi import Request, Response
from nicegui import ui

from batches.person import Role
from console.entrance import Visitor
from console.orders import Became, Ordered
from console.people_desk import Enlisted, Known, PeopleDesk
from console.screens.frame import BUILD_S, Frame, Guest, html, in_time, show
from console.screens.system import ways_of_system

_LEDGER_S = 7.0
_EVERY_S = 15.0
Act = Callable[[Visitor], Awaitable[Ordered | Enlisted]]


def serve(frame: Frame) -> None:
    """Add the screen."""
    desk = PeopleDesk(frame.means.entrance)

    @ui.page("/system/people", response_timeout=BUILD_S)
    async def people(request: Request) -> Response | None:
        guest = await frame.guest(request)
        if isinstance(guest, Response):
            return guest
        with frame.framed(guest, guest.say("People")):
            ways_of_system(frame, guest)
            if not guest.visitor.may("read-audit"):
                await frame.deny(guest, "read-audit", "people")
                return None
            shown = _People(frame, guest, desk)
            await frame.keep_current(guest, shown.refresh, every_s=_EVERY_S, act="read-audit")
        return None


class _People:
    """All people on one screen, and what an admin may do about them."""

    def __init__(self, frame: Frame, guest: Guest, desk: PeopleDesk) -> None:
        self._frame, self._guest, self._desk = frame, guest, desk
        self._known: tuple[Known, ...] = ()
        self._once: list[ui.html] = []
        self._body = html("")
        self._who: ui.select | None = None
        if guest.visitor.may("user-add"):
            with ui.element("div").classes("forms"):
                self._enter_form()
                self._change_form()

    async def refresh(self) -> None:
        """Who is known now."""
        self._known = await in_time(_LEDGER_S, self._desk.everybody)
        show(self._body, self._frame.render("people.html.j2", self._guest, people=self._known))
        if self._who is not None:
            self._who.set_options({one.person.id: one.person.id for one in self._known})

    def _enter_form(self) -> None:
        say = self._guest.say
        with ui.element("section").classes("form"):
            self._title(say("Enter a person"))
            person = ui.input(say("Id, such as operator-1")).props("autocomplete=off")
            name = ui.input(say("Printed name")).props("autocomplete=off")
            roles = self._roles()
            reason = ui.input(say("Reason"))
            once = self._place()

            async def press() -> None:
                called = (person.value or "").strip()
                await self._done(
                    lambda visitor: self._desk.enter(
                        visitor,
                        called,
                        name=name.value or "",
                        roles=roles.value or (),
                        reason=reason.value or "",
                    ),
                    called,
                    once,
                )

            ui.button(say("Enter, with a password made for them"), on_click=press).props("no-caps")

    def _change_form(self) -> None:
        say = self._guest.say
        with ui.element("section").classes("form"):
            self._title(say("Change a person"))
            who = self._who = ui.select({}, label=say("Person"))
            name = ui.input(say("Printed name")).props("autocomplete=off")
            roles = self._roles()
            reason = ui.input(say("Reason"))
            once = self._place()

            def chosen() -> None:
                one = self._one(who.value)
                if one is not None:
                    name.value = one.person.name
                    roles.value = [role.value for role in one.person.roles]

            who.on_value_change(chosen)

            async def change(visitor: Visitor) -> Ordered:
                return await self._desk.change(
                    visitor,
                    str(who.value),
                    name=name.value or "",
                    roles=roles.value or (),
                    reason=reason.value or "",
                )

            def pressed(act: Callable[..., Awaitable[Ordered | Enlisted]]) -> Callable[[], object]:
                async def press() -> None:
                    called, why = str(who.value or ""), reason.value or ""
                    await self._done(lambda visitor: act(visitor, called, reason=why), called, once)

                return press

            ui.button(
                say("Change name and roles"),
                on_click=lambda: self._done(change, str(who.value or ""), once),
            ).props("no-caps")
            for text, act in (
                (say("Make them another password"), self._desk.reset),
                (say("End the lock-out"), self._desk.unlock),
                (say("Works here no more"), self._desk.end),
                (say("Works here again"), self._desk.let_return),
            ):
                ui.button(text, on_click=pressed(act)).props("no-caps outline")

    def _place(self) -> ui.html:
        """Where a password that was made is shown: beside what was pressed, also on a phone."""
        self._once.append(html(""))
        return self._once[-1]

    def _roles(self) -> ui.select:
        say = self._guest.say
        held = {role.value: say(role.value) for role in Role}
        return ui.select(held, label=say("Roles"), multiple=True).props("use-chips")

    def _title(self, text: str) -> None:
        html(self._frame.render("room.html.j2", self._guest, room=text))

    def _one(self, person: object) -> Known | None:
        return next((one for one in self._known if one.person.id == person), None)

    async def _done(self, act: Act, person: str, once: ui.html) -> None:
        if not person:
            ui.notify(f"✖ {self._guest.say('Choose a person')}", type="negative")
            return
        visitor = await self._frame.still(self._guest)
        if visitor is None:
            return
        self._frame.means.entrance.touch(self._guest.token)
        came = await act(visitor)
        if self._body.is_deleted:
            # Whoever asked has left the screen; a password that nobody saw is made again.
            return
        ordered = came.ordered if isinstance(came, Enlisted) else came
        for place in self._once:
            show(place, "")
        if isinstance(came, Enlisted) and ordered.became is Became.DONE:
            told = {"person": person, "password": came.password}
            show(once, self._frame.render("password.html.j2", self._guest, **told))
        self._frame.tell(self._guest, ordered)
        await self.refresh()

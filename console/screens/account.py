"""The screen of who is logged in: their own PIN, and the way to another password."""

from fastapi import Request, Response
from nicegui import ui

from console.entrance import Visitor
from console.orders import Became, Ordered
from console.pin_desk import PinDesk
from console.screens.frame import BUILD_S, Frame, Guest, html, show

_EVERY_S = 15.0


def serve(frame: Frame) -> None:
    """Add the screen."""

    @ui.page("/account", response_timeout=BUILD_S)
    async def account(request: Request) -> Response | None:
        guest = await frame.guest(request)
        if isinstance(guest, Response):
            return guest
        with frame.framed(guest, guest.say("Your account")):
            address = request.client.host if request.client else ""
            shown = _Account(frame, guest, frame.means.pins, address)
            await frame.keep_current(guest, shown.refresh, every_s=_EVERY_S)
        return None


class _Account:
    """What one person may do about themselves."""

    def __init__(self, frame: Frame, guest: Guest, desk: PinDesk | None, address: str) -> None:
        self._frame, self._guest, self._desk, self._address = frame, guest, desk, address
        self._said = html("")
        if desk is not None and desk.has_links(guest.visitor):
            with ui.element("div").classes("forms"), ui.element("section").classes("form"):
                self._form(desk)

    async def refresh(self) -> None:
        """Whether links ask for a PIN now."""
        frame, guest, desk = self._frame, self._guest, self._desk
        links = desk is not None and desk.has_links(guest.visitor)
        asked = desk is not None and await desk.has_pin(guest.visitor)
        told = {"person": guest.visitor.person, "links": links, "asked": asked}
        show(self._said, frame.render("account.html.j2", guest, **told))

    def _form(self, desk: PinDesk) -> None:
        say, address = self._guest.say, self._address
        html(self._frame.render("room.html.j2", self._guest, room=say("Your PIN")))
        password = _secret(say("Password"), "current-password")
        pin, again = _secret(say("New PIN"), "off"), _secret(say("The same once more"), "off")

        async def choose(visitor: Visitor) -> Ordered:
            told = (password.value or "", pin.value or "", again.value or "")
            return await desk.choose(visitor, *told, address=address)

        async def forget(visitor: Visitor) -> Ordered:
            return await desk.forget(visitor, password.value or "", address=address)

        async def press(*, takes: bool) -> None:
            visitor = await self._frame.still(self._guest)
            if visitor is None:
                return
            self._frame.means.entrance.touch(self._guest.token)
            ordered = await (forget if takes else choose)(visitor)
            if self._said.is_deleted:
                return
            password.value = ""
            if ordered.became is Became.DONE:
                pin.value = again.value = ""
            self._frame.tell(self._guest, ordered)
            await self.refresh()

        ui.button(say("Choose this PIN"), on_click=lambda: press(takes=False)).props("no-caps")
        ui.button(say("Ask me for none"), on_click=lambda: press(takes=True)).props(
            "no-caps outline"
        )


def _secret(label: str, kind: str) -> ui.input:
    return ui.input(label, password=True).props(f"autocomplete={kind}")

"""The screen of now."""

from fastapi import Request, Response
from nicegui import ui

from console import now
from console.screens.frame import BUILD_S, Frame, Guest, html, show


def serve(frame: Frame) -> None:
    """Add the screen."""

    @ui.page("/now", response_timeout=BUILD_S)
    async def page(request: Request) -> Response | None:
        guest = await frame.guest(request)
        if isinstance(guest, Response):
            return guest
        with frame.framed(guest, guest.say("Now")):
            room = _Room(frame, guest)
            await frame.keep_current(guest, room.refresh)
        return None


class _Room:
    """The cards of one screen; each is sent again when it says something else."""

    def __init__(self, frame: Frame, guest: Guest) -> None:
        self._frame, self._guest = frame, guest
        self._facts = html("").classes("top")
        self._cards: dict[str, tuple[ui.element, ui.html]] = {}
        for room, devices in now.rooms(frame.settings.equipment, guest.say).items():
            html(frame.render("room.html.j2", guest, room=room))
            with ui.element("div").classes("room"):
                for one in devices:
                    self._place(one.id, one.name or one.id)
        self._systems = {one.id for one in frame.settings.equipment if one.is_system}

    def _place(self, device: str, name: str) -> None:
        with ui.element("article").classes("device") as article:
            title = self._frame.render("card_title.html.j2", self._guest, id=device, name=name)
            # Apart from what changes: a link that is put there anew loses the keyboard's focus.
            html(title)
            self._cards[device] = article, html("")

    async def refresh(self) -> None:
        """Show what is so now."""
        frame, guest = self._frame, self._guest
        view = await frame.means.sight.look()
        lines = await frame.means.trends.look()
        facts = frame.render("facts.html.j2", guest, f=now.facts(view), at=view.at)
        show(self._facts, facts)
        for device in view.devices:
            article, body = self._cards[device.id]
            drawn = now.watching if device.id in self._systems else now.card
            card = drawn(device, lines, guest.say)
            show(body, frame.render("card.html.j2", guest, c=card))
            _mark(article, {"silent": card.silent, "asks": card.alarm == "asks"})


def _mark(article: ui.element, marks: dict[str, bool]) -> None:
    wanted = " ".join(["device", *(name for name, so in marks.items() if so)])
    article.classes(replace=wanted)

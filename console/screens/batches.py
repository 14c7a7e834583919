"""The screens of batches and the bank: search, one of them, and the map of a freezer."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from urllib.parse import quote

from fastapi import Request, Response
from nicegui import ui
from starlette.exceptions import HTTPException

from batches.placement import Refused
from batches.vial import Vial
from console import batch_page, bench_work, places
from console.bench_work import Subject, WorkDesk
from console.entrance import Visitor
from console.orders import Became, Ordered
from console.record_desk import RecordDesk
from console.screens.frame import BUILD_S, Frame, Guest, html, in_time, once, show
from storage.wall import wall_ms

_LEDGER_S = 5.0
_EVERY_S = 10.0
Act = Callable[[Visitor], Awaitable[Ordered]]


def serve(frame: Frame) -> None:
    """Add the screens."""

    @ui.page("/batches", response_timeout=BUILD_S)
    async def listed(request: Request, q: str = "") -> Response | None:
        guest = await frame.guest(request)
        if isinstance(guest, Response):
            return guest
        with frame.framed(guest, guest.say("Batches")):
            await _list(frame, guest, q)
        return None

    @ui.page("/batches/map/{device}", response_timeout=BUILD_S)
    async def mapped(
        request: Request, device: str, rack: str = "", box: str = ""
    ) -> Response | None:
        guest = await frame.guest(request)
        if isinstance(guest, Response):
            return guest
        known = next((one for one in frame.settings.equipment if one.id == device), None)
        if known is None or known.is_system:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        alone = (rack, box) if "box" in request.query_params else None
        with frame.framed(guest, f"{guest.say('Positions')}: {known.name or known.id}"):
            await _map(frame, guest, device, alone)
        return None

    @ui.page("/batches/{subject}", response_timeout=BUILD_S)
    async def one(request: Request, subject: str) -> Response | None:
        guest = await frame.guest(request)
        if isinstance(guest, Response):
            return guest
        with frame.framed(guest, subject):
            shown = _One(frame, guest, subject)
            await frame.keep_current(guest, shown.refresh, every_s=_EVERY_S)
        return None


async def _map(frame: Frame, guest: Guest, device: str, alone: tuple[str, str] | None) -> None:
    body = html("")

    async def refresh() -> None:
        ledger, now = frame.means.entrance.ledger, wall_ms()
        racks = places.racks(
            await in_time(_LEDGER_S, lambda: ledger.stays_in(device, now, now + 1))
        )
        shown = racks if alone is None else places.opened(racks, *alone)
        full = alone is None and places.is_full(racks)
        told = {"device": device, "racks": shown, "full": full, "alone": alone is not None}
        show(body, frame.render("map.html.j2", guest, **told))

    await frame.keep_current(guest, refresh, every_s=_EVERY_S)


async def _list(frame: Frame, guest: Guest, text: str) -> None:
    say = guest.say
    field = _scan_field(say("Search, or scan a label"), text)
    body = html("")

    async def refresh() -> None:
        ledger = frame.means.entrance.ledger
        batches = await in_time(_LEDGER_S, ledger.batches)
        stays = await in_time(_LEDGER_S, ledger.all_at_risk)
        inside = {stay.batch: stay for each in stays.values() for stay in each}
        lines = batch_page.found(batches, inside, field.value or "")
        view = await frame.means.sight.look()
        filled = [one for one in view.devices if one.batches or one.vials]
        show(
            body,
            frame.render(
                "batches.html.j2",
                guest,
                lines=lines[: batch_page.SHOWN],
                more=max(0, len(lines) - batch_page.SHOWN),
                filled=filled,
            ),
        )

    async def entered() -> None:
        scanned = (field.value or "").strip()
        if await _is_known(frame, scanned):
            ui.navigate.to(_way_to(scanned))
        else:
            await refresh()

    field.on_value_change(refresh)
    field.on("keydown.enter", entered, args=[])
    await frame.keep_current(guest, refresh, every_s=_EVERY_S)


class _One:
    """One batch or vial on one screen, and what may be done with it."""

    def __init__(self, frame: Frame, guest: Guest, subject: str) -> None:
        self._frame, self._guest, self._subject = frame, guest, subject
        self._work = WorkDesk(frame.means.entrance)
        self._scan = _scan_field(
            guest.say("Scan a label: of a device, or of another batch or vial")
        )
        self._scan.on("keydown.enter", self._scanned, args=[])
        self._scan.set_visibility(guest.visitor.may("place"))
        self._body = html("")
        self._forms = ui.element("div").classes("forms")
        self._built: tuple[bool, bool] | None = None
        self._device: ui.select | None = None
        self._position: ui.input | None = None

    async def _scanned(self) -> None:
        """A device is where it goes; another batch or vial is the next to be handled."""
        text = (self._scan.value or "").strip()
        self._scan.value = ""
        device = bench_work.device_called(text, self._frame.settings.equipment)
        if device and self._device is not None and self._position is not None:
            self._device.value = device
            self._position.run_method("focus")
        elif device:
            _warn(self._guest.say("It can be put nowhere now"))
        elif await _is_known(self._frame, text):
            ui.navigate.to(_way_to(text))
        else:
            _warn(self._guest.say("{text}: no such device, batch or vial", text=text[:80]))

    async def refresh(self) -> None:
        """What the ledger says now."""
        frame, ledger = self._frame, self._frame.means.entrance.ledger
        try:
            found = await in_time(_LEDGER_S, lambda: bench_work.read(ledger, self._subject))
        except (Refused, ValueError) as error:
            show(self._body, frame.render("plain.html.j2", self._guest, text=str(error)))
            return
        picture = batch_page.picture(self._subject, found.ancestors, found.descendants)
        told = {
            "s": found,
            "p": picture,
            "subject": self._subject,
            "may_export": frame.means.records is not None and self._guest.visitor.may("export"),
        }
        show(self._body, frame.render("batch.html.j2", self._guest, **told))
        self._build(found)

    def _build(self, found: Subject) -> None:
        """The forms; built anew when what may be done has changed, not while somebody types."""
        is_open = (
            found.life.ended_at is None if isinstance(found.life, Vial) else found.life.is_open
        )
        state = is_open, found.here is not None
        if state == self._built or not self._guest.visitor.may("place"):
            return
        self._built = state
        self._device = self._position = None
        self._forms.clear()
        if not is_open:
            return
        with self._forms:
            self._place_form(moved=found.here is not None)
            if found.here is not None:
                self._out_form()
            if isinstance(found.life, Vial):
                self._thaw_form()
            elif self._frame.means.records is not None:
                self._close_form(self._frame.means.records)

    def _place_form(self, *, moved: bool) -> None:
        say = self._guest.say
        devices = {
            one.id: f"{one.name or one.id} ({one.location})" if one.location else one.name or one.id
            for one in self._frame.settings.equipment
            if not one.is_system
        }
        called = say("Move") if moved else say("Place")
        with ui.element("section").classes("form"):
            html(self._title(called))
            device = ui.select(devices, label=say("Device"), with_input=True)
            position = ui.input(say("Position"))
            self._device, self._position = device, position
            reason = ui.input(say("Reason, if it was done earlier"))

            async def press() -> None:
                if not device.value:
                    _warn(say("Choose a device"))
                    return
                await self._done(
                    lambda visitor: self._work.place(
                        visitor,
                        self._subject,
                        device=str(device.value),
                        position=position.value or "",
                        reason=reason.value or "",
                    )
                )

            act = once(press)
            # A scanner ends what it types so; with gloves that is one press less.
            position.on("keydown.enter", act, args=[])
            ui.button(called, on_click=act).props("no-caps")

    def _out_form(self) -> None:
        say = self._guest.say
        with ui.element("section").classes("form"):
            html(self._title(say("Take out")))

            async def press() -> None:
                await self._done(lambda visitor: self._work.take_out(visitor, self._subject))

            ui.button(say("Take out"), on_click=once(press)).props("no-caps outline")

    def _thaw_form(self) -> None:
        say = self._guest.say
        with ui.element("section").classes("form"):
            html(self._title(say("Thaw")))
            into = ui.input(say("Into a new batch (empty: for use)"))

            async def press() -> None:
                await self._done(
                    lambda visitor: self._work.thaw(visitor, self._subject, into=into.value or "")
                )

            ui.button(say("Thaw"), on_click=once(press)).props("no-caps outline")

    def _close_form(self, desk: RecordDesk) -> None:
        say = self._guest.say
        with ui.element("section").classes("form"):
            html(self._title(say("Close the batch")))
            reason = ui.input(say("Reason, where its environment has gaps"))

            async def press() -> None:
                # All of its readings are looked at first, for gaps.
                ui.notify(f"… {say('at work')}", timeout=3000)
                await self._done(
                    lambda visitor: desk.end_batch(
                        visitor, self._subject, reason=reason.value or ""
                    )
                )

            ui.button(say("Close the batch"), on_click=once(press)).props("no-caps outline")

    def _title(self, text: str) -> str:
        return self._frame.render("room.html.j2", self._guest, room=text)

    async def _done(self, act: Act) -> None:
        visitor = await self._frame.still(self._guest)
        if visitor is None:
            return
        self._frame.means.entrance.touch(self._guest.token)
        ordered = await act(visitor)
        if self._forms.is_deleted:
            return
        # The form that was pressed may be gone by now: a batch that is closed has none.
        with self._forms:
            self._frame.tell(self._guest, ordered)
        if ordered.became is Became.DONE:
            await self.refresh()
            self._scan.run_method("focus")


def _scan_field(label: str, text: str = "") -> ui.input:
    """Where a scanner types what it reads; it presses Enter after it."""
    return ui.input(label, value=text).props("autofocus clearable").classes("scan")


async def _is_known(frame: Frame, text: str) -> bool:
    """Whether ``text`` is a batch or a vial."""
    ledger = frame.means.entrance.ledger
    try:
        await in_time(_LEDGER_S, lambda: bench_work.read(ledger, text))
    except (Refused, ValueError):
        return False
    return True


def _way_to(subject: str) -> str:
    return f"/batches/{quote(subject, safe='')}"


def _warn(text: str) -> None:
    ui.notify(f"✖ {text}", type="negative")

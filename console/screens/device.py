"""The screen of one device: now, charts over any span, marks, tank, what is inside, calibration."""

from typing import Annotated, NamedTuple

from fastapi import Query, Request, Response
from nicegui import ui
from starlette.exceptions import HTTPException

from batches.instruments import Instruments
from batches.placement import Refused
from console import device_page, now
from console.device_page import SPANS, USUAL, DevicePage
from console.screens.frame import BUILD_S, Frame, Guest, html, in_time, show
from console.view import Equipment
from storage.wall import wall_ms

_CHART_S = 15.0
_LEDGER_S = 5.0


def serve(frame: Frame) -> None:
    """Add the screen."""

    @ui.page("/device/{device}", response_timeout=BUILD_S)
    async def page(
        request: Request,
        device: str,
        span: str = USUAL,
        begins: Annotated[str, Query(alias="from", max_length=40)] = "",
        ends: Annotated[str, Query(alias="to", max_length=40)] = "",
    ) -> Response | None:
        guest = await frame.guest(request)
        if isinstance(guest, Response):
            return guest
        known = next((one for one in frame.settings.equipment if one.id == device), None)
        if known is None or span not in SPANS:
            raise HTTPException(404)
        with frame.framed(guest, known.name or known.id):
            ui.add_head_html(
                f'<script src="/static/cursor.js?{frame.means.version}" defer></script>'
            )
            shown = _Device(frame, guest, known, _Asked(span, begins, ends))
            await frame.keep_current(guest, shown.refresh)
            await frame.keep_current(guest, shown.redraw, every_s=_CHART_S)
        return None


class _Asked(NamedTuple):
    span: str
    begins: str
    ends: str


class _Device:
    """One device on one screen."""

    def __init__(self, frame: Frame, guest: Guest, device: Equipment, asked: _Asked) -> None:
        self._frame, self._guest, self._device = frame, guest, device
        self._length = SPANS[asked.span]
        self._fixed, why = None, ""
        try:
            self._fixed = device_page.asked(
                asked.begins, asked.ends, now=wall_ms(), zone=frame.zone
            )
        except Refused as error:
            why = str(error)
        with ui.element("div").classes("device wide-device"):
            self._card = html("")
        ways = frame.render(
            "span_ways.html.j2",
            guest,
            device=device.id,
            spans=tuple(SPANS),
            span="" if self._fixed else asked.span,
            begins=asked.begins,
            ends=asked.ends,
            why=why,
            zone=frame.zone.key,
        )
        html(ways)
        self._charts = html("")

    async def refresh(self) -> None:
        """What is so now."""
        frame, guest = self._frame, self._guest
        view = await frame.means.sight.look()
        lines = await frame.means.trends.look()
        found = next(one for one in view.devices if one.id == self._device.id)
        card = now.card(found, lines, guest.say, holds=not self._device.is_system)
        show(self._card, frame.render("card.html.j2", guest, c=card))

    async def redraw(self) -> None:
        """The charts, and what the ledger says of the device."""
        told = {
            "d": await self._page(),
            "device": self._device.id,
            "zone": self._frame.zone.key,
            "holds": not self._device.is_system,
        }
        show(self._charts, self._frame.render("device.html.j2", self._guest, **told))

    async def _page(self) -> DevicePage:
        frame, device = self._frame, self._device.id
        view = await frame.means.sight.look()
        start, end = self._fixed or (view.at - self._length, view.at)
        found = await frame.asked(
            lambda: frame.means.charts.read(device, start, end, period=self._device.period_ms)
        )
        ledger = frame.means.entrance.ledger
        book = await in_time(_LEDGER_S, lambda: Instruments(ledger).book())
        # Up to now: vials that came after a span of the past are inside now all the same.
        until = max(end, view.at) + 1
        stood = await in_time(_LEDGER_S, lambda: ledger.stays_in(device, start, until))
        return device_page.page(
            next(one for one in view.devices if one.id == device),
            found,
            frame.settings.rules,
            book=book,
            stood=stood,
            end=end,
            now=view.at,
            zone=frame.zone,
            say=self._guest.say,
        )

"""The screens of the system: health, and the audit trail with a search."""

from functools import partial

from fastapi import Request, Response
from nicegui import ui

from batches.trail import Line
from console import system_page
from console.screens.frame import BUILD_S, Frame, Guest, html, in_time, show
from storage.wall import wall_ms

_LEDGER_S = 7.0
_DAY_MS = 86_400_000
_DAYS = {"1": 1, "7": 7, "31": 31, "366": 366}


def serve(frame: Frame) -> None:
    """Add the screens."""

    @ui.page("/system", response_timeout=BUILD_S)
    async def health(request: Request) -> Response | None:
        return await _health(frame, request)

    @ui.page("/system/trail", response_timeout=BUILD_S)
    async def trail(request: Request) -> Response | None:
        return await _trail(frame, request)


def ways_of_system(frame: Frame, guest: Guest) -> None:
    """The ways to the parts of this screen that the guest may see."""
    say, may = guest.say, guest.visitor.may
    ways = [("/system", say("Health"))]
    if may("read-audit"):
        ways += [("/system/trail", say("Audit trail")), ("/system/people", say("People"))]
    html(frame.render("tabs.html.j2", guest, ways=ways, here=guest.path, label=say("System")))


async def _health(frame: Frame, request: Request) -> Response | None:
    guest = await frame.guest(request)
    if isinstance(guest, Response):
        return guest
    with frame.framed(guest, guest.say("System")):
        ways_of_system(frame, guest)
        body = html("")

        async def refresh() -> None:
            view = await frame.means.sight.look()
            facts = system_page.health(view, zone=frame.zone, say=guest.say)
            troubles = () if view.status is None else view.status.troubles
            told = {"facts": facts, "troubles": troubles, "problems": view.problems}
            show(body, frame.render("health.html.j2", guest, **told))

        await frame.keep_current(guest, refresh)
    return None


async def _trail(frame: Frame, request: Request) -> Response | None:
    guest = await frame.guest(request)
    if isinstance(guest, Response):
        return guest
    with frame.framed(guest, guest.say("Audit trail")):
        ways_of_system(frame, guest)
        if not guest.visitor.may("read-audit"):
            await frame.deny(guest, "read-audit", "audit trail")
            return None
        say = guest.say
        read: dict[str, tuple[Line, ...]] = {}
        with ui.element("div").classes("filters"):
            field = ui.input(say("Search")).props("debounce=300 clearable")
            days = {name: say("{days} days", days=name) for name in _DAYS}
            span = ui.select(days, value="7", label=say("Span"))
            area = ui.select({"": say("all of it")}, value="", label=say("Of what"))
        body = html("")

        async def refresh() -> None:
            since = wall_ms() - _DAYS[span.value] * _DAY_MS
            read["lines"] = await in_time(_LEDGER_S, lambda: _lines(frame, since))
            areas = sorted({line.area for line in read["lines"]} | {area.value or ""} - {""})
            area.set_options({"": say("all of it"), **{each: say(each) for each in areas}})
            draw()

        def draw() -> None:
            lines = system_page.searched(read.get("lines", ()), field.value or "", area.value or "")
            shown = lines[: system_page.SHOWN]
            told = {
                "lines": shown,
                "more": len(lines) - len(shown),
                "spelled": partial(system_page.spelled, zone=frame.zone),
            }
            show(body, frame.render("trail.html.j2", guest, **told))

        field.on_value_change(draw)
        span.on_value_change(refresh)
        area.on_value_change(draw)
        await frame.keep_current(guest, refresh, every_s=30.0, act="read-audit")
    return None


def _lines(frame: Frame, since: int) -> tuple[Line, ...]:
    audit = frame.settings.audit
    if audit is None:
        return frame.means.entrance.ledger.trail(since=since).lines
    return audit(since)

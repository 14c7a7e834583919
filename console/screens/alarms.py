"""The screens of alarms: what is open, and what to do; what is silenced; history; figures."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from fastapi import Request, Response
from nicegui import ui

from alerts.rule import Rule
from batches.placement import Refused
from console import alarm_book, alarm_list, figures, words
from console.alarm_book import AlarmBook
from console.alarm_list import SEVERITIES, SPANS, AlarmLine, Wanted
from console.screens.frame import BUILD_S, Frame, Guest, html, in_time, once, show
from console.view import SiteView
from storage.wall import wall_ms

_SLOW_S = 5.0
_FIGURES_S = 7.0
_FIGURES_EVERY_S = 300.0
_DOES = {"ack": "Acknowledge", "reset": "Reset", "shelve": "Shelve", "unshelve": "Unshelve"}


def serve(frame: Frame) -> None:
    """Add the screens."""

    @ui.page("/alarms", response_timeout=BUILD_S)
    async def open_(request: Request) -> Response | None:
        return await _open(frame, request)

    @ui.page("/alarms/silenced", response_timeout=BUILD_S)
    async def silenced(request: Request) -> Response | None:
        return await _read_only(
            frame,
            request,
            "alarm_silenced.html.j2",
            lambda book: {
                "now": alarm_list.silenced(book.alarms),
                "today": alarm_list.silenced_today(book.history, wall_ms(), frame.zone),
            },
        )

    @ui.page("/alarms/history", response_timeout=BUILD_S)
    async def history(request: Request) -> Response | None:
        return await _read_only(
            frame, request, "alarm_history.html.j2", lambda book: {"history": book.history}
        )

    @ui.page("/alarms/figures", response_timeout=BUILD_S)
    async def rated(request: Request) -> Response | None:
        return await _rated(frame, request)


async def _open(frame: Frame, request: Request) -> Response | None:
    guest = await frame.guest(request)
    if isinstance(guest, Response):
        return guest
    with _framed(frame, guest):
        shown = _List(frame, guest)
        await frame.keep_current(guest, shown.refresh)
    return None


async def _rated(frame: Frame, request: Request) -> Response | None:
    guest = await frame.guest(request)
    if isinstance(guest, Response):
        return guest
    with _framed(frame, guest):
        body = html("")

        async def refresh() -> None:
            data, now, zone = frame.settings.data, wall_ms(), frame.zone
            found = await in_time(_FIGURES_S, lambda: alarm_book.rated(data, now, zone))
            told = {"start": found.start, "end": found.end, "lines": tuple(figures.lines(found))}
            show(body, frame.render("alarm_figures.html.j2", guest, **told))

        await frame.keep_current(guest, refresh, every_s=_FIGURES_EVERY_S)
    return None


@contextmanager
def _framed(frame: Frame, guest: Guest) -> Iterator[None]:
    with frame.framed(guest, guest.say("Alarms")):
        html(frame.render("alarm_ways.html.j2", guest, here=guest.path))
        yield


async def _read_only(
    frame: Frame, request: Request, template: str, chosen: Callable[[AlarmBook], dict[str, object]]
) -> Response | None:
    guest = await frame.guest(request)
    if isinstance(guest, Response):
        return guest
    with _framed(frame, guest):
        body = html("")

        async def refresh() -> None:
            found = await in_time(_SLOW_S, lambda: alarm_book.read(frame.settings.data))
            show(body, frame.render(template, guest, **chosen(found)))

        await frame.keep_current(guest, refresh, every_s=_SLOW_S)
    return None


class _List:
    """The list of open alarms on one screen, with its filters and its buttons."""

    def __init__(self, frame: Frame, guest: Guest) -> None:
        say = guest.say
        self._frame, self._guest = frame, guest
        self._rules: Mapping[str, Rule] = {rule.id: rule for rule in frame.settings.rules}
        self._wanted = Wanted()
        self._shown: tuple[AlarmLine, ...] = ()
        self._bodies: dict[str, ui.html] = {}
        self._count = html("").props('role="status"')
        with ui.element("div").classes("filters"):
            ui.input(say("Search"), on_change=lambda e: self._want(text=e.value or "")).props(
                "debounce=300 clearable"
            )
            ui.select(
                {"": say("any severity")} | {word: say(word) for word in SEVERITIES},
                value="",
                label=say("Severity"),
                on_change=lambda e: self._want(severity=e.value),
            )
            ui.checkbox(
                say("only unacknowledged"), on_change=lambda e: self._want(asking=bool(e.value))
            )
        self._place = ui.element("div").classes("alarms")
        self._acknowledge = _Acknowledge(frame, guest)
        self._shelve = _Shelve(frame, guest)

    async def _want(
        self, *, text: str | None = None, severity: str | None = None, asking: bool | None = None
    ) -> None:
        was = self._wanted
        self._wanted = Wanted(
            text=was.text if text is None else text,
            severity=was.severity if severity is None else severity,
            asking=was.asking if asking is None else asking,
        )
        await self.refresh()

    async def refresh(self) -> None:
        """Show what is so now; buttons stay where they are while the alarms are the same."""
        frame, guest = self._frame, self._guest
        view = await frame.means.sight.look()
        lines = alarm_list.lines(
            view,
            self._rules,
            zone=frame.zone,
            say=guest.say,
            name_of=frame.name_of,
            wanted=self._wanted,
        )
        show(self._count, frame.render("alarm_count.html.j2", guest, **_counted(view, lines)))
        before, self._shown = self._shown, lines
        if [_kept(one) for one in before] != [_kept(one) for one in lines]:
            self._build()
        for one in lines:
            show(self._bodies[one.rule], frame.render("alarm.html.j2", guest, a=one))

    def _build(self) -> None:
        self._place.clear()
        self._bodies = {}
        with self._place:
            for one in self._shown:
                colour = "bad" if one.mark == "asks" else "warn"
                with ui.element("article").classes(f"alarm {colour}") as article:
                    article.props["aria-label"] = one.rule
                    self._bodies[one.rule] = html("")
                    self._buttons(one)

    def _buttons(self, one: AlarmLine) -> None:
        allowed = [verb for verb in one.does if self._guest.visitor.may(f"alarm.{verb}")]
        with ui.element("div").classes("buttons"):
            for verb in allowed:
                button = ui.button(
                    self._guest.say(_DOES[verb]),
                    on_click=lambda _, verb=verb, rule=one.rule: self._do(verb, rule),
                ).props("no-caps" if verb == "ack" else "no-caps outline")
                button.props["aria-label"] = f"{self._guest.say(_DOES[verb])}: {one.rule}"

    async def _do(self, verb: str, rule: str) -> None:
        # As it is shown now: what somebody acknowledges is what they saw.
        one = next((each for each in self._shown if each.rule == rule), None)
        if one is None:
            return
        if verb == "ack":
            self._acknowledge.open(one)
        elif verb == "shelve":
            self._shelve.open(one)
        else:
            await _order(self._frame, self._guest, verb, rule, {})


class _Acknowledge:
    """Asks for a note before an alarm is acknowledged."""

    def __init__(self, frame: Frame, guest: Guest) -> None:
        self._frame, self._guest = frame, guest
        say = guest.say
        self._line: AlarmLine | None = None
        with ui.dialog().props("transition-duration=0") as self._dialog, ui.card().classes("ask"):
            self._title = html("", tag="h2")
            html(frame.render("not_fixed.html.j2", guest))
            self._note = ui.textarea(say("Note: what was found or done")).props("autogrow")
            with ui.element("div").classes("buttons"):
                ui.button(say("Acknowledge"), on_click=once(self._press)).props("no-caps")
                ui.button(say("Cancel"), on_click=self._dialog.close).props("no-caps flat")

    def open(self, line: AlarmLine) -> None:
        """Ask about ``line``."""
        self._line = line
        self._note.value = ""
        title = f"{self._guest.say('Acknowledge')}: {line.rule}"
        self._dialog.props["aria-label"] = title
        show(self._title, self._frame.render("plain.html.j2", self._guest, text=title))
        self._dialog.open()

    async def _press(self) -> None:
        if self._line is None:
            return
        line, note = self._line, self._note.value or ""
        self._dialog.close()
        arguments = alarm_list.acknowledgement(line, note)
        await _order(self._frame, self._guest, "ack", line.rule, arguments)


class _Shelve:
    """Asks for a reason and an end before an alarm is shelved."""

    def __init__(self, frame: Frame, guest: Guest) -> None:
        self._frame, self._guest = frame, guest
        self._rule = ""
        say = guest.say
        with ui.dialog().props("transition-duration=0") as self._dialog, ui.card().classes("ask"):
            self._title = html("", tag="h2")
            self._reason = ui.input(say("Reason"))
            self._span = ui.select(list(SPANS), value=SPANS[1], label=say("For how long"))
            self._once = ui.checkbox(say("only until it has returned to normal once"))
            with ui.element("div").classes("buttons"):
                ui.button(say("Shelve"), on_click=once(self._press)).props("no-caps")
                ui.button(say("Cancel"), on_click=self._dialog.close).props("no-caps flat")

    def open(self, line: AlarmLine) -> None:
        """Ask about ``line``."""
        self._rule = line.rule
        self._reason.value = ""
        title = f"{self._guest.say('Shelve')}: {line.rule}"
        self._dialog.props["aria-label"] = title
        show(self._title, self._frame.render("plain.html.j2", self._guest, text=title))
        self._dialog.open()

    async def _press(self) -> None:
        try:
            arguments = alarm_list.shelving(
                self._reason.value or "", self._span.value or "", one_shot=bool(self._once.value)
            )
        except Refused as error:
            ui.notify(f"✖ {self._guest.say(str(error))}", type="negative")
            return
        self._dialog.close()
        await _order(self._frame, self._guest, "shelve", self._rule, arguments)


async def _order(
    frame: Frame, guest: Guest, verb: str, rule: str, arguments: Mapping[str, str]
) -> None:
    visitor = await frame.still(guest)
    if visitor is not None:
        frame.means.entrance.touch(guest.token)
        frame.tell(guest, await frame.means.orders.order(visitor, verb, rule, arguments))


def _kept(line: AlarmLine) -> tuple[object, ...]:
    """What its card and buttons depend on."""
    return line.rule, line.mark, line.does


def _counted(view: SiteView, lines: tuple[AlarmLine, ...]) -> dict[str, object]:
    return {
        "alive": view.core_alive,
        "age": "" if view.core_age_ms is None else words.age(view.core_age_ms),
        "known": view.counts is not None,
        "open": len(view.alarms),
        "asking": sum(words.asks(alarm) for alarm in view.alarms),
        "shown": len(lines),
        "problems": view.problems,
    }

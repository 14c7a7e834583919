"""The screen of the record of a batch or vial: previewed, made, signed and taken along."""

from collections.abc import Awaitable, Callable

from fastapi import Request, Response
from nicegui import ui

from batches.placement import Refused
from batches.signature import MEANINGS, Step
from console import bench_work
from console.entrance import Visitor
from console.orders import Ordered
from console.record_desk import Doing, RecordDesk, Signing
from console.records import Version
from console.screens.frame import BUILD_S, Frame, Guest, html, in_time, once, show

_LEDGER_S = 7.0
_LOOK_S = 1.0
_EVERY_LOOKS = 10
"""The ledger is asked each so many looks at the work that goes on."""
Act = Callable[[Visitor], Awaitable[Ordered]]


def serve(frame: Frame) -> None:
    """Add the screen."""

    @ui.page("/batches/{subject}/record", response_timeout=BUILD_S)
    async def page(request: Request, subject: str) -> Response | None:
        guest = await frame.guest(request)
        if isinstance(guest, Response):
            return guest
        with frame.framed(guest, f"{guest.say('Record')}: {subject}"):
            html(frame.render("record_ways.html.j2", guest, subject=subject))
            desk = frame.means.records
            if desk is None or not guest.visitor.may("export"):
                await frame.deny(guest, "export", subject)
                return None
            ledger = frame.means.entrance.ledger
            try:
                await in_time(_LEDGER_S, lambda: bench_work.read(ledger, subject))
            except (Refused, ValueError) as error:
                html(frame.render("plain.html.j2", guest, text=str(error)))
                return None
            address = request.client.host if request.client else ""
            shown = _Record(frame, guest, subject, desk, address)
            await frame.keep_current(guest, shown.refresh, every_s=_LOOK_S, act="export")
        return None


class _Record:
    """The record of one subject on one screen."""

    def __init__(
        self, frame: Frame, guest: Guest, subject: str, desk: RecordDesk, address: str
    ) -> None:
        self._frame, self._guest, self._subject = frame, guest, subject
        self._desk, self._address = desk, address
        self._looks = 0
        self._versions: tuple[Version, ...] = ()
        self._signed: tuple[str, Step] | None = None
        say = guest.say
        with ui.element("div").classes("buttons"):
            ui.button(say("Preview"), on_click=once(self._preview)).props("no-caps outline")
            ui.button(say("Make the record"), on_click=once(self._make)).props("no-caps")
        self._asked = html("")
        self._body = html("")
        self._signing = html("")
        self._form = ui.element("div").classes("forms")

    async def refresh(self) -> None:
        """What is so now; the ledger is asked when work is done, and now and then."""
        frame, job = self._frame, self._desk.job(self._subject)
        if self._looks % _EVERY_LOOKS == 0:
            await self._ask()
        self._looks += 1
        # What came of it stands beside what was pressed.
        is_signing = job is not None and job.doing is Doing.SIGN
        said = frame.render("job.html.j2", self._guest, job=job)
        show(self._asked, "" if is_signing else said)
        show(self._signing, said if is_signing else "")
        show(
            self._body,
            frame.render(
                "record.html.j2",
                self._guest,
                job=job,
                versions=self._versions,
                steps=tuple(Step),
                subject=self._subject,
            ),
        )
        self._build()

    async def _ask(self) -> None:
        subject = self._subject
        self._versions = await in_time(_LEDGER_S, lambda: self._desk.versions(subject))

    def _build(self) -> None:
        """The form of the next signature, while it is somebody's turn who is here."""
        newest = self._versions[0] if self._versions else None
        step = None if newest is None else newest.next_step
        is_mine = step is not None and self._guest.visitor.may(f"sign-{step}")
        state = (newest.manifest, step) if newest and step and is_mine else None
        if state == self._signed:
            return
        self._signed = state
        self._form.clear()
        if newest is not None and step is not None and is_mine:
            with self._form, ui.element("section").classes("form"):
                self._sign_form(newest, step)

    def _sign_form(self, version: Version, step: Step) -> None:
        frame, say = self._frame, self._guest.say
        title = say("Sign version {number} as {step}", number=version.number, step=say(step.value))
        html(frame.render("room.html.j2", self._guest, room=title))
        html(frame.render("signing.html.j2", self._guest, meaning=MEANINGS[step]))
        meaning = ui.input(say("What your signature means"), value=MEANINGS[step])
        why: dict[int, ui.input] = {}
        if step is Step.APPROVED:
            for number, item in enumerate(version.open_items, start=1):
                html(frame.render("open_item.html.j2", self._guest, number=number, item=item))
                why[number] = ui.input(say("Why {number} does not stand against it", number=number))
        person = ui.input(say("Your id")).props("autocomplete=username")
        password = ui.input(say("Password"), password=True).props("autocomplete=current-password")

        async def press() -> None:
            typed = Signing(
                manifest=version.manifest,
                step=step,
                meaning=meaning.value or "",
                person=person.value or "",
                password=password.value or "",
                why={number: one.value or "" for number, one in why.items()},
            )
            password.value = ""
            await self._done(
                lambda visitor: self._desk.sign(
                    visitor, self._subject, typed, address=self._address
                )
            )

        ui.button(say("Sign"), on_click=once(press)).props("no-caps")

    async def _preview(self) -> None:
        await self._done(lambda visitor: self._desk.preview(visitor, self._subject))

    async def _make(self) -> None:
        await self._done(lambda visitor: self._desk.make(visitor, self._subject))

    async def _done(self, act: Act) -> None:
        visitor = await self._frame.still(self._guest)
        if visitor is None:
            return
        self._frame.means.entrance.touch(self._guest.token)
        ordered = await act(visitor)
        if self._body.is_deleted:
            # Whoever asked has left the screen; the next who looks is told.
            return
        job = self._desk.job(self._subject)
        if job is None or job.ordered is not ordered:
            # It was not even begun: nothing on the screen would say so.
            with self._form:
                self._frame.tell(self._guest, ordered)
        await self._ask()
        await self.refresh()

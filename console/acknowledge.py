"""What stands behind an acknowledge link, and what happens when its button is pressed."""

import asyncio
import logging
import threading
from collections.abc import Mapping, Sequence
from enum import Enum
from http import HTTPStatus
from typing import NamedTuple

import msgspec

from alerts.engine.view import AlarmView
from alerts.reader import AlarmReader
from alerts.rule import Rule
from alerts.schema import StoreError
from alerts.store import Answer
from alerts.token import AckAllClaim, AckClaim, Reason, TokenDesk
from console.settings import ConsoleSettings
from console.sight import BlindError, Sight
from console.speech import ENGLISH, Speech
from console.view import ChannelView, DeviceView, SiteView
from storage.entry import Command
from storage.inbox import Inbox, InboxError, OtherActError
from storage.wall import wall_ms

log = logging.getLogger(__name__)

LONGEST_TOKEN = 1_000
LONGEST_NOTE = 500
ANSWER_S = 5.0
KEEP_S = 8.0
_AGAIN_S = 0.1
_ENGLISH = Speech(ENGLISH)
SILENT = "the alarm store does not answer; look at the disk"


class Result(Enum):
    """What came of pressing the button, with the HTTP status that says so."""

    ACKNOWLEDGED = HTTPStatus.OK
    TAKEN_IN = HTTPStatus.ACCEPTED
    REFUSED = HTTPStatus.CONFLICT
    NOT_KEPT = HTTPStatus.SERVICE_UNAVAILABLE


class Pressed(msgspec.Struct, frozen=True, kw_only=True):
    """``why`` is the core's reason, or what to do."""

    claim: AckClaim
    result: Result
    why: str = ""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """All that somebody must see before they acknowledge.

    ``alarm`` is None where the store does not show it, ``rule`` where the configuration has it no
    more. ``answer`` is what the core said when this link was pressed before. ``problem`` says
    what could not be read.
    """

    claim: AckClaim
    alarm: AlarmView | None
    rule: Rule | None
    device: DeviceView | None
    channel: ChannelView | None
    answer: Answer | None
    problem: str = ""

    @property
    def used(self) -> bool:
        """Whether this link has done what it is for."""
        return self.answer is not None and self.answer.accepted

    @property
    def over(self) -> bool:
        """Whether there is nothing left to acknowledge here."""
        return bool(over(self))


def over(standing: Standing, say: Speech = _ENGLISH) -> str:
    """Why there is nothing left to acknowledge at ``standing``; empty while there may be."""
    answer, alarm, meant = standing.answer, standing.alarm, standing.claim.occurrence
    if answer is not None and not answer.accepted:
        return say("this link was pressed before, and refused: {why}", why=answer.why)
    if alarm is None:
        return ""
    if alarm.occurrence > meant:
        return say(
            "occurrence {meant} is over; now it is {now}: use its own message",
            meant=meant,
            now=alarm.occurrence,
        )
    return say("this alarm is over") if alarm.state == "N" else ""


class AckDesk:
    """Judges links and takes acknowledgements in. Reading a link changes nothing."""

    def __init__(self, settings: ConsoleSettings, key: bytes, sight: Sight[SiteView]) -> None:
        # Whether a link was used is asked below, where the answer also says when and why.
        self._tokens = TokenDesk(key, used=lambda _: False)
        self._data = settings.data
        self._rules = {rule.id: rule for rule in settings.rules}
        self._sight = sight
        self._opening = threading.Lock()
        self._inbox: Inbox | None = None

    def close(self) -> None:
        """Let go of the inbox."""
        if self._inbox is not None:
            self._inbox.close()

    def judge(self, token: str) -> AckClaim | AckAllClaim | Reason:
        """What a link claims, or why it does not count: ``EXPIRED`` or ``FORGED``."""
        judged = Reason.FORGED if len(token) > LONGEST_TOKEN else self._tokens.verify(token)
        if isinstance(judged, Reason):
            log.warning("an acknowledge link was refused: %s", judged.value)
        return judged

    async def standing(self, claim: AckClaim) -> Standing:
        """The alarm behind a link, as it is now; what cannot be read is left out and named."""
        return (await self.standings([claim]))[0]

    async def standings(self, claims: Sequence[AckClaim]) -> tuple[Standing, ...]:
        """The alarms behind ``claims``, all as of one look."""
        problems: list[str] = []
        alarms: dict[str, AlarmView] = {}
        answers: dict[str, Answer] = {}
        try:
            async with asyncio.timeout(ANSWER_S):
                alarms, answers = await asyncio.to_thread(self._look, claims)
        except (StoreError, TimeoutError) as error:
            problems.append(str(error) or SILENT)
        devices: tuple[DeviceView, ...] = ()
        try:
            view = await self._sight.look()
            devices = view.devices
            problems += view.problems
        except BlindError as error:
            problems.append(str(error))
        problem = "; ".join(dict.fromkeys(problems))
        return tuple(
            self._standing(one, alarms.get(one.rule), answers.get(one.command_id), devices, problem)
            for one in claims
        )

    def _standing(
        self,
        claim: AckClaim,
        alarm: AlarmView | None,
        answer: Answer | None,
        devices: tuple[DeviceView, ...],
        problem: str,
    ) -> Standing:
        rule = self._rules.get(claim.rule)
        channel_id = alarm.channel if alarm is not None else rule.channel if rule else ""
        device, channel = _found(devices, channel_id)
        return Standing(
            claim=claim,
            alarm=alarm,
            rule=rule,
            device=device,
            channel=channel,
            answer=answer,
            problem=problem,
        )

    async def listed(self, claim: AckAllClaim) -> tuple[tuple[AckClaim, ...], str]:
        """The claims of a summary, one for each alarm that it listed; and what went wrong."""

        def look() -> tuple[AckClaim, ...]:
            with AlarmReader(self._data / "alarms.db") as reader:
                return claim.each(reader.listed(claim.summary, claim.arrived, claim.person))

        try:
            async with asyncio.timeout(ANSWER_S):
                return await asyncio.to_thread(look), ""
        except (StoreError, TimeoutError) as error:
            return (), str(error) or SILENT

    async def press(self, claim: AckClaim, *, note: str) -> Pressed:
        """Take the acknowledgement in, and wait a little for what the core says to it."""
        return (await self.press_each([claim], note=note))[0]

    async def press_each(self, claims: Sequence[AckClaim], *, note: str) -> tuple[Pressed, ...]:
        """Take in one acknowledgement for each claim, and wait a little for all answers."""
        now, line = wall_ms(), one_line(note)
        commands = [claim.command(now, note=line) for claim in claims]
        try:
            async with asyncio.timeout(KEEP_S):
                lost = await asyncio.to_thread(self._submit, commands)
        except TimeoutError:
            why = f"the disk did not take it within {KEEP_S:g} s; press again, it counts once"
            log.error("acknowledgements by %s: %s", commands[0].by, why)  # noqa: TRY400 # a trace of a time-out says nothing
            lost = {command.id: why for command in commands}
        answers = await self._answers_to([c.id for c in commands if c.id not in lost])
        return tuple(_pressed(claim, lost, answers) for claim in claims)

    def _submit(self, commands: Sequence[Command]) -> dict[str, str]:
        """Keep each of them; why it was not, by the id of the command."""
        lost = {}
        for command in commands:
            try:
                self._opened().submit(command)
            except OtherActError:
                # A second press of the same link: the first one counts, and its answer is shown.
                log.info("%s was pressed again by %s", command.id, command.by)
            except InboxError as error:
                log.exception("the acknowledgement %s by %s was not kept", command.id, command.by)
                lost[command.id] = str(error)
        return lost

    async def _answers_to(self, commands: Sequence[str]) -> dict[str, Answer]:
        answers: dict[str, Answer] = {}
        try:
            async with asyncio.timeout(ANSWER_S):
                while len(answers) < len(commands):
                    left = [command for command in commands if command not in answers]
                    answers |= await asyncio.to_thread(self._answers, left)
                    if len(answers) < len(commands):
                        await asyncio.sleep(_AGAIN_S)
        except TimeoutError:
            pass
        return answers

    def _answers(self, commands: Sequence[str]) -> dict[str, Answer]:
        try:
            with AlarmReader(self._data / "alarms.db") as reader:
                found = {command: reader.answer(command) for command in commands}
        except StoreError:
            # It is in the inbox all the same; the core may not have made its store yet.
            return {}
        return {command: answer for command, answer in found.items() if answer is not None}

    def _look(self, claims: Sequence[AckClaim]) -> tuple[dict[str, AlarmView], dict[str, Answer]]:
        with AlarmReader(self._data / "alarms.db") as reader:
            try:
                known = {alarm.rule: alarm for alarm in reader.alarms()}
            except msgspec.MsgspecError as error:
                raise StoreError(
                    f"{reader.path}: an alarm cannot be understood: {error}"
                ) from error
            answers = {one.command_id: reader.answer(one.command_id) for one in claims}
            return known, {name: answer for name, answer in answers.items() if answer is not None}

    def _opened(self) -> Inbox:
        with self._opening:
            if self._inbox is None:
                self._inbox = Inbox(self._data)
            return self._inbox


def one_line(note: str) -> str:
    """What somebody typed, as one line that can be shown and kept, and not too long."""
    plain = "".join(letter if letter.isprintable() else " " for letter in note)
    line = " ".join(plain.split())
    return line if len(line) <= LONGEST_NOTE else line[: LONGEST_NOTE - 1] + "…"


class Filled(NamedTuple):
    """What a form holds."""

    nonce: str
    note: str
    pin: str


def fields(form: Mapping[str, list[str]]) -> Filled:
    """What a form holds; of a field that stands twice, the first."""
    return Filled(*(form.get(name, [""])[0] for name in Filled._fields))


def _pressed(claim: AckClaim, lost: Mapping[str, str], answers: Mapping[str, Answer]) -> Pressed:
    name = claim.command_id
    answer = answers.get(name)
    why = lost.get(name, "" if answer is None else answer.why)
    result = Result.NOT_KEPT if name in lost else _result(answer)
    log.info("%s: %s by %s: %s %s", claim.rule, result.name, claim.person, name, why)
    return Pressed(claim=claim, result=result, why=why)


def _result(answer: Answer | None) -> Result:
    if answer is None:
        return Result.TAKEN_IN
    return Result.ACKNOWLEDGED if answer.accepted else Result.REFUSED


def _found(
    devices: tuple[DeviceView, ...], channel: str
) -> tuple[DeviceView | None, ChannelView | None]:
    device = next((d for d in devices if d.id == channel.partition(".")[0]), None)
    if device is None:
        return None, None
    return device, next((c for c in device.channels if c.id == channel), None)

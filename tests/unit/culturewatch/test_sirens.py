"""Who is told that a siren does not obey."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from alerts.directory import Directory
from alerts.notify.siren import Coil, Siren
from culturewatch import sirens
from culturewatch.everybody import Everybody
from culturewatch.sirens import Sirens, Watched
from culturewatch.site_file import Annunciator
from tests.services import free_port
from tests.unit.alerts.relay import COIL, UNIT, relay  # a test's own
from tests.unit.alerts.test_auditor import view  # a test's own
from tests.unit.culturewatch.test_blindness import PEOPLE, POLICIES, Inbox  # a test's own


class Room:
    """One siren, the people, and what they got."""

    def __init__(self, port: int) -> None:
        self.alarms = [view("inc1-hot", None)]
        self.lines: list[str] = []
        self.inbox = Inbox()
        directory = Directory(PEOPLE, POLICIES, lambda _: None)
        everybody = Everybody({"inbox": self.inbox}, directory)
        declared = Annunciator(id="hall", host="127.0.0.1", port=port, unit=UNIT, coil=COIL)
        self.sirens = Sirens(
            [declared], lambda: self.alarms, everybody, site="Bench", on_trouble=self.lines.append
        )


@asynccontextmanager
async def room(port: int) -> AsyncIterator[Room]:
    opened = Room(port)
    running = asyncio.create_task(opened.sirens.run(), name="sirens under test")
    try:
        yield opened
    finally:
        running.cancel()
        await asyncio.wait([running])


async def until(holds: Callable[[], bool], within_s: float = 15.0) -> None:
    async with asyncio.timeout(within_s):
        while not holds():  # noqa: ASYNC110 # any condition, also one without an event
            await asyncio.sleep(0.01)


async def test_a_critical_alarm_sounds_and_its_acknowledgement_is_silence() -> None:
    async with relay() as found, room(found.port) as here:
        await until(lambda: found.values == [True])
        here.alarms = [view("inc1-hot", None, state="A")]
        await until(lambda: found.values == [True, False])
        assert here.lines == []
        assert here.inbox.got == []


async def test_one_that_does_not_obey_is_a_line_at_once_then_an_alarm_and_its_end_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sirens, "FAILING_S", 0.05)
    monkeypatch.setattr(sirens, "LOOK_S", 0.01)
    port = free_port()
    async with room(port) as here:
        await until(lambda: len(here.inbox.got) == 2)
        (line,) = here.lines
        assert line.startswith(f"the siren hall does not obey: 127.0.0.1:{port} unit 3 coil 17: ")
        told = here.inbox.got[0]
        assert {message.person for message in here.inbox.got} == {"oncall", "lead"}
        assert (told.kind, told.severity) == ("page", "high")
        assert told.subject == "HIGH siren hall does not obey"
        assert "look at the relay" in told.text
        async with relay(port):
            await until(lambda: len(here.inbox.got) == 4)
        assert here.inbox.got[-1].subject == "All clear: siren hall obeys again"
        assert here.lines[1] == "the siren hall obeys again"


def test_people_are_told_after_a_while_again_after_hours_and_once_of_the_end() -> None:
    coil = Coil(host="127.0.0.1", port=1, unit=1, address=0)
    siren = Siren(coil, lambda: False)
    declared = Annunciator(id="hall", host="127.0.0.1", coil=0)
    watched = Watched(declared, siren)
    siren.failing_s = 100.0
    words = {second: watched.word(100.0 + second) for second in range(6 * 3600 + 20)}
    assert {second: word for second, word in words.items() if word is not None} == {
        15: True,
        6 * 3600 + 15: True,
    }
    siren.failing_s = None
    assert [watched.word(90_000.0), watched.word(90_001.0)] == [False, None]

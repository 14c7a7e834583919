"""What every screen says when something fails: it is old, or what was pressed may not be done."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from msgspec import structs
from nicegui import Client, ui
from nicegui.page import page

from batches.people import People
from console.device_page import DevicePage
from console.entrance import Entrance, Visitor
from console.means import Means
from console.screens import frame as framing
from console.screens.frame import NOT_DONE, STUMBLED, Frame, Guest, once
from console.sight import BlindError
from console.speech import Speech
from console.tank import Tank
from tests.unit.batches.staff import enlist
from tests.unit.console.lab import ledger_of, settings
from tests.unit.console.test_orders import visitor

pytestmark = pytest.mark.long


class Desk:
    """An entrance that answers ``visitor`` as it is told to."""

    def __init__(self, who: Visitor) -> None:
        self.who = who
        self.hangs = False

    async def visitor(self, _: str) -> Visitor:
        if self.hangs:
            await asyncio.Event().wait()
        return self.who


@pytest.fixture
def client() -> Iterator[Client]:
    opened = Client(page("/x"))
    yield opened
    opened.delete()


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    ledger = ledger_of(tmp_path)
    people: People = enlist(ledger, {"admin": ["admin"]})
    assert people.find("admin") is not None
    return Desk(visitor(ledger, "admin"))


@pytest.fixture
def frame(tmp_path: Path, desk: Desk) -> Frame:
    nothing: Any = None
    return Frame(
        Means(
            settings=settings(tmp_path),
            entrance=cast("Entrance", desk),
            orders=nothing,
            sight=nothing,
            trends=nothing,
            charts=nothing,
            records=None,
            pins=None,
            cookie="culturewatch",
            version="1",
        )
    )


@pytest.fixture
def guest(desk: Desk) -> Guest:
    return Guest(desk.who, Speech("en"), "token", "/now")


def shown(client: Client) -> str:
    return " ".join(one.content for one in client.elements.values() if isinstance(one, ui.html))


def told(client: Client) -> list[str]:
    return [str(said["message"]) for _, kind, said in client.outbox.messages if kind == "notify"]


async def test_a_screen_whose_ledger_hangs_says_so_and_stays_no_old_one(
    client: Client, frame: Frame, guest: Guest, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(framing, "STILL_S", 0.05)
    desk.hangs = True
    with client:
        async with asyncio.timeout(5):
            await frame.keep_current(guest, _nothing, every_s=60.0)
    assert "the ledger did not answer within 0.05 s" in shown(client)


async def test_a_screen_that_stumbles_says_once_that_it_is_old(
    client: Client, frame: Frame, guest: Guest
) -> None:
    async def stumbles() -> None:
        raise KeyError("nobody foresaw it")

    with client, frame.framed(guest, "Now"):
        with pytest.raises(KeyError) as raised:
            await frame.keep_current(guest, stumbles, every_s=60.0)
        client.handle_exception(raised.value)
    assert STUMBLED in shown(client)
    assert told(client) == []


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (BlindError("the ledger did not answer"), f"✖ {NOT_DONE}: the ledger did not answer"),
        (KeyError("what no reader understands"), f"✖ {NOT_DONE}"),
    ],
)
def test_whoever_pressed_for_nothing_is_told(
    client: Client, frame: Frame, guest: Guest, error: Exception, said: str
) -> None:
    with client, frame.framed(guest, "Now"):
        pass
    client.handle_exception(error)
    assert told(client) == [said]


@pytest.mark.parametrize(
    ("hours", "said"),
    [
        ((0.71, 0.6, 0.94), "0.7 h (0.6 to 0.9, 95 %)"),
        ((231.0, 190.0, 260.0), "231 h (190 to 260,"),
    ],
)
def test_hours_to_empty_are_not_rounded_up_when_they_are_few(
    frame: Frame, guest: Guest, hours: tuple[float, float, float], said: str
) -> None:
    falls = (24.0, 20.0, 30.0)
    page = DevicePage(
        measured=(),
        states=(),
        calibrated=(),
        placed=(),
        were=(),
        tank=Tank(level=500.0, falls=falls, empty_h=hours),
    )
    assert said in frame.render("device.html.j2", guest, d=page, zone="UTC", holds=True)


async def test_who_lost_a_role_sees_nothing_further_on_a_screen_that_wants_it(
    client: Client, frame: Frame, guest: Guest, desk: Desk
) -> None:
    looked = []

    async def look() -> None:
        looked.append(1)

    with client, frame.framed(guest, "Record"):
        await frame.keep_current(guest, look, every_s=60.0, act="read-audit")
        assert looked == [1]
        gone = structs.replace(desk.who.person, roles=frozenset())
        desk.who = structs.replace(desk.who, person=gone)
        await frame.keep_current(guest, look, every_s=60.0, act="read-audit")
        assert looked == [1]
        await frame.keep_current(guest, look, every_s=60.0)
    assert looked == [1, 1]
    assert [said["path"] for _, kind, said in client.outbox.messages if kind == "open"] == ["/now"]


async def _nothing() -> None:
    pass


async def test_a_second_press_begins_nothing_while_the_first_is_at_work() -> None:
    begun: list[int] = []
    going = asyncio.Event()

    async def act() -> None:
        begun.append(len(begun))
        await going.wait()
        if len(begun) == 1:
            raise BlindError("the ledger did not answer")

    pressed = once(act)
    first = asyncio.create_task(pressed(), name="first press")
    await asyncio.sleep(0)
    await pressed()
    assert begun == [0]
    going.set()
    with pytest.raises(BlindError):
        await first
    # What failed can be asked for again.
    await pressed()
    assert begun == [0, 1]

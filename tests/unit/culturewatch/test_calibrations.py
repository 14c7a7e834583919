"""The core's snapshot of sensors: what it marks, and which dates it tells the engine."""

import asyncio
from collections.abc import Callable

import pytest

from alerts.rule import Rule
from batches.batch import Signed
from batches.calibration import Point
from batches.instruments import Instruments
from batches.ledger import Ledger
from batches.placement import Interval
from culturewatch import calibrations
from culturewatch.calibrations import Calibrations, in_calibration, marked
from devices.duration import parse
from devices.quality import Quality
from devices.scan import Layout, Scan
from storage.entry import Command
from tests.outage import Outage

NOW = 1_767_596_400_000
HOUR = 3_600_000
HEAT = "inc1.temperature"
LAYOUT = Layout("inc1", ("temperature", "oxygen"), ("temperature", "oxygen"))
ANNA = Signed(by="anna")


@pytest.fixture
def sensors(ledger_url: str) -> Instruments:
    found = Instruments(Ledger(ledger_url, now=lambda: NOW))
    found.register("T-1", model="m", act=ANNA)
    found.install("T-1", HEAT, quantity="temperature", act=ANNA)
    return found


def scan(at: int, first: Quality = Quality.GOOD, value: float | None = 37.0) -> Scan:
    return Scan(LAYOUT, at, at, (value, 5.0), bytes((first, Quality.GOOD)))


def test_values_of_that_channel_and_time_are_marked_and_kept() -> None:
    apart = {HEAT: Interval(NOW, NOW + HOUR)}
    found = marked(scan(NOW), apart)
    assert found.values == (37.0, 5.0)
    assert list(found.qualities) == [Quality.IN_CALIBRATION, Quality.GOOD]
    for other in (
        scan(NOW - 1),
        scan(NOW + HOUR),
        scan(NOW, Quality.NO_ANSWER, None),
        scan(NOW, Quality.SENSOR_FAULT, None),
    ):
        assert marked(other, apart) is other


def test_only_until_the_planned_end_even_if_nobody_ended_it(sensors: Instruments) -> None:
    sensors.begin("T-1", until=NOW + HOUR, act=ANNA)
    book = sensors.book()
    assert in_calibration(book, NOW) == {HEAT: Interval(NOW, NOW + HOUR)}
    assert in_calibration(book, NOW + HOUR) == {}


def test_a_sensor_taken_out_meanwhile_is_marked_no_longer(sensors: Instruments) -> None:
    early = Signed(by="anna", at=NOW - HOUR, reason="entered late")
    row = sensors.book().installations[0].row
    sensors.correct_installation(row, start=NOW - 2 * HOUR, act=early)
    sensors.begin("T-1", until=NOW + HOUR, act=early)
    sensors.uninstall(HEAT, act=ANNA)
    assert in_calibration(sensors.book(), NOW - 1) == {HEAT: Interval(NOW - HOUR, NOW)}


RULES = (
    Rule(id="due", channel=HEAT, kind="calibration-due", every=parse("365d")),
    Rule(id="hot", channel=HEAT, kind="high", limit=38.0),
)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 # what is waited for gives no event
            await asyncio.sleep(0.002)


async def test_the_engine_is_told_a_date_once_and_again_when_it_changes(
    sensors: Instruments, ledger_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibrations, "REFRESH_S", 0.005)
    told: list[Command] = []
    engine: dict[str, int | None] = {}

    async def put(command: Command) -> None:
        told.append(command)
        at = command.arguments["at"]
        engine[command.target] = int(at) if at else None

    caught_up = asyncio.Event()
    part = Calibrations(ledger_url, RULES, put=put, now=lambda: NOW)
    running = asyncio.create_task(part.run(engine.get, caught_up), name="calibrations")

    def certify(due: int) -> int:
        point = Point(reference=1, as_found=1, as_left=1, uncertainty=1)
        return sensors.certify(
            "T-1",
            quantity="temperature",
            at=NOW,
            due=due,
            laboratory="l",
            number="",
            tolerance=1,
            points=[point],
            act=ANNA,
        ).row

    sensors.begin("T-1", until=NOW + HOUR, act=ANNA)
    await until(lambda: part.mark(scan(NOW)).qualities[0] == Quality.IN_CALIBRATION)
    row = certify(NOW + 5 * HOUR)
    # What the engine was told before is not known until it has caught up.
    assert told == []
    caught_up.set()
    await until(lambda: len(told) == 1)
    sensors.withdraw(row, act=Signed(by="b", reason="of another sensor"))
    await until(lambda: len(told) == 2)
    certify(NOW + 9 * HOUR)
    await until(lambda: len(told) == 3)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert [(c.target, c.verb, c.via, c.arguments["at"]) for c in told] == [
        ("due", "due", "ledger", str(NOW + 5 * HOUR)),
        ("due", "due", "ledger", ""),
        ("due", "due", "ledger", str(NOW + 9 * HOUR)),
    ]


async def test_without_a_ledger_it_goes_on_with_what_it_knew(
    ledger_url: str, outage: Outage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibrations, "REFRESH_S", 0.002)
    outage.begin()
    part = Calibrations(ledger_url, RULES, put=asyncio.sleep, now=lambda: NOW)  # type: ignore[arg-type] # never called
    running = asyncio.create_task(part.run(lambda _: None, asyncio.Event()), name="calibrations")
    await until(lambda: part._failing)
    assert part.mark(scan(NOW)) == scan(NOW)
    assert not running.done()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

"""Devices that speak in lines of text: on a line, behind a serial server, asked or unasked."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from msgspec import structs

from collector import line
from collector.address import Address, TcpAddress, TtyAddress
from collector.line import LineCollector, LineDevice
from devices import catalog, document
from devices.duration import Duration
from devices.profile import Profile, layout
from devices.quality import Quality
from devices.scan import Scan
from devices.transport import Line, Serial
from tests.unit.collector.responder import until
from tests.unit.collector.serial_responder import device_behind_a_server, device_on_a_line
from tests.unit.collector.steady_clock import SteadyClock
from tests.unit.collector.text_device import TextDevice

pytestmark = pytest.mark.usefixtures("soon_connected_again")


SOON = Duration(60)
GOOD, NO_ANSWER = Quality.GOOD, Quality.NO_ANSWER


def a_device(profile: Profile, address: Address, number: int = 1) -> LineDevice:
    return LineDevice(
        layout=layout(f"tank{number}", profile),
        profile=profile,
        address=address,
        unit=number,
        period=SOON,
    )


@asynccontextmanager
async def collecting(*devices: LineDevice) -> AsyncIterator[list[Scan]]:
    scans: list[Scan] = []
    crashes: list[str] = []
    collector = LineCollector(
        devices,
        clock=SteadyClock(),
        deliver=scans.append,
        on_crash=lambda name, error: crashes.append(f"{name}: {error!r}"),
    )
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(collector.run(), name="lines")
        yield scans
        running.cancel()
    assert crashes == []


@asynccontextmanager
async def counting(device: LineDevice) -> AsyncIterator[tuple[LineCollector, list[Scan]]]:
    scans: list[Scan] = []
    collector = LineCollector(
        [device],
        clock=SteadyClock(),
        deliver=scans.append,
        on_crash=lambda _name, _error: None,
    )
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(collector.run(), name="lines")
        yield collector, scans
        running.cancel()


def talk(collector: LineCollector) -> tuple[bool, bool, int, int]:
    """Whether the one link stands and its device answers, its polls and its answers."""
    (link,) = collector.stats()
    (device,) = link.devices
    assert device.device == "tank1"
    return link.connected, device.is_answering, device.polls, device.answered


async def test_how_a_tank_has_answered_is_counted() -> None:
    profile = catalog.find("american-magnetics-186")
    said = {"LEVEL": "35.0", "UNIT": "C"}
    async with device_behind_a_server(TextDevice(said.get)) as device:
        address = TcpAddress(host="127.0.0.1", port=device.port)
        async with counting(a_device(profile, address)) as (collector, scans):
            assert talk(collector) == (False, False, 0, 0)
            await until(lambda: len(good(scans)) == 1)
            polls = len(scans)
            assert talk(collector) == (True, True, polls, 1)
            assert collector.stats()[0].endpoint == f"127.0.0.1:{device.port}"
    nowhere = TtyAddress(path="/dev/nosuchport", serial=Serial(baud=9600))
    async with counting(a_device(profile, nowhere)) as (collector, scans):
        await until(lambda: len(scans) == 2)
        assert talk(collector) == (False, False, 2, 0)


async def test_what_an_incubator_says_unasked_is_counted_and_so_are_its_silences() -> None:
    async with device_on_a_line(TextDevice(lambda _: None)) as device:
        address = TtyAddress(path=device.path, serial=Serial(baud=9600))
        printing = a_device(catalog.find("shel-lab-sco5a"), address)
        async with counting(printing) as (collector, scans):
            await until(lambda: scans)
            assert talk(collector) == (True, False, len(scans), 0)
            (wire,) = device.lines
            wire.put(b"\r\nC1=37.0 C3=5.0\r\n")
            await until(lambda: good(scans))
            assert talk(collector) == (True, True, len(scans), 1)


def good(scans: list[Scan], device: str = "tank1") -> list[Scan]:
    return [scan for scan in scans if scan.device == device and None not in scan.values]


async def test_tanks_on_one_line_are_asked_by_their_numbers() -> None:
    answers = {
        "001 TEMPA?": "-197.10",
        "001 FILL?": "0",
        "001 FILAS?": "1",
        "002 TEMPA?": "-150.05",
        "002 FILL?": "1",
        "002 FILAS?": "0",
    }
    async with device_on_a_line(TextDevice(answers.get), baud=9600) as device:
        address = TtyAddress(path=device.path, serial=Serial(baud=9600))
        profile = catalog.find("mve-tec-3000")
        tanks = [a_device(profile, address, number) for number in (1, 2)]
        async with collecting(*tanks) as scans:
            await until(lambda: good(scans, "tank1") and good(scans, "tank2"))
        assert good(scans, "tank1")[0].values == (-197.1, 0.0, 1.0)
        assert good(scans, "tank2")[0].values == (-150.05, 1.0, 0.0)
        assert isinstance(device, TextDevice)
        assert set(device.heard) == set(answers)


async def test_a_device_that_repeats_the_question_is_read_behind_a_serial_server() -> None:
    answers = {"MEAS? 1": "10.0 in", "FILL? 1": "Timeout"}
    async with device_behind_a_server(TextDevice(answers.get, echoes=True)) as device:
        address = TcpAddress(host="127.0.0.1", port=device.port)
        profile = catalog.find("cryomagnetics-lm-510")
        async with collecting(a_device(profile, address)) as scans:
            await until(lambda: len(good(scans)) >= 2)
        assert good(scans)[0].values == (254.0, 0.0, 1.0)


@pytest.mark.parametrize("echo", ["MEAS? 2", "", "MEAS? 10"])
async def test_an_answer_behind_the_echo_of_another_question_is_none(echo: str) -> None:
    async with device_behind_a_server(TextDevice(lambda _: f"{echo}\r\n10.0 cm")) as device:
        address = TcpAddress(host="127.0.0.1", port=device.port)
        profile = catalog.find("cryomagnetics-lm-510")
        assert profile.line is not None
        spoken = structs.replace(profile.line, timeout=Duration(40))
        impatient = structs.replace(profile, line=spoken)
        async with collecting(a_device(impatient, address)) as scans:
            assert isinstance(device, TextDevice)
            await until(lambda: device.heard)
            asked = len(scans)
            await until(lambda: len(scans) > asked)
    assert all(set(scan.qualities) == {NO_ANSWER} for scan in scans)


async def test_what_was_said_before_a_silence_counts_and_nothing_else_does() -> None:
    async with device_behind_a_server(TextDevice({"001 TEMPA?": "-190.0"}.get)) as device:
        profile = catalog.find("mve-tec-3000")
        address = TcpAddress(host="127.0.0.1", port=device.port)
        impatient = quick(profile)
        async with collecting(a_device(impatient, address)) as scans:
            await until(lambda: any(scan.values[0] is not None for scan in scans))
        heard = next(scan for scan in scans if scan.values[0] is not None)
        assert heard.values == (-190.0, None, None)
        assert list(heard.qualities) == [GOOD, NO_ANSWER, NO_ANSWER]


async def test_a_tank_that_says_nothing_gives_an_absence_each_period() -> None:
    async with device_behind_a_server(TextDevice(lambda _: None)) as device:
        address = TcpAddress(host="127.0.0.1", port=device.port)
        async with collecting(a_device(quick(catalog.find("mve-tec-3000")), address)) as scans:
            await until(lambda: len(scans) >= 4)
    assert all(set(scan.qualities) == {NO_ANSWER} for scan in scans)


async def test_without_a_port_there_is_an_absence_each_period() -> None:
    address = TtyAddress(path="/dev/nosuchport", serial=Serial(baud=9600))
    async with collecting(a_device(catalog.find("mve-tec-3000"), address)) as scans:
        await until(lambda: len(scans) >= 3)
    assert all(set(scan.qualities) == {NO_ANSWER} for scan in scans)


async def test_a_tank_is_asked_as_soon_as_its_line_is_there() -> None:
    """Not half a minute later, at the next tick of its period."""
    async with device_behind_a_server(TextDevice({"TEMPA?": "-190.0"}.get)) as device:
        profile = catalog.find("american-magnetics-186")
        tank = LineDevice(
            layout=layout("tank1", profile),
            profile=profile,
            address=TcpAddress(host="127.0.0.1", port=device.port),
            unit=1,
            period=Duration(3_600_000),
        )
        assert isinstance(device, TextDevice)
        device.answer = {"LEVEL": "35.0", "UNIT": "C"}.get
        async with collecting(tank) as scans:
            await until(lambda: good(scans))
    assert good(scans)[0].values == (350.0,)


async def test_an_incubator_that_prints_unasked_is_heard_and_never_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(line, "SILENT_PERIODS", 100.0)
    async with device_on_a_line(TextDevice(lambda _: None)) as device:
        address = TtyAddress(path=device.path, serial=Serial(baud=9600))
        async with collecting(a_device(catalog.find("shel-lab-sco5a"), address)) as scans:
            await asyncio.sleep(0.05)
            (wire,) = device.lines
            # The end of a line that began before we came says nothing: this may have been 137.0.
            wire.put(b"7.0 C3=5.0\r\n")
            wire.put(b"C1=37.1 C3=5.")
            wire.later(0.02, b"1\r\nC1=37.2 C3=5.2\r\n")
            await until(lambda: len(scans) == 2)
        assert [scan.values for scan in scans] == [(37.1, 5.1), (37.2, 5.2)]
        assert isinstance(device, TextDevice)
        assert device.heard == []


async def test_an_incubator_that_prints_no_more_is_told_by_absences() -> None:
    async with device_on_a_line(TextDevice(lambda _: None)) as device:
        address = TtyAddress(path=device.path, serial=Serial(baud=9600))
        async with collecting(a_device(catalog.find("shel-lab-sco5a"), address)) as scans:
            await until(lambda: len(scans) >= 2)
            (wire,) = device.lines
            wire.put(b"\r\nC1=37.0 C3=5.0\r\n")
            await until(lambda: good(scans))
            count = len(scans)
            await until(lambda: len(scans) > count)
    assert set(scans[0].qualities) == {NO_ANSWER}
    assert scans[0].at < scans[1].at


def quick(profile: Profile) -> Profile:
    """The profile with little patience."""
    text = document.parse(
        'serial = { baud = 9600 }\naddress = "{unit:03d} "\ntimeout = "40ms"', Line, name="line"
    )
    return Profile(
        model=profile.model,
        maker=profile.maker,
        manual=profile.manual,
        channels=profile.channels,
        period=SOON,
        line=text,
    )


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ("mve-tec-3000", "shel-lab-sco5a", "do not speak alike"),
        ("american-magnetics-186", "american-magnetics-186", "have no numbers of their own"),
    ],
)
def test_devices_that_cannot_be_told_apart_do_not_share_a_line(
    first: str, second: str, words: str
) -> None:
    address = TtyAddress(path="p", serial=Serial(baud=9600))
    devices = [
        a_device(catalog.find(name), address, number)
        for number, name in enumerate((first, second), start=1)
    ]
    with pytest.raises(ValueError, match=words):
        LineCollector(
            devices, clock=SteadyClock(), deliver=lambda _: None, on_crash=lambda _n, _e: None
        )

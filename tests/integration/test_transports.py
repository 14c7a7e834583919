"""A site whose devices are on a serial line, behind serial servers and on the web, all at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from collector import reconnect
from culturewatch.check import site_plan
from culturewatch.collecting import Collecting
from culturewatch.parts import rulebook
from culturewatch.site import Site, load
from culturewatch.troubles import Troubles
from devices.quality import Quality
from storage.journal import Journal
from tests.integration.mqtt_peers import scans, until
from tests.unit.collector.serial_responder import (
    Line,
    Question,
    behind_a_server,
    device_behind_a_server,
    on_a_line,
)
from tests.unit.collector.test_http import BODY, incubator, whole
from tests.unit.collector.text_device import TextDevice

SITE = """
[site]
id = "lab"
name = "Laboratory"

[[endpoint]]
id = "line"
serial = {{ port = "{tty}" }}

[[endpoint]]
id = "server"
host = "127.0.0.1"
port = {rtu}
framing = "rtu"

[[endpoint]]
id = "tanks"
host = "127.0.0.1"
port = {text}

[[endpoint]]
id = "web"
host = "127.0.0.1"
port = {http}

[[device]]
id = "co2-a"
profile = "senseair-k30"
endpoint = "line"

[[device]]
id = "co2-b"
profile = "senseair-k30"
endpoint = "server"

[[device]]
id = "tank1"
profile = "mve-tec-3000"
endpoint = "tanks"
unit = 1

[[device]]
id = "inc1"
profile = "memmert-atmoweb"
endpoint = "web"

[[person]]
id = "oncall"
channels = ["inbox"]

[[policy]]
id = "standard"
steps = [{{ after = "0s", to = ["oncall"] }}]
"""
RULE = """
[[rule]]
id = "tank1-warm"
channel = "tank1.temperature"
kind = "high"
limit = -150
severity = "critical"
policy = "standard"
re_alarm = "30m"
cause = "c"
consequence = "d"
action = "a"
respond_within = "30m"
"""
ANSWERS = {"001 TEMPA?": "-190.50", "001 FILL?": "0", "001 FILAS?": "0"}


def good_air(line: Line, question: Question) -> None:
    """Every register of the sensor: no error, and 769 ppm at 3 (the maker's worked example)."""
    addresses = range(question.address, question.address + question.number)
    held = [769 if address == 3 else 0 for address in addresses]
    line.put(question.answer(data=b"".join(word.to_bytes(2, "big") for word in held)))


@asynccontextmanager
async def the_site(folder: Path) -> AsyncIterator[Site]:
    """The site, with a device at every address in it."""
    async with (
        on_a_line(good_air, baud=9600) as line,
        behind_a_server(good_air) as server,
        device_behind_a_server(TextDevice(ANSWERS.get)) as tank,
        incubator(lambda: whole(BODY)) as web,
    ):
        (folder / "rules.d").mkdir()
        (folder / "rules.d" / "tank.toml").write_text(RULE)
        path = folder / "site.toml"
        path.write_text(SITE.format(tty=line.path, rtu=server.port, text=tank.port, http=web.port))
        yield load(path)


async def test_each_device_gives_its_values_over_its_own_wire(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconnect, "FIRST_PAUSE_S", 0.01)
    async with the_site(tmp_path) as site, Journal(tmp_path / "journal") as journal:
        room = Collecting(site, journal, Troubles(), lambda scan: scan)
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(part.run(), name="part")
                for part in (room.modbus, room.lines, room.http)
            ]
            await until(lambda: len(heard(tmp_path)) == 4, within_s=60)
            for task in running:
                task.cancel()
    values = heard(tmp_path)
    assert values["co2-a"][0] == values["co2-b"][0] == pytest.approx(0.0769)
    assert values["tank1"] == (-190.5, 0.0, 0.0)
    assert values["inc1"] == (37.0, 93.5, 5.0)


def heard(folder: Path) -> dict[str, tuple[float | None, ...]]:
    """The first values of each device."""
    found: dict[str, tuple[float | None, ...]] = {}
    for scan in scans(folder / "journal"):
        if set(scan.qualities) == {Quality.GOOD}:
            found.setdefault(scan.device, scan.values)
    return found


async def test_the_plan_says_where_each_is_and_how_often_it_is_asked(tmp_path: Path) -> None:
    async with the_site(tmp_path) as site:
        planned = {device.id: device for device in site_plan(site, rulebook(site)).devices}
        tty = site.file.endpoint[0].serial
        assert tty is not None
        assert planned["co2-a"].where == f"{tty.port} unit 104"
        assert planned["co2-a"].requests == planned["co2-b"].requests
        assert planned["tank1"].requests == 3
        assert planned["inc1"].requests == 1

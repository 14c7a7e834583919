"""A small flood through the whole program: collected, paged as one, acknowledged as one, silent."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from alerts.notify.notifier import Message
from alerts.reader import AlarmReader
from culturewatch import paths
from culturewatch.demo_people import press
from culturewatch.site import Site, load
from simulators.scenario import Door
from tests.integration.laboratory import DEVICES, heard, lay_out, program, rooms, until
from tests.integration.test_run import serves
from tests.unit.alerts.relay import COIL, UNIT, relay  # a test's own

ANNUNCIATOR = """
[[annunciator]]
id = "hall"
host = "127.0.0.1"
port = {port}
unit = {unit}
coil = {coil}
severity = "medium"
"""
MORE_RULES = """
[[rule]]
id = "{device}-door-open-too"
channel = "inc*.door"
kind = "discrete"
limit = 1
severity = "high"
policy = "standard"
cause = "The door was left open."
consequence = "Temperature, CO2 and humidity are lost."
action = "Close the door at once."
respond_within = "5m"
"""


def messages(site: Site) -> list[Message]:
    path = paths.inbox(site.data)
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    return [msgspec.json.decode(line, type=Message) for line in lines]


def states(site: Site) -> dict[str, str]:
    with AlarmReader(paths.alarms(site.data)) as reader:
        return {alarm.rule: alarm.state for alarm in reader.alarms() if "door" in alarm.rule}


@pytest.mark.slow
async def test_a_flood_is_one_page_and_one_list_and_two_presses_silence_the_siren(
    tmp_path: Path,
) -> None:
    async with relay() as siren:
        laid = lay_out(tmp_path / "site")
        text = laid.path.read_text(encoding="utf-8").replace('bundle = "0s"', 'bundle = "2s"')
        more = ANNUNCIATOR.format(port=siren.port, unit=UNIT, coil=COIL)
        laid.path.write_text(text + more, encoding="utf-8")
        (laid.rules / "more.toml").write_text(MORE_RULES, encoding="utf-8")
        site = load(laid.path)
        async with rooms(site) as opened:
            with program("run", site.path, log=site.base / "run.log") as run:
                await until(lambda: heard(site) == DEVICES and serves(site), why=lambda: run.said)
                await until(lambda: siren.values[-1:] == [False], why=lambda: run.said)
                for device in ("inc1", "inc2"):
                    opened.act(Door(device=device, open=True))
                await until(lambda: len(messages(site)) == 2, why=lambda: run.said)
                page, summary = messages(site)
                assert (page.kind, summary.kind) == ("page", "summary")
                assert page.severity == "high"
                assert summary.subject == "HIGH 3 ALARMS: 1 high, 2 medium"
                await until(lambda: siren.values[-1] is True, why=lambda: run.said)

                await asyncio.to_thread(press, summary)
                assert sorted(states(site).values()) == ["A", "A", "A", "U"]
                assert states(site)[page.rule] == "U"
                assert siren.values[-1] is True

                await asyncio.to_thread(press, page)
                assert set(states(site).values()) == {"A"}
                await until(lambda: siren.values[-1] is False, why=lambda: run.said)
                run.ask_to_end()
                assert await run.ended() == 0
            assert "Traceback" not in run.said
            assert {function for function, _, _ in siren.written} == {5}

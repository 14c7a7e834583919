"""The processes that the kill test kills.

Started once, this has everything imported; for each line on stdin, a JSON object that says what
to do, it forks a fresh process that opens the journal and works until it is killed. What such a
process has to say goes to stdout, a line each: ``pid``, ``open`` (milliseconds that the start of
the journal took), ``ack`` (messages known to be on disk), ``counts`` (of what was sent again) and
``connected`` while the broker is.
"""

import asyncio
import json
import logging
import os
import signal
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

from collector.address import TcpAddress
from collector.clock import AnchoredClock
from collector.modbus_collector import ModbusCollector
from collector.mqtt import MqttCollector
from collector.mqtt_settings import Subscription
from collector.unit import ModbusDevice
from devices.duration import Duration
from storage.inbox import Inbox, drain
from storage.journal import Journal, MessageKey, Outcome
from tests.integration.kill_load import (
    BLOCKS,
    PROBE,
    UNITS,
    numbered,
    unit_layout,
)
from tests.integration.mqtt_peers import (
    counted,
    freezer,
    plain,
    settings,
    subscriptions,
)

IN_FLIGHT = 20
PERIOD_MS = 50


class Task(NamedTuple):
    """What a process is to do: hand in messages from ``first`` on, or collect from ports."""

    folder: str
    first: int = 0
    broker: int = 0
    responder: int = 0


def say(*words: object) -> None:
    """One line to the test, so short that no kill cuts it."""
    os.write(1, f"{' '.join(map(str, words))}\n".encode())


async def hand_in(journal: Journal, first: int) -> None:
    """Hand in messages without end, as a broker does that waits for acknowledgements."""
    acknowledged: list[int] = []
    for start in range(first, sys.maxsize, IN_FLIGHT):
        for number in range(start, start + IN_FLIGHT):
            key = MessageKey(PROBE.device, str(number), b"%d" % number)
            journal.append(numbered(number), key=key, done=partial(_note, acknowledged, number))
        journal.quarantine("probe", "for the sake of the load", bytes(3_000))
        while len(acknowledged) < IN_FLIGHT:  # noqa: ASYNC110 - calls back, gives no event
            await asyncio.sleep(0.001)
        say("ack", *acknowledged)
        acknowledged.clear()


def _note(acknowledged: list[int], number: int, _: Outcome) -> None:
    acknowledged.append(number)


async def collect(journal: Journal, task: Task) -> None:
    """Collect as the core does."""
    topics: dict[str, Subscription] = {
        **subscriptions(freezer(), "stamped"),
        **subscriptions(counted(), "counted"),
        **subscriptions(plain(), "plain"),
    }
    clock = AnchoredClock(lambda _: None)
    mqtt = MqttCollector(settings("127.0.0.1", task.broker), topics, journal, clock)
    devices = [
        ModbusDevice(
            layout=unit_layout(unit),
            profile=BLOCKS,
            address=TcpAddress(host="127.0.0.1", port=task.responder),
            unit=unit,
            period=Duration(PERIOD_MS),
        )
        for unit in UNITS
    ]
    modbus = ModbusCollector(
        devices, clock=clock, deliver=journal.append, on_crash=lambda name, _: say("crash", name)
    )
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(mqtt.run(), name=mqtt.name)
        tasks.create_task(modbus.run(), name="modbus")
        while True:
            await asyncio.sleep(0.02)
            say("counts", mqtt.stats.duplicates, mqtt.stats.repeats)
            if mqtt.stats.connected:
                say("connected")


async def work(task: Task) -> None:
    """Open the journal and work until the end, which is a signal."""
    this = asyncio.current_task()
    assert this is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this.cancel)
    folder = Path(task.folder)
    said: list[str] = []
    async with Journal(folder, on_trouble=said.append) as journal:
        say("open", journal.stats.start_s * 1000)
        say(*("trouble", *said) if said else ("sound",))
        with Inbox(folder) as inbox:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(drain(inbox, journal), name="inbox")
                run = collect(journal, task) if task.broker else hand_in(journal, task.first)
                tasks.create_task(run, name="work")


def main() -> None:
    """Fork a process for each line, when the one before is gone."""
    logging.disable(logging.CRITICAL)
    for line in sys.stdin:
        task = Task(**json.loads(line))
        pid = os.fork()
        if pid == 0:
            with suppress(asyncio.CancelledError):
                asyncio.run(work(task))
            return
        say("pid", pid)
        os.waitpid(pid, 0)
        say("gone")


if __name__ == "__main__":
    main()

"""Floods of text: what is looked at is bounded, and what is said is whole or nothing."""

import asyncio

import pytest

from collector.address import TcpAddress
from collector.connection import Counts
from collector.errors import NoAnswerError
from collector.line import LineClient
from collector.text_connection import UNREAD, UnaskedConnection
from devices import catalog
from devices.transport import Line
from tests.unit.collector.responder import until
from tests.unit.collector.serial_responder import device_behind_a_server
from tests.unit.collector.text_device import TextDevice


def spoken(name: str) -> Line:
    """How a shipped model speaks."""
    line = catalog.find(name).line
    assert line is not None
    return line


async def test_of_a_flood_of_lines_the_last_few_are_heard_and_each_is_whole() -> None:
    heard: list[str] = []
    counts = Counts()
    connection = UnaskedConnection(spoken("shel-lab-sco5a"), counts, heard.append)
    connection.data_received(b"C1=1\nC3=2\n" * 10_000 + b"C1=37.0")
    assert heard == ["C1=1", "C3=2"] * (UNREAD // 2)
    assert counts.garbage == 1
    connection.data_received(b" C3=5.0\r\n")
    assert heard[-1] == "C1=37.0 C3=5.0"


async def test_a_number_behind_a_flood_of_blank_lines_is_no_answer() -> None:
    def floods(question: str) -> str:
        return ("\r\n" * 1_000 if question == "LEVEL" else "") + "35.0"

    async with device_behind_a_server(TextDevice(floods)) as device:
        address = TcpAddress(host="127.0.0.1", port=device.port)
        client = LineClient(address, spoken("american-magnetics-186"))
        async with asyncio.TaskGroup() as tasks:
            link = tasks.create_task(client.run(), name="link")
            await until(lambda: client.is_connected)
            with pytest.raises(NoAnswerError, match="characters, which no answer has"):
                await client.ask("LEVEL", 1, 5.0)
            link.cancel()

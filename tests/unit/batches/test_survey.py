"""What is read of a stay, and what next to it: each channel has its own last word before."""

import asyncio
from pathlib import Path

from batches.calibration import Book
from batches.placement import Interval
from batches.survey import Channel, Part, survey
from devices.scan import Layout, Scan
from storage.archive.log import LogReader
from storage.journal import Journal

MINUTE = 60_000
COLD = Layout("tank", ("temperature",), ("temperature",))
LID = Layout("tank", ("lid",), ("state",))
CHANNELS = [
    Channel(key="temperature", quantity="temperature", unit="degC"),
    Channel(key="lid", quantity="state", unit="1"),
]


async def store(folder: Path, told: list[tuple[float, Layout, float]]) -> None:
    async with Journal(folder) as journal:
        for minute, layout, value in told:
            at = round(minute * MINUTE)
            await journal.put(Scan(layout, at, at, (value,), bytes(1)))


def test_of_messages_that_tell_of_one_channel_each_the_edges_of_a_stay_are_known(
    tmp_path: Path,
) -> None:
    told = [
        each
        for minute in range(8, 23)
        for each in ((minute - 0.2, COLD, -180.0 - minute), (minute - 0.1, LID, 0.0))
    ]
    asyncio.run(store(tmp_path, told))
    span = Interval(10 * MINUTE, 20 * MINUTE)
    shown: list[tuple[Part, Layout, list[float]]] = []
    with LogReader(tmp_path) as log:
        found = survey(
            log,
            "tank",
            span,
            period=MINUTE,
            channels=CHANNELS,
            policies={},
            book=Book(),
            sink=lambda part, piece: shown.append(
                (part, piece.layout, (piece.rows.at / MINUTE).tolist())
            ),
        )
    assert [each for each in shown if each[0] is not Part.INSIDE] == [
        (Part.BEFORE, COLD, [9.8]),
        (Part.BEFORE, LID, [9.9]),
        (Part.AFTER, COLD, [20.8]),
        (Part.AFTER, LID, [20.9]),
    ]
    # The temperature of minute 9.8 holds into the stay; that of the lid came after it.
    cold, lid = (each.exposure for each in found)
    assert (cold.coverage, cold.received, cold.maximum) == (100.0, 10, -190.0)
    assert (lid.coverage, lid.received, lid.gaps) == (100.0, 10, ())

"""What may run beside the polling: the alarm engine with its store, and forwarding."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from alerts.channel import ChannelSpec
from alerts.directory import Directory
from alerts.engine.engine import Engine
from alerts.rule import Rule
from alerts.rulebook import build
from alerts.service import AlarmService
from alerts.store import AlarmStore
from devices.scan import Layout
from storage.influx import Forwarder, InfluxSettings
from storage.journal import Journal
from tests.services import InfluxServer, find_influxd

WATCHED = 4_000
FARM_RANGE = (-50.0, 150.0)


async def engine(journal: Journal, layouts: Sequence[Layout]) -> None:
    """Judge a high and a low rule on each of 4,000 channels, and commit what comes of it."""
    channels = [channel for layout in layouts for channel in layout.channels]
    watched = channels[:: max(1, len(channels) // WATCHED)]
    book = build(
        [rule for channel in watched for rule in _high_and_low(channel)],
        channels=[
            ChannelSpec(
                id=channel,
                quantity="temperature",
                period_ms=1000,
                resolution=0.01,
                range=FARM_RANGE,
            )
            for channel in channels
        ],
        policies=(),
    )
    with tempfile.TemporaryDirectory() as folder:
        async with AlarmStore(Path(folder) / "alarms.db") as store:
            judge = Engine(book, (await store.load()).parts)
            directory = Directory((), (), lambda _: None)
            await AlarmService(journal, judge, store, directory, cursor=0).run()


def _high_and_low(channel: str) -> tuple[Rule, Rule]:
    return (
        Rule(id=f"{channel}-high", channel=channel, kind="high", limit=149.0, deadband=0.2),
        Rule(id=f"{channel}-low", channel=channel, kind="low", limit=-49.0, deadband=0.2),
    )


async def forward(journal: Journal, layouts: Sequence[Layout]) -> None:
    """Send every reading to a real InfluxDB in another process."""
    del layouts
    influxd = find_influxd()
    if influxd is None:
        raise SystemExit("no influxd found; run tools/influxdb/build first")
    with tempfile.TemporaryDirectory() as folder:
        server = InfluxServer(influxd, Path(folder))
        server.start()
        try:
            server.set_up()
            settings = InfluxSettings(
                url=server.url, org=server.org, bucket="first", token=server.token
            )
            await Forwarder(settings, journal, site="bench").run()
        finally:
            server.stop()

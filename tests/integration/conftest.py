"""Fixtures of real services. A test asks for one; what is missing is named."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from culturewatch.site import Site
from tests.integration.laboratory import lay_out
from tests.services import (
    Influx,
    InfluxServer,
    MosquittoFactory,
    MosquittoServer,
    find_influxd,
    find_mosquitto,
)


@pytest.fixture(scope="session")
def influx_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxServer]:
    """One InfluxDB for all tests, each of which has a bucket of its own."""
    server = InfluxServer(find_influxd(), tmp_path_factory.mktemp("influxdb"))
    server.start()
    try:
        server.set_up()
        yield server
    finally:
        server.stop()


@pytest.fixture
def own_influx(influx_server: InfluxServer) -> Iterator[InfluxServer]:
    """An InfluxDB that the test may stop; it runs again afterwards."""
    yield influx_server
    if not influx_server.is_serving():
        influx_server.stop()
        influx_server.start()
    influx_server.drop_buckets()


@pytest.fixture
def influx(request: pytest.FixtureRequest) -> Iterator[Influx]:
    """An InfluxDB that stays up: somebody's by environment, else one of our own."""
    url = os.environ.get("CULTUREWATCH_INFLUX_URL")
    if not url:
        yield request.getfixturevalue("own_influx")
        return
    theirs = Influx(
        url=url,
        org=os.environ["CULTUREWATCH_INFLUX_ORG"],
        token=os.environ["CULTUREWATCH_INFLUX_TOKEN"],
    )
    yield theirs
    theirs.drop_buckets()


@pytest.fixture
def mosquitto_with(tmp_path: Path) -> Iterator[MosquittoFactory]:
    """Starts brokers with the limits that a test names."""
    binary = find_mosquitto()
    started: list[MosquittoServer] = []

    def start(
        *, max_queued_messages: int | None = None, max_inflight: int | None = None
    ) -> MosquittoServer:
        folder = tmp_path / f"mosquitto-{len(started)}"
        folder.mkdir()
        broker = MosquittoServer(
            binary, folder, max_queued_messages=max_queued_messages, max_inflight=max_inflight
        )
        broker.start()
        started.append(broker)
        return broker

    yield start
    for broker in started:
        broker.stop()


@pytest.fixture
def mosquitto(mosquitto_with: MosquittoFactory) -> MosquittoServer:
    """A broker as Debian ships it, with a persistent store."""
    return mosquitto_with()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """The site of the tests, its files and folder of data beside it."""
    return lay_out(tmp_path / "site")


@pytest.fixture(params=["3.1.1", "5"])
def protocol(request: pytest.FixtureRequest) -> str:
    """Both versions of MQTT."""
    version: str = request.param
    return version

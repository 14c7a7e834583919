"""Those at the other end: a publisher that counts what the broker took, and a look at a session."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from collector.clock import AnchoredClock
from collector.mqtt import MqttCollector
from collector.mqtt_settings import BrokerSettings, Subscription
from devices.catalog import find
from devices.document import parse
from devices.profile import Profile, layout
from devices.scan import Scan
from storage.journal import Journal
from storage.reader import JournalReader

PATIENCE_S = 20.0
SESSION = "culturewatch-test"

PLAIN = """
model = "A probe that says neither time nor number"
maker = "nobody"
manual = "these tests"
period = "1s"
[mqtt]
{extra}
[[channels]]
key = "temperature"
quantity = "temperature"
unit = "degC"
resolution = 0.1
range = [-200.0, 60.0]
source = {{ via = "json", path = "t" }}
"""


def freezer() -> Profile:
    """The shipped profile that has a stamp and a sequence."""
    return find("sim-freezer")


def plain() -> Profile:
    """A profile with neither."""
    return parse(PLAIN.format(extra=""), Profile, name="plain")


def counted() -> Profile:
    """A profile with a sequence alone."""
    return parse(PLAIN.format(extra='sequence = "n"'), Profile, name="counted")


def subscriptions(
    profile: Profile, *names: str, period_ms: int = 60_000
) -> dict[str, Subscription]:
    """One topic a device, ``lab/NAME``."""
    return {
        f"lab/{name}": Subscription(layout(name, profile), profile, period_ms) for name in names
    }


def now() -> datetime:
    """The time a device would stamp."""
    return datetime.now(UTC)


def message(sequence: int, *, at: datetime | None = None, level: float = 412) -> bytes:
    """What the simulated freezer says, written by hand after its profile."""
    said = {
        "time": (at or now()).isoformat(timespec="milliseconds"),
        "sequence": sequence,
        "level_mm": level,
        "temperature": {"top": -150.5, "bottom": -190.25},
        "lid": "closed",
        "filling": False,
    }
    return json.dumps(said).encode()


class Publisher:
    """A device's own client; ``taken`` is how many messages the broker acknowledged."""

    def __init__(self, host: str, port: int) -> None:
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id="a-device")
        self._client.reconnect_delay_set(1, 1)
        self._client.max_inflight_messages_set(200)
        self._client.on_publish = self._on_publish
        self.taken = 0
        self._client.connect(host, port)
        self._client.loop_start()

    def send(self, topic: str, *payloads: bytes, retain: bool = False) -> None:
        """Hand over payloads; they are sent in the background."""
        for payload in payloads:
            self._client.publish(topic, payload, qos=1, retain=retain)

    def close(self) -> None:
        """Leave."""
        self._client.disconnect()
        self._client.loop_stop()

    def _on_publish(self, *_: object) -> None:
        self.taken += 1


@contextmanager
def publisher(host: str, port: int) -> Iterator[Publisher]:
    """A publisher that leaves at the end."""
    peer = Publisher(host, port)
    try:
        yield peer
    finally:
        peer.close()


async def publish(host: str, port: int, topic: str, payloads: Sequence[bytes]) -> None:
    """Publish and return when the broker has acknowledged all."""
    # In a thread: the broker may live in this very loop.
    peer = await asyncio.to_thread(Publisher, host, port)
    try:
        peer.send(topic, *payloads)
        await until(lambda: peer.taken == len(payloads))
    finally:
        await asyncio.to_thread(peer.close)


async def kept_by_broker(host: str, port: int, count: int) -> list[tuple[bytes, bool]]:
    """The messages that the broker still keeps for the collector's session, and DUP of each.

    They stay unacknowledged. Waits for ``count`` of them, and then for an answer of the broker
    that would come after further ones.
    """
    kept: list[tuple[bytes, bool]] = []
    answered = threading.Event()
    client = paho.Client(
        CallbackAPIVersion.VERSION2, client_id=SESSION, clean_session=False, manual_ack=True
    )
    client.on_message = lambda _client, _data, got: kept.append((bytes(got.payload), got.dup))
    client.on_subscribe = lambda *_: answered.set()
    client.on_connect = lambda *_: _ask(client)
    await asyncio.to_thread(client.connect, host, port)
    client.loop_start()
    try:
        await until(lambda: answered.is_set() and len(kept) >= count)
    finally:
        await asyncio.to_thread(client.disconnect)
        await asyncio.to_thread(client.loop_stop)
    return kept


def _ask(client: paho.Client) -> None:
    client.subscribe("nothing/here", 1)


def settings(host: str, port: int, **more: object) -> BrokerSettings:
    """The collector's, with the session that the tests know."""
    given: Mapping[str, object] = {"id": "b", "client_id": SESSION, "window": 50, **more}
    return BrokerSettings(host=host, port=port, **given)  # type: ignore[arg-type] # as the test says


@asynccontextmanager
async def journal_in(folder: Path, **options: int) -> AsyncIterator[Journal]:
    """A real journal."""
    async with Journal(folder, **options) as journal:  # type: ignore[arg-type] # only numbers here
        yield journal


@asynccontextmanager
async def running(collector: MqttCollector) -> AsyncIterator[MqttCollector]:
    """The collector at work, and ended afterwards."""
    task = asyncio.create_task(collector.run(), name="collector under test")
    try:
        yield collector
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def clock() -> AnchoredClock:
    """The real one."""
    return AnchoredClock(lambda _step: None)


async def until(holds: Callable[[], bool], *, within_s: float = PATIENCE_S) -> None:
    """Wait until ``holds()``; fail when it does not come about."""
    async with asyncio.timeout(within_s):
        while not holds():  # noqa: ASYNC110 - of conditions that nobody announces
            await asyncio.sleep(0.01)


def scans(folder: Path) -> list[Scan]:
    """All scans in the journal, in its order."""
    with JournalReader(folder) as reader:
        found: list[Scan] = []
        after = 0
        while batch := reader.entries(after):
            found += [entry for _, entry in batch if isinstance(entry, Scan)]
            after = batch[-1][0]
        return found

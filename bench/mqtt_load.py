"""Publishes at QoS 1 as fast as the broker acknowledges, or at a rate; a process of its own.

The packets are put together here, after MQTT 3.1.1, because a client library would need more
CPU than what is measured. Usage: ``python -m bench.mqtt_load PORT COUNT DEVICES RATE FIRST``.
"""

import asyncio
import struct
import sys
from datetime import UTC, datetime

WINDOW = 2_000
"""Messages that may be under way to the broker."""
BATCH = 50
_PUBLISH_QOS_1 = 0x32
_CONNECT = b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04load"
_PUBACK_SIZE = 4


class Load:
    """``count`` messages of ``devices`` devices in turn, ``rate`` a second (0: no limit)."""

    def __init__(self, *, count: int, devices: int, rate: int, first: int) -> None:
        self._count = count
        self._devices = devices
        self._rate = rate
        self._first = first
        self._acknowledged = 0

    async def run(self, port: int) -> None:
        """Publish all, and return when the broker has acknowledged all."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(_CONNECT)
        if await reader.readexactly(4) != b"\x20\x02\x00\x00":
            raise SystemExit("the broker refuses the load")
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._count_acknowledgements(reader), name="acknowledgements")
            tasks.create_task(self._publish(writer), name="publish")
        writer.write(b"\xe0\x00")
        writer.close()
        await writer.wait_closed()

    async def _publish(self, writer: asyncio.StreamWriter) -> None:
        now = asyncio.get_running_loop().time
        began = now()
        for start in range(0, self._count, BATCH):
            while start - self._acknowledged > WINDOW:  # noqa: ASYNC110 - cheaper than an event
                await asyncio.sleep(0.0005)
            if self._rate and (ahead := began + start / self._rate - now()) > 0:
                await asyncio.sleep(ahead)
            stamp = datetime.now(UTC).isoformat(timespec="microseconds")
            numbers = range(start, min(start + BATCH, self._count))
            writer.write(b"".join([self._packet(n, stamp) for n in numbers]))
            await writer.drain()

    def _packet(self, number: int, stamp: str) -> bytes:
        sequence = self._first + number
        payload = (
            f'{{"time":"{stamp}","sequence":{sequence},"level_mm":{300 + sequence % 200},'
            '"temperature":{"top":-150.5,"bottom":-190.25},"lid":"closed","filling":false}'
        ).encode()
        topic = f"lab/{number % self._devices}".encode()
        rest = struct.pack(">H", len(topic)) + topic + struct.pack(">H", 1 + number % 60_000)
        size = len(rest) + len(payload)
        return bytes((_PUBLISH_QOS_1, size % 128 + 128, size // 128)) + rest + payload

    async def _count_acknowledgements(self, reader: asyncio.StreamReader) -> None:
        left = self._count * _PUBACK_SIZE
        while left:
            came = len(await reader.read(65_536))
            if not came:
                raise SystemExit("the broker ended the connection")
            left -= came
            self._acknowledged = self._count - left // _PUBACK_SIZE


def main() -> None:
    """Publish as the command line says."""
    port, count, devices, rate, first = map(int, sys.argv[1:6])
    asyncio.run(Load(count=count, devices=devices, rate=rate, first=first).run(port))


if __name__ == "__main__":
    main()

"""``python -m bench.modbus_farm``: many Modbus TCP devices in one process, for benchmarks.

Listens on 127.0.0.1, one port a device, prints the ports as one JSON line, and ends when its
standard input does. Every answer holds other numbers than the one before.
"""

import argparse
import asyncio
import json
import random
import resource
import struct
import sys
from typing import cast

import uvloop

HEAD = struct.Struct(">HHHBBHH")
VARIANTS = 512
SPAN = range(-1_900, 8_000)
"""In the range of every profile that benchmarks read it by: a value that leaves it is an event."""


class Device(asyncio.Protocol):
    """One connection to one device; answers reads of any table with plausible numbers."""

    def __init__(self, variants: list[bytes]) -> None:
        self._variants = variants
        self._turn = random.randrange(VARIANTS)
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ready to answer."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer every whole request."""
        self._buffer += data
        answer = b""
        while len(self._buffer) >= HEAD.size:
            transaction, _, _, unit, function, _, count = HEAD.unpack_from(self._buffer)
            self._buffer = self._buffer[HEAD.size :]
            self._turn = (self._turn + 1) % VARIANTS
            size = 2 * count
            answer += struct.pack(">HHHBBB", transaction, 0, size + 3, unit, function, size)
            answer += self._variants[self._turn][:size]
        if self._transport is not None and answer:
            self._transport.write(answer)


def raise_file_limit() -> None:
    """Allow as many open files as the system lets a process have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def serve(devices: int) -> None:
    """Serve until standard input ends."""
    variants = [
        struct.pack(">125h", *(random.choice(SPAN) for _ in range(125))) for _ in range(VARIANTS)
    ]
    loop = asyncio.get_running_loop()
    servers = [
        await loop.create_server(lambda: Device(variants), "127.0.0.1", 0) for _ in range(devices)
    ]
    print(json.dumps([server.sockets[0].getsockname()[1] for server in servers]), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    for server in servers:
        server.close()


def main() -> None:
    """Serve as many devices as the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=1000)
    arguments = parser.parse_args()
    raise_file_limit()
    uvloop.run(serve(arguments.devices))


if __name__ == "__main__":
    main()

"""TCP in virtual time: servers and their clients in one process, with no wait and no lost moment.

What is written arrives in order, a little later; a connection that one end drops is lost at the
other when all that was written before has arrived.
"""

import asyncio
import errno
import os
from collections.abc import Callable

LATENCY_S = 0.0005
_INSTANT_S = 1e-7
"""Keeps what was written in one instant in its order."""

Serve = Callable[[], asyncio.BaseProtocol]


class VirtualNet:
    """The ports on which somebody listens."""

    def __init__(self) -> None:
        self._serving: dict[int, Serve] = {}

    def listen(self, serve: Serve, host: str, port: int) -> "Server":
        """Serve at ``port``; at a free one where it is 0."""
        port = port or max(self._serving, default=49_151) + 1
        if port in self._serving:
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
        self._serving[port] = serve
        return Server(self._serving, host, port)

    def connect(self, protocol: asyncio.Protocol, port: int) -> None:
        """Connect ``protocol`` with who listens at ``port``.

        Raises:
            ConnectionRefusedError: nobody does.
        """
        if port not in self._serving:
            raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
        there = self._serving[port]()
        assert isinstance(there, asyncio.Protocol)
        near, far = _End(protocol), _End(there)
        near.other, far.other = far, near
        there.connection_made(far)
        protocol.connection_made(near)


class Server:
    """One that listens; as much of asyncio's as is asked for."""

    def __init__(self, serving: dict[int, Serve], host: str, port: int) -> None:
        self._serving = serving
        self._name = (host, port)
        self.sockets = (self,)

    def getsockname(self) -> tuple[str, int]:
        """Host and port."""
        return self._name

    def close(self) -> None:
        """Listen no more; connections stay."""
        self._serving.pop(self._name[1], None)

    async def wait_closed(self) -> None:
        """Nothing has to be waited for."""


class _End(asyncio.Transport):
    """One end of a connection."""

    other: "_End"

    def __init__(self, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self._loop = asyncio.get_running_loop()
        self._protocol = protocol
        self._is_open = True
        self._free_s = 0.0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._is_open:
            self._later(self.other.arrive, bytes(data))

    def abort(self) -> None:
        if self._is_open:
            self._is_open = False
            self._loop.call_soon(self._protocol.connection_lost, None)
            self._later(self.other.abort)

    close = abort

    def is_closing(self) -> bool:
        return not self._is_open

    def arrive(self, data: bytes) -> None:
        """What the other end wrote is here."""
        if self._is_open:
            self._protocol.data_received(data)

    def _later(self, done: Callable[..., None], *arguments: bytes) -> None:
        self._free_s = max(self._free_s + _INSTANT_S, self._loop.time() + LATENCY_S)
        self._loop.call_at(self._free_s, done, *arguments)

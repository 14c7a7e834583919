"""What every connection to a device is, whatever is spoken over it: kept alive, and ended once."""

import asyncio
import socket
from abc import ABC, abstractmethod
from typing import cast

_KEEP_ALIVE = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 20_000}


class Kept(asyncio.Protocol, ABC):
    """A connection as it is kept: ``closed`` is done, with the reason, when it is gone.

    ``is_flushed`` says that it was closed only to be rid of what may still be under way in it.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self.has_answered = False
        self.is_flushed = False
        self.closed: asyncio.Future[str] = self._loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ready to ask, or to listen."""
        self._transport = cast("asyncio.Transport", transport)
        _keep_alive(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail whatever is still open."""
        self._end(str(exc) if exc else "closed by the device")

    def abort(self, reason: str) -> None:
        """Close at once; what is still open fails with ``reason``."""
        self._end(reason)
        if self._transport is not None:
            self._transport.abort()

    def _end(self, reason: str) -> None:
        if self.closed.done():
            return
        self.closed.set_result(reason)
        self._buffer = b""
        self._fail_open(reason)

    @abstractmethod
    def _fail_open(self, reason: str) -> None:
        """Settle what was asked and is not answered: nothing will come any more."""


def _keep_alive(transport: asyncio.BaseTransport) -> None:
    """Have the system find out when the other end of a socket is gone, and send at once."""
    sock = transport.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in _KEEP_ALIVE.items():
            # Not every system has all of them.
            if (number := getattr(socket, option, None)) is not None:
                sock.setsockopt(socket.IPPROTO_TCP, number, value)

"""An asyncio connection that a protocol library may take for its non-blocking socket."""

import asyncio
from collections.abc import Callable
from typing import NamedTuple, cast

from collector.mqtt_packet import Frame, frame

MOST_PACKET = 16 * 1024 * 1024
"""Bytes of a packet that are taken in; what MQTT allows, 256 MB, would be more than we have."""
_CLOSE_S = 1.0


class Shown(NamedTuple):
    """A packet in ``data``; of its end ``cut`` bytes were left out, for it was too large."""

    data: bytes
    found: Frame
    cut: int = 0


class Wire(asyncio.Protocol):
    """Calls ``read`` while there are bytes to ``recv``, and ``write`` when some may be sent.

    What ``write`` sends is written in one piece. ``closed`` is told once that the connection
    ended, and the error that ended it, if any. Each whole packet is shown to ``divert`` first;
    one that it takes, the library never sees. Of one that is larger than ``MOST_PACKET`` only so
    much is kept and shown; the connection ends if ``divert`` does not take it.
    """

    def __init__(
        self,
        read: Callable[[], None],
        write: Callable[[], None],
        closed: Callable[[Exception | None], None],
        divert: Callable[[Shown], bool],
    ) -> None:
        self._read = read
        self._write = write
        self._closed = closed
        self._divert = divert
        self._transport: asyncio.Transport | None = None
        self._gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._unread = b""
        self._at = 0
        self._until = 0
        self._parts: list[bytes] = []
        self._lacking = 0
        self._large: Shown | None = None
        self._dropped = 0
        self._unsent: list[bytes] = []
        self._paused = False

    @property
    def is_paused(self) -> bool:
        """Whether ``pause`` holds."""
        return self._paused

    def pause(self) -> None:
        """Hand on nothing more, and take nothing from the network."""
        self._paused = True
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume(self) -> None:
        """Undo ``pause``."""
        if not self._paused:
            return
        self._paused = False
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
            asyncio.get_running_loop().call_soon(self._pump)

    def want_write(self) -> None:
        """Call ``write`` soon; all that is wanted until then goes out together."""
        asyncio.get_running_loop().call_soon(self._flush)

    def post(self, data: bytes) -> None:
        """Send ``data``, which is a whole packet, soon; beside what the library sends."""
        if not self._unsent:
            asyncio.get_running_loop().call_soon(self._flush)
        self._unsent.append(data)

    def abort(self) -> None:
        """Drop the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    async def shut(self) -> None:
        """Send what is to be sent, and close; drop the connection when that takes long."""
        if self._transport is None:
            return
        self._flush()
        self._transport.close()
        await asyncio.wait((self._gone,), timeout=_CLOSE_S)
        self._transport.abort()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        # uvloop's transports have the methods, and are no instances.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Hand on what came."""
        data = self._after_large(data)
        # A large packet comes in many pieces, which are put together once.
        self._parts.append(data)
        self._lacking -= len(data)
        if self._lacking <= 0:
            self._pump()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        if not self._gone.done():
            self._gone.set_result(None)
        self._closed(exc)

    # What the library calls: the methods of a non-blocking socket.

    def recv(self, size: int, /) -> bytes:
        """Up to ``size`` of the bytes that came.

        Raises:
            BlockingIOError: none are left.
        """
        taken = self._unread[self._at : min(self._at + size, self._until)]
        if not taken:
            raise BlockingIOError
        self._at += len(taken)
        return taken

    def send(self, data: bytes | bytearray, /) -> int:
        """Take all of ``data``."""
        self._unsent.append(bytes(data))
        return len(data)

    def close(self) -> None:
        """Close when all is sent."""
        if self._transport is not None:
            self._transport.close()

    def fileno(self) -> int:
        """None: asyncio has it."""
        return -1

    def setblocking(self, _flag: bool, /) -> None:  # noqa: FBT001 # as sockets have it
        """Nothing: it never blocks."""

    def _pump(self) -> None:
        if self._parts:
            self._unread = b"".join((self._unread[self._at :], *self._parts))
            self._parts.clear()
            self._at = self._until = 0
        while self._at < len(self._unread) and not self._paused and not self._gone.done():
            if self._at >= self._until and self._is_done_with_next():
                continue
            before = self._at
            if before < self._until:
                self._read()
            if self._at == before:
                # The library reads no more, or the rest of a packet is still to come.
                return

    def _is_done_with_next(self) -> bool:
        """Look at the next packet: diverted it is done with; else the library may have it."""
        try:
            found = frame(self._unread, self._at)
        except ValueError:
            # It is the library that says what is wrong with it.
            self._until = len(self._unread)
            return False
        if found is None:
            self._lacking = 1
            return False
        kept = min(found.end, self._at + MOST_PACKET)
        if kept > len(self._unread):
            self._lacking = kept - len(self._unread)
            return False
        if kept < found.end:
            self._cut_short(found)
            return True
        if self._divert(Shown(self._unread, found)):
            self._at = self._until = found.end
            return True
        self._until = found.end
        return False

    def _cut_short(self, found: Frame) -> None:
        """Keep the head of a packet that is too large; what follows it is dropped as it comes."""
        head = self._unread[self._at : self._at + MOST_PACKET]
        rest = self._unread[self._at + MOST_PACKET :]
        body = found.body - self._at
        cut = found.end - self._at - MOST_PACKET
        self._large = Shown(head, Frame(found.first, body, MOST_PACKET), cut)
        self._dropped = 0
        self._unread, self._at, self._until = self._after_large(rest), 0, 0
        self._lacking = 0

    def _after_large(self, data: bytes) -> bytes:
        """What of ``data`` does not belong to the packet that is too large."""
        large = self._large
        if large is None:
            return data
        left = data[large.cut - self._dropped :]
        self._dropped += len(data) - len(left)
        if self._dropped == large.cut:
            self._large = None
            if not self._divert(large):
                self.abort()
        return left

    def _flush(self) -> None:
        if self._transport is None:
            return
        self._write()
        if self._unsent and not self._transport.is_closing():
            self._transport.write(b"".join(self._unsent))
        self._unsent.clear()

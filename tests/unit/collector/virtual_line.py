"""A wire in virtual time: an event loop that skips all waiting, and streams that end in a device.

Nothing here depends on how busy the machine is, so whole afternoons of mischief take a moment.
"""

import asyncio
import selectors
from collections.abc import Callable, Iterable

import pytest

from collector import endpoint_link
from devices.transport import Serial
from tests.unit.collector.serial_responder import SerialDevice  # a test's own double
from tests.unit.collector.virtual_net import Server, VirtualNet

BAUD = Serial(baud=9600)


def paced(data: bytes) -> Iterable[tuple[float, bytes]]:
    """Each character takes its time on the line."""
    return [(10 / BAUD.baud, data[at : at + 1]) for at in range(len(data))]


class _Skipping(selectors.SelectSelector):
    now_s = 1_000.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None, "nothing would ever happen again"
        self.now_s += max(timeout, 0.0)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop whose clock goes on by itself. Its connections end in ``device``, or at a server."""

    device: SerialDevice | None = None
    latency_s = 0.0005

    def __init__(self) -> None:
        self._skipping = _Skipping()
        self._net = VirtualNet()
        super().__init__(self._skipping)
        self.set_debug(False)

    def time(self) -> float:
        return self._skipping.now_s

    def stall(self, for_s: float) -> None:
        """Let time pass in which nothing else happens."""
        self._skipping.now_s += for_s

    def wire(self, device: SerialDevice, patch: pytest.MonkeyPatch) -> None:
        """From now on ``device`` is behind every address, and at every serial line."""
        self.device = device
        patch.setattr(
            endpoint_link,
            "open_tty",
            lambda protocol, _path, _serial: self.connect(protocol, paced),
        )

    def connect(
        self, protocol: asyncio.Protocol, cut: Callable[[bytes], Iterable[tuple[float, bytes]]]
    ) -> None:
        """Connect ``protocol`` with the device. ``cut`` says when which bytes arrive."""
        _Stream(self, protocol, cut)

    async def create_connection(  # type: ignore[override] # what is used of it
        self, factory: Callable[[], asyncio.Protocol], host: str, port: int
    ) -> None:
        del host
        await asyncio.sleep(self.latency_s)
        if self.device is None:
            self._net.connect(factory(), port)
        else:
            self.connect(factory(), lambda data: [(self.latency_s, data)])

    async def create_server(  # type: ignore[override] # what is used of it
        self, factory: Callable[[], asyncio.BaseProtocol], host: str, port: int
    ) -> Server:
        return self._net.listen(factory, host, port)


class _Stream(asyncio.Transport):
    def __init__(
        self,
        loop: VirtualLoop,
        protocol: asyncio.Protocol,
        cut: Callable[[bytes], Iterable[tuple[float, bytes]]],
    ) -> None:
        super().__init__()
        assert loop.device is not None
        self._loop = loop
        self._device = loop.device
        self._protocol = protocol
        self._cut = cut
        self._free_s = loop.time()
        self._is_open = True
        self._line = self._device.line(self._say)
        self._line.close = self.abort
        protocol.connection_made(self)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._is_open:
            after_s = sum(delay_s for delay_s, _ in self._cut(bytes(data)))
            self._loop.call_later(after_s, self._line.hear, bytes(data))

    def abort(self) -> None:
        if self._is_open:
            self._is_open = False
            self._device.lines.discard(self._line)
            self._loop.call_soon(self._protocol.connection_lost, None)

    def is_closing(self) -> bool:
        return not self._is_open

    def _say(self, data: bytes) -> None:
        for line in tuple(self._device.lines) if not self._is_open else ():
            # A serial server hands what comes late to whoever is connected then.
            line.put(data)
        for delay_s, part in self._cut(data) if self._is_open else ():
            self._free_s = max(self._free_s, self._loop.time()) + delay_s
            self._loop.call_at(self._free_s, self._arrive, part)

    def _arrive(self, part: bytes) -> None:
        if self._is_open:
            self._protocol.data_received(part)

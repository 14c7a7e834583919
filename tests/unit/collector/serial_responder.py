"""A device behind a serial line, or a serial server, that can be told to misbehave.

It shares no code with us: its checks are computed bit by bit, as the specification shows them.
"""

import asyncio
import contextlib
import os
import pty
import tty
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple, cast

from tests.unit.collector.responder import word  # the same imagined registers

CHARACTER_BITS = 10
"""Of 8N1, which is all that a pseudo-terminal can be set to."""


def crc16(data: bytes) -> bytes:
    """Modbus over serial line 1.02, 6.2.2: one bit at a time."""
    register = 0xFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            carry = register & 1
            register >>= 1
            if carry:
                register ^= 0xA001
    return bytes((register & 0xFF, register >> 8))


class Question(NamedTuple):
    """A request as it came off the wire."""

    framing: str
    unit: int
    function: int
    address: int
    number: int

    def data(self) -> bytes:
        """The true content of what was asked for."""
        addresses = range(self.address, self.address + self.number)
        if self.function in {1, 2}:
            bits = sum((word(self.unit, a) & 1) << i for i, a in enumerate(addresses))
            return bits.to_bytes((self.number + 7) // 8, "little")
        return b"".join(word(self.unit, a & 0xFFFF).to_bytes(2, "big") for a in addresses)

    def answer(
        self, *, data: bytes | None = None, unit: int | None = None, function: int | None = None
    ) -> bytes:
        """The right answer, but for what is given."""
        data = self.data() if data is None else data
        head = (
            self.unit if unit is None else unit,
            self.function if function is None else function,
            len(data),
        )
        return self._framed(bytes(head) + data)

    def exception(self, code: int) -> bytes:
        """The answer that refuses with ``code``."""
        return self._framed(bytes((self.unit, self.function | 0x80, code)))

    def _framed(self, told: bytes) -> bytes:
        if self.framing == "rtu":
            return told + crc16(told)
        check = (256 - sum(told) % 256) % 256
        return f":{told.hex()}{check:02x}\r\n".upper().encode()


class Line:
    """What the device hears and says. ``put`` puts bytes on the wire, ``close`` hangs up."""

    def __init__(self, device: "SerialDevice", put: Callable[[bytes], None]) -> None:
        self.device = device
        self.put = put
        self.close: Callable[[], None] = lambda: None
        self._heard = b""

    def hear(self, data: bytes) -> None:
        self._heard += data
        while question := self._question():
            if question.function == 0x2B:
                self.put(question.exception(1))
                continue
            self.device.questions.append(question)
            self.device.behave(self, question)

    def later(self, delay_s: float, data: bytes) -> None:
        """Put bytes on the wire after a while."""
        asyncio.get_running_loop().call_later(delay_s, self.put, data)

    def _question(self) -> Question | None:
        if self.device.framing == "rtu":
            if len(self._heard) < 2:
                return None
            size = 7 if self._heard[1] == 0x2B else 8
            if len(self._heard) < size:
                return None
            told, self._heard = self._heard[:size], self._heard[size:]
            assert crc16(told[:-2]) == told[-2:]
        else:
            line, end, rest = self._heard.partition(b"\r\n")
            if not end:
                return None
            told, self._heard = bytes.fromhex(line[1:].decode()), rest
            assert sum(told) % 256 == 0
        address, number = (int.from_bytes(told[at : at + 2], "big") for at in (2, 4))
        return Question(self.device.framing, told[0], told[1], address, number)


Behaviour = Callable[[Line, Question], None]


def rightly(line: Line, question: Question) -> None:
    """Answer as a good device does."""
    line.put(question.answer())


class SerialDevice:
    """What the device has heard, and how it behaves."""

    def __init__(self, behave: Behaviour, framing: str) -> None:
        self.behave = behave
        self.framing = framing
        self.questions: list[Question] = []
        self.lines: set[Line] = set()
        self.accepted = 0
        self.port = 0
        self.path = ""

    def line(self, put: Callable[[bytes], None]) -> Line:
        """A new wire that ends here."""
        line = Line(self, put)
        self.lines.add(line)
        self.accepted += 1
        return line


class _Peer(asyncio.Protocol):
    def __init__(self, device: SerialDevice) -> None:
        self._device = device
        self._line: Line | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        stream = cast("asyncio.Transport", transport)
        self._line = self._device.line(
            lambda data: None if stream.is_closing() else stream.write(data)
        )
        self._line.close = stream.abort

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 # asyncio's
        if self._line is not None:
            self._device.lines.discard(self._line)

    def data_received(self, data: bytes) -> None:
        assert self._line is not None
        self._line.hear(data)


@asynccontextmanager
async def behind_a_server(
    behave: Behaviour = rightly, framing: str = "rtu"
) -> AsyncIterator[SerialDevice]:
    """A device behind a serial server that listens while the block runs."""
    async with device_behind_a_server(SerialDevice(behave, framing)) as device:
        yield device


@asynccontextmanager
async def device_behind_a_server(device: SerialDevice) -> AsyncIterator[SerialDevice]:
    """Any device behind a serial server."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Peer(device), "127.0.0.1", 0)
    device.port = server.sockets[0].getsockname()[1]
    try:
        yield device
    finally:
        server.close()
        for line in tuple(device.lines):
            line.close()
        await server.wait_closed()


@asynccontextmanager
async def on_a_line(
    behave: Behaviour = rightly, framing: str = "rtu", baud: int = 0
) -> AsyncIterator[SerialDevice]:
    """A device at the other end of a pseudo-terminal.

    With ``baud`` its characters take the time they would take, and it waits until a request
    could have arrived before it answers.
    """
    async with device_on_a_line(SerialDevice(behave, framing), baud) as device:
        yield device


@asynccontextmanager
async def device_on_a_line(device: SerialDevice, baud: int = 0) -> AsyncIterator[SerialDevice]:
    """Any device at the other end of a pseudo-terminal."""
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    os.set_blocking(ours, False)
    device.path = os.ttyname(theirs)
    character_s = CHARACTER_BITS / baud if baud else 0.0
    saying: asyncio.Queue[bytes] = asyncio.Queue()
    line = device.line(saying.put_nowait)
    loop = asyncio.get_running_loop()

    def read() -> None:
        with contextlib.suppress(OSError):
            data = os.read(ours, 4096)
            loop.call_later(len(data) * character_s, line.hear, data)

    async def say() -> None:
        free_s = 0.0
        while True:
            data = await saying.get()
            for at in range(len(data)) if character_s else [None]:
                free_s = max(free_s, loop.time()) + character_s
                if free_s > loop.time():
                    await asyncio.sleep(free_s - loop.time())
                with contextlib.suppress(OSError):
                    os.write(ours, data if at is None else data[at : at + 1])

    loop.add_reader(ours, read)
    async with asyncio.TaskGroup() as tasks:
        saying_task = tasks.create_task(say(), name="serial device")
        try:
            yield device
        finally:
            saying_task.cancel()
            loop.remove_reader(ours)
            os.close(ours)
            os.close(theirs)

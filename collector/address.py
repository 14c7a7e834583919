"""Where a Modbus device answers: a socket or a serial line, and how frames look there."""

from typing import Literal

import msgspec

from devices.transport import Framing, Serial

FAST_BAUD = 19_200
"""Above this the specification fixes the silence between frames instead of counting characters."""
FAST_SILENCE_S = 0.001_75
STREAM_SILENCE_S = 0.005
"""The silence looked for inside a TCP stream, where characters have no length of their own."""


class TcpAddress(msgspec.Struct, frozen=True, kw_only=True):
    """A socket. ``framing`` other than ``tcp`` stands for a serial server without a gateway.

    ``pause_s`` is the least time between an answer and the next request.
    """

    host: str
    port: int
    framing: Framing = "tcp"
    pause_s: float = 0.0

    @property
    def name(self) -> str:
        """How people call it."""
        return f"{self.host}:{self.port}"

    @property
    def silence_s(self) -> float:
        """How long nothing must come before an answer is taken to be the only one."""
        return STREAM_SILENCE_S

    def wire_s(self, characters: int) -> float:
        """How long ``characters`` take at least: not known of a stream."""
        del characters
        return 0.0


class TtyAddress(msgspec.Struct, frozen=True, kw_only=True):
    """A serial port of this machine: the path of its device, and how the line is set."""

    path: str
    serial: Serial
    framing: Literal["rtu", "ascii"] = "rtu"
    pause_s: float = 0.0

    @property
    def name(self) -> str:
        """How people call it."""
        return self.path

    @property
    def silence_s(self) -> float:
        """The silence that ends a frame: 3.5 characters, or 1.75 ms above 19,200 baud.

        Modbus over serial line 1.02, 2.5.1.1.
        """
        return FAST_SILENCE_S if self.serial.baud > FAST_BAUD else self.wire_s(7) / 2

    def wire_s(self, characters: int) -> float:
        """How long ``characters`` are on the line, in seconds."""
        return characters * self.serial.character_bits / self.serial.baud


Address = TcpAddress | TtyAddress

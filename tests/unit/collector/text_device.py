"""A device that speaks in lines of text, and can be told to misbehave."""

import asyncio
from collections.abc import Callable

from tests.unit.collector.serial_responder import Line, SerialDevice, rightly

Answer = Callable[[str], str | None]
"""What is said to a line; None where nothing is."""


class TextDevice(SerialDevice):
    """Answers each line as ``answer`` says, after repeating it where it ``echoes``."""

    def __init__(self, answer: Answer, *, echoes: bool = False, end: str = "\r\n") -> None:
        super().__init__(rightly, "rtu")
        self.answer = answer
        self.echoes = echoes
        self.end = end
        self.heard: list[str] = []
        self.say: Callable[[TextLine, str], None] = lambda line, text: line.put(text.encode())

    def line(self, put: Callable[[bytes], None]) -> Line:
        line = TextLine(self, put)
        self.lines.add(line)
        self.accepted += 1
        return line


class TextLine(Line):
    """Its end of the wire."""

    def __init__(self, device: TextDevice, put: Callable[[bytes], None]) -> None:
        super().__init__(device, put)
        self._device = device
        self._text = ""

    def hear(self, data: bytes) -> None:
        self._text += data.decode("ascii")
        while "\n" in self._text:
            line, _, self._text = self._text.partition("\n")
            asked = line.removesuffix("\r")
            self._device.heard.append(asked)
            said = self._device.answer(asked)
            if said is not None:
                echo = asked + self._device.end if self._device.echoes else ""
                self._device.say(self, f"{echo}{said}{self._device.end}")

    def text_later(self, delay_s: float, text: str) -> None:
        """Put text on the wire after a while."""
        asyncio.get_running_loop().call_later(delay_s, self.put, text.encode())

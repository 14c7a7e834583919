"""A local siren or lamp through a relay output: the one thing that this program ever writes.

It writes single coils of the relays that the site declares as annunciators, and nothing else.
Measuring devices are never written to: no other file knows how, and a relay that shares an address
with a device is refused when the site is loaded.
"""

import asyncio
import logging
import struct
import time
from collections.abc import Callable, Iterable
from typing import Literal

import msgspec

from alerts.engine.view import AlarmView
from alerts.rule import Severity

log = logging.getLogger(__name__)

WRITE_SINGLE_COIL = 5
"""Modbus Application Protocol 1.1b3, 6.5: the answer to it is an echo of the request."""
ON, OFF = 0xFF00, 0x0000
"""The only two values that 6.5 allows."""
AGAIN_S = 5.0
"""A relay that restarted is off, so what it is to do is written again and again."""
LOOK_S = 0.5
WRITE_S = 3.0
_REQUEST = struct.Struct(">HHHBBHH")
_HEADER = struct.Struct(">HHHB")
_LENGTH = 6
_EXCEPTION = 0x80
_LONGEST = 254

Silence = Literal["acknowledged", "cleared"]
"""What makes it quiet: somebody who has the alarm, or the end of the condition."""
_SOUNDS: dict[Silence, frozenset[str]] = {
    # Returned by itself is over; latched and gone still asks for somebody.
    "acknowledged": frozenset({"U", "LU"}),
    "cleared": frozenset({"U", "A", "LU", "LA"}),
}


class SirenError(Exception):
    """A relay did not do as it was told; the text says which and why."""


class Coil(msgspec.Struct, frozen=True, kw_only=True):
    """One output of a relay. ``address`` is the one on the wire, from 0."""

    host: str
    port: int
    unit: int
    address: int

    def __str__(self) -> str:
        """As messages name it."""
        return f"{self.host}:{self.port} unit {self.unit} coil {self.address}"


def sounds(alarms: Iterable[AlarmView], *, at_least: Severity, silence: Silence) -> bool:
    """Whether one of ``alarms`` is to be heard; what is shelved or explained by another is not."""
    return any(
        alarm.state in _SOUNDS[silence]
        and alarm.overlay == "none"
        and not alarm.under
        and alarm.worst != ""
        and Severity[alarm.worst.upper()] >= at_least
        for alarm in alarms
    )


class Siren:
    """Keeps a coil as ``wanted`` says. Ending leaves it as it is: that silences no alarm.

    ``trouble`` says why the relay does not obey, and ``failing_s`` since when (monotonic seconds).
    """

    def __init__(
        self,
        coil: Coil,
        wanted: Callable[[], bool],
        *,
        again_s: float = AGAIN_S,
        look_s: float = LOOK_S,
        write_s: float = WRITE_S,
    ) -> None:
        self.trouble = ""
        self.failing_s: float | None = None
        self._coil = coil
        self._wanted = wanted
        self._again_s = again_s
        self._look_s = look_s
        self._write_s = write_s
        self._transaction = 0

    async def run(self) -> None:
        """Write what changes at once, and all of it again every few seconds, until cancelled."""
        is_on: bool | None = None
        due_s = time.monotonic()
        while True:
            on = self._wanted()
            if on is not is_on or time.monotonic() >= due_s:
                obeyed = await self._obeys(on=on)
                is_on = on if obeyed else None
                due_s = time.monotonic() + self._again_s
            await asyncio.sleep(self._look_s)

    async def _obeys(self, *, on: bool) -> bool:
        try:
            async with asyncio.timeout(self._write_s):
                await self._write(on=on)
        except (SirenError, OSError, asyncio.IncompleteReadError, TimeoutError) as error:
            why = str(error) or f"no answer within {self._write_s:g} s"
            self.trouble = f"{self._coil}: {why}"
            self.failing_s = self.failing_s or time.monotonic()
            return False
        self.trouble, self.failing_s = "", None
        return True

    async def _write(self, *, on: bool) -> None:
        coil = self._coil
        self._transaction = self._transaction % 0xFFFF + 1
        request = _REQUEST.pack(
            *(self._transaction, 0, _LENGTH, coil.unit, WRITE_SINGLE_COIL, coil.address),
            ON if on else OFF,
        )
        # A connection for each: a relay that was restarted, or has few, never holds an old one.
        reader, writer = await asyncio.open_connection(coil.host, coil.port)
        try:
            writer.write(request)
            await writer.drain()
            head = await reader.readexactly(_HEADER.size)
            length = _HEADER.unpack(head)[2]
            if not 2 < length <= _LONGEST:  # noqa: PLR2004 # unit, function, one byte
                raise SirenError("what answers there does not speak Modbus TCP")
            _judge(request, head + await reader.readexactly(length - 1))
        finally:
            writer.transport.abort()


def _judge(request: bytes, answer: bytes) -> None:
    if answer == request:
        return
    function, code = answer[_HEADER.size], answer[_HEADER.size + 1]
    # Transaction and protocol; the length of a refusal is another one.
    mine = answer[:4] == request[:4]
    if mine and function == WRITE_SINGLE_COIL | _EXCEPTION:
        raise SirenError(f"the relay refused with Modbus exception {code}")
    raise SirenError("the relay answered something else than an echo")

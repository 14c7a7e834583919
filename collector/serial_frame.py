"""Modbus RTU and ASCII on the wire: questions as bytes, bytes as answers. There is no write.

Modbus over serial line 1.02, 2.5. Neither framing numbers its requests.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple, Protocol

from collector.frame import EXCEPTION_BIT, IDENTIFY, MEI_IDENTIFY, READ, GarbageError
from devices.identity import object_end

CRC_SEED = 0xFFFF
CRC_POLYNOMIAL = 0xA001
"""x^16 + x^15 + x^2 + 1, lowest bit first. Modbus over serial line 1.02, 6.2.2."""
_READS = frozenset(READ.values()) | {IDENTIFY}
_RTU_LEAST = 5
"""Characters of the shortest RTU answer: unit, function, one byte, CRC."""
_RTU_AROUND = 4
"""Characters of an RTU frame beside what follows its function: unit, function, CRC."""
_RTU_OBJECTS = 8
"""Where the first object of a device identification stands; its number is the byte before."""
TURNAROUND = b"\x00\xff"
"""What a line driver that is switched adds around a frame; neither is the unit of a serial line."""
_ASCII_LONGEST = 513
"""Characters of the longest ASCII frame. Modbus over serial line 1.02, 2.5.2.1."""


class SerialFrame(NamedTuple):
    """One answer whose check is right: unit, function with its exception bit, and the rest."""

    unit: int
    function: int
    body: bytes


class Framer(Protocol):
    """Puts requests into frames and takes answers out of them."""

    def request(self, unit: int, told: bytes) -> bytes:
        """The frame of ``told``, a function and what follows it."""

    def take(self, buffer: bytes) -> tuple[SerialFrame | None, bytes]:
        """The first whole frame of ``buffer``, if there is one, and what is left.

        Raises:
            GarbageError: it does not begin with an answer to a read, or its check is wrong.
        """

    def characters(self, size: int) -> int:
        """How many characters an answer has with ``size`` bytes behind its function."""


class Rtu:
    """Bytes with a CRC; an answer is as long as its third byte says, or as its objects are."""

    def request(self, unit: int, told: bytes) -> bytes:
        """The frame of ``told``, a function and what follows it."""
        whole = bytes((unit,)) + told
        return whole + crc(whole)

    def take(self, buffer: bytes) -> tuple[SerialFrame | None, bytes]:
        """The first whole frame of ``buffer``, if there is one, and what is left.

        Raises:
            GarbageError: it does not begin with an answer to a read, or its check is wrong.
        """
        buffer = buffer.lstrip(TURNAROUND)
        if len(buffer) < _RTU_LEAST:
            return None, buffer
        function = buffer[1]
        if function & ~EXCEPTION_BIT not in _READS:
            raise GarbageError(f"{buffer[:8].hex()} is no answer to a read")
        length = _rtu_length(buffer)
        if length is None or len(buffer) < length:
            return None, buffer
        told, check = buffer[: length - 2], buffer[length - 2 : length]
        if crc(told) != check:
            raise GarbageError(f"the CRC of {told[:8].hex()} is wrong")
        return SerialFrame(told[0], function, told[2:]), buffer[length:]

    def characters(self, size: int) -> int:
        """How many characters an answer has with ``size`` bytes behind its function."""
        return _RTU_AROUND + size


class Ascii:
    """Hexadecimal digits between a colon and CR LF, with an LRC."""

    def request(self, unit: int, told: bytes) -> bytes:
        """The frame of ``told``, a function and what follows it."""
        whole = bytes((unit,)) + told
        return b":" + (whole + lrc(whole)).hex().upper().encode() + b"\r\n"

    def take(self, buffer: bytes) -> tuple[SerialFrame | None, bytes]:
        """The first whole frame of ``buffer``, if there is one, and what is left.

        Raises:
            GarbageError: it does not begin with an answer to a read, or its check is wrong.
        """
        buffer = buffer.lstrip(TURNAROUND)
        if buffer and buffer[:1] != b":":
            raise GarbageError(f"{buffer[:8].hex()} does not begin with a colon")
        line, end, left = buffer.partition(b"\r\n")
        if not end:
            if len(buffer) > _ASCII_LONGEST:
                raise GarbageError(f"{len(buffer)} characters without an end")
            return None, buffer
        return _spelt(line[1:]), left

    def characters(self, size: int) -> int:
        """How many characters an answer has with ``size`` bytes behind its function."""
        return 3 + 2 * (_RTU_AROUND - 1 + size)


FRAMERS: Mapping[Literal["rtu", "ascii"], Framer] = MappingProxyType(
    {"rtu": Rtu(), "ascii": Ascii()}
)


def crc(told: bytes) -> bytes:
    """The CRC-16 of ``told``, low byte first as it is sent."""
    register = CRC_SEED
    for byte in told:
        register = register >> 8 ^ _CRC_OF[(register ^ byte) & 0xFF]
    return register.to_bytes(2, "little")


def lrc(told: bytes) -> bytes:
    """The byte that makes the sum of all bytes a multiple of 256."""
    return bytes((-sum(told) & 0xFF,))


def _crc_of(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (CRC_POLYNOMIAL if byte & 1 else 0)
    return byte


_CRC_OF = tuple(_crc_of(byte) for byte in range(256))


def _rtu_length(buffer: bytes) -> int | None:
    """How long the answer is that ``buffer`` begins with; None while that is not there yet.

    Raises:
        GarbageError: it is in an envelope, but no device identification.
    """
    function = buffer[1]
    if function & EXCEPTION_BIT:
        return _RTU_LEAST
    if function != IDENTIFY:
        return _RTU_LEAST + buffer[2]
    if buffer[2] != MEI_IDENTIFY:
        raise GarbageError(f"{buffer[:8].hex()} is no device identification")
    if len(buffer) < _RTU_OBJECTS:
        return None
    end: int | None = _RTU_OBJECTS
    for _ in range(buffer[_RTU_OBJECTS - 1]):
        if end is None:
            return None
        end = object_end(buffer, end)
    return None if end is None else end + 2


def _spelt(digits: bytes) -> SerialFrame:
    try:
        # bytes.fromhex would take spaces as well.
        whole = bytes.fromhex(digits.decode("ascii")) if digits.isalnum() else b""
    except ValueError:
        whole = b""
    if len(whole) < _RTU_LEAST - 1:
        raise GarbageError(f"{digits[:16]!r} is no frame")
    told = whole[:-1]
    if lrc(told) != whole[-1:]:
        raise GarbageError(f"the LRC of {told[:8].hex()} is wrong")
    if told[1] & ~EXCEPTION_BIT not in _READS:
        raise GarbageError(f"{told[:8].hex()} is no answer to a read")
    return SerialFrame(told[0], told[1], told[2:])

"""Modbus RTU and ASCII on the wire: read requests as bytes, bytes as answers. There is no write.

Modbus over serial line 1.02, 2.5. Neither framing numbers its requests.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple, Protocol

from collector.frame import EXCEPTION_BIT, READ, GarbageError

CRC_SEED = 0xFFFF
CRC_POLYNOMIAL = 0xA001
"""x^16 + x^15 + x^2 + 1, lowest bit first. Modbus over serial line 1.02, 6.2.2."""
_READS = frozenset(READ.values())
_RTU_FIXED = 5
"""Characters of an RTU answer beside its data: unit, function, length, CRC."""
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

    def request(self, unit: int, function: int, address: int, count: int) -> bytes:
        """A read of ``count`` registers or bits from ``address``."""

    def take(self, buffer: bytes) -> tuple[SerialFrame | None, bytes]:
        """The first whole frame of ``buffer``, if there is one, and what is left.

        Raises:
            GarbageError: it does not begin with an answer to a read, or its check is wrong.
        """

    def characters(self, size: int) -> int:
        """How many characters an answer with ``size`` bytes of data has."""


class Rtu:
    """Bytes with a CRC; an answer is as long as its third byte says."""

    def request(self, unit: int, function: int, address: int, count: int) -> bytes:
        """A read of ``count`` registers or bits from ``address``."""
        told = _told(unit, function, address, count)
        return told + crc(told)

    def take(self, buffer: bytes) -> tuple[SerialFrame | None, bytes]:
        """The first whole frame of ``buffer``, if there is one, and what is left.

        Raises:
            GarbageError: it does not begin with an answer to a read, or its check is wrong.
        """
        buffer = buffer.lstrip(TURNAROUND)
        if len(buffer) < _RTU_FIXED:
            return None, buffer
        function = buffer[1]
        if function & ~EXCEPTION_BIT not in _READS:
            raise GarbageError(f"{buffer[:8].hex()} is no answer to a read")
        length = _RTU_FIXED if function & EXCEPTION_BIT else _RTU_FIXED + buffer[2]
        if len(buffer) < length:
            return None, buffer
        told, check = buffer[: length - 2], buffer[length - 2 : length]
        if crc(told) != check:
            raise GarbageError(f"the CRC of {told[:8].hex()} is wrong")
        return SerialFrame(told[0], function, told[2:]), buffer[length:]

    def characters(self, size: int) -> int:
        """How many characters an answer with ``size`` bytes of data has."""
        return _RTU_FIXED + size


class Ascii:
    """Hexadecimal digits between a colon and CR LF, with an LRC."""

    def request(self, unit: int, function: int, address: int, count: int) -> bytes:
        """A read of ``count`` registers or bits from ``address``."""
        told = _told(unit, function, address, count)
        return b":" + (told + lrc(told)).hex().upper().encode() + b"\r\n"

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
        """How many characters an answer with ``size`` bytes of data has."""
        return 3 + 2 * (_RTU_FIXED - 1 + size)


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


def _told(unit: int, function: int, address: int, count: int) -> bytes:
    return bytes((unit, function)) + address.to_bytes(2, "big") + count.to_bytes(2, "big")


def _spelt(digits: bytes) -> SerialFrame:
    try:
        # bytes.fromhex would take spaces as well.
        whole = bytes.fromhex(digits.decode("ascii")) if digits.isalnum() else b""
    except ValueError:
        whole = b""
    if len(whole) < _RTU_FIXED - 1:
        raise GarbageError(f"{digits[:16]!r} is no frame")
    told = whole[:-1]
    if lrc(told) != whole[-1:]:
        raise GarbageError(f"the LRC of {told[:8].hex()} is wrong")
    if told[1] & ~EXCEPTION_BIT not in _READS:
        raise GarbageError(f"{told[:8].hex()} is no answer to a read")
    return SerialFrame(told[0], told[1], told[2:])

"""Modbus TCP on the wire: questions as bytes, and bytes as answers. There is no write."""

import struct
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from devices.source import Table

READ: Mapping[Table, int] = MappingProxyType({"coil": 1, "discrete": 2, "holding": 3, "input": 4})
"""The function that reads a table. Modbus Application Protocol 1.1b3, 6.1 to 6.4."""
EXCEPTION_BIT = 0x80
MIN_LENGTH = 3
"""The least that a header's length field may say: a unit, a function and one byte."""
MAX_LENGTH = 254
"""The most that it may say: a unit and 253 bytes."""
EXCEPTIONS: Mapping[int, str] = MappingProxyType(
    {
        1: "illegal function",
        2: "illegal data address",
        3: "illegal data value",
        4: "server device failure",
        5: "acknowledge, still working",
        6: "server device busy",
        8: "memory parity error",
        10: "gateway path unavailable",
        11: "gateway target device failed to respond",
    }
)
"""Exception codes in the words of the specification, 7."""
IDENTIFY = 0x2B
"""Read Device Identification, in the envelope of the MEI type 14. The same, 6.21."""
MEI_IDENTIFY = 0x0E
_READ = struct.Struct(">BHH")
_HEADER = struct.Struct(">HHHB")


class GarbageError(Exception):
    """The stream is not Modbus TCP, or out of step; nothing after this can be trusted."""


class Frame(NamedTuple):
    """One answer: transaction id, unit, function with its exception bit, and the rest."""

    transaction: int
    unit: int
    function: int
    body: bytes


def read(function: int, address: int, count: int) -> bytes:
    """A read of ``count`` registers or bits from ``address``, without any framing."""
    return _READ.pack(function, address, count)


def introduction(level: int, first: int) -> bytes:
    """A question for the objects of ``level`` from ``first`` on, without any framing."""
    return bytes((IDENTIFY, MEI_IDENTIFY, level, first))


def request(transaction: int, unit: int, told: bytes) -> bytes:
    """The frame of ``told``, a function and what follows it."""
    return _HEADER.pack(transaction, 0, len(told) + 1, unit) + told


def take(buffer: bytes) -> tuple[list[Frame], bytes]:
    """The whole frames at the start of ``buffer``, and what is left over.

    A frame is held back while what follows it is too short to be known as the head of another.

    Raises:
        GarbageError: some of it is not Modbus. The frames before it are not given either: where
            a cut answer swallowed the head of the next one, the last of them holds false data.
    """
    found: list[Frame] = []
    at, last, end = 0, 0, len(buffer)
    while end - at >= _HEADER.size:
        transaction, protocol, length, unit = _HEADER.unpack_from(buffer, at)
        if protocol != 0 or not MIN_LENGTH <= length <= MAX_LENGTH:
            raise GarbageError(f"protocol {protocol}, length {length}")
        after = at + _HEADER.size - 1 + length
        if after > end:
            break
        body = at + _HEADER.size
        found.append(Frame(transaction, unit, buffer[body], buffer[body + 1 : after]))
        last, at = at, after
    left = buffer[at:]
    if left[2:4].strip(b"\0"):
        raise GarbageError(f"{left[:4].hex()} does not begin a frame")
    if found and 0 < len(left) < _HEADER.size:
        return found[:-1], buffer[last:]
    return found, left

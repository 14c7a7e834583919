"""Numbers as Modbus registers, straight with ``struct``.

The product's own codec is not used on purpose: simulator and collector must not share a mistake.
"""

import struct
from collections.abc import Sequence


def signed(value: int) -> int:
    """The register that holds an i16.

    Raises:
        struct.error: the number does not fit.
    """
    return _words(struct.pack(">h", value))[0]


def float_low_first(value: float) -> tuple[int, int]:
    """The two registers of an f32, low word first; bytes inside a word are big-endian."""
    high, low = _words(struct.pack(">f", value))
    return low, high


def long_low_first(value: int) -> tuple[int, int]:
    """The two registers of a u32, low word first."""
    high, low = _words(struct.pack(">I", value))
    return low, high


def text(value: str, registers: int) -> Sequence[int]:
    """ASCII, two characters a register, filled up with NUL."""
    return _words(value.encode("ascii").ljust(2 * registers, b"\0"))


def block(address: int, words: Sequence[int]) -> dict[int, int]:
    """``words`` as they stand from ``address`` on."""
    return {address + offset: word for offset, word in enumerate(words)}


def _words(packed: bytes) -> tuple[int, ...]:
    return struct.unpack(f">{len(packed) // 2}H", packed)

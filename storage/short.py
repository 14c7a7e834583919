"""Fewer bytes for a scan on disk: spelled short where it is stored, spelled out where it is read.

Checksums, the journal's chain and the archive know an entry as ``storage.pack`` spells it. A row
that is stored short says so by a checksum below zero, and is made whole before anything else looks
at it. Short is: one byte of flags and form, how much later than its time it was received (uint16,
milliseconds), how many values there are (one byte, only where qualities follow), the values, and
the qualities. The form is hundredths in 16 or thousandths in 32 bits, single or double precision,
whichever first gives back every value to the last bit.
"""

import struct
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from struct import Struct
from typing import Any

from devices.scan import Scan
from storage.pack import FLAGS_AT, MARKED, values_struct

FLAGS, FORM = 0x0F, 4
"""Which bits of the first byte are the flags, and from which on it says the form."""
_DOUBLE, _SINGLE, _HUNDREDTHS, _THOUSANDTHS = range(4)
LETTERS = "dfhi"
"""How ``struct`` calls the numbers of each form."""
_SIZES = (8, 4, 2, 4)
PARTS = {_HUNDREDTHS: 100.0, _THOUSANDTHS: 1000.0}
"""Of forms that store whole numbers, by what they are divided."""
_LARGEST = {_HUNDREDTHS: 2.0**15 + 0.5, _THOUSANDTHS: 2.0**31 + 0.5}
"""Whatever is further from zero does not fit into it."""
_spell = Struct("<d").pack
_MINUS_ZERO = _spell(-0.0)
_WHOLE = 1.5 * 2.0**52
"""Added and taken away again, it leaves the nearest whole number of what is much smaller."""
_LATEST, _MOST = 0xFFFF, 0xFF
_HEAD, _MARKED_HEAD = Struct("<BH"), Struct("<BHB")
"""Flags and form, lateness, and of a marked scan how many values it has."""

AnyRow = tuple[Any, Any, Any, Any, Any]
"""Number, layout, time, checksum and body of a row; damage may be in any."""


@cache
def _spelled(head: Struct, form: int, count: int) -> Struct:
    return Struct(f"{head.format}{count}{LETTERS[form]}")


def stored(scan: Scan, crc: int, packed: bytes) -> tuple[int, bytes]:
    """Checksum and body as they are stored; as they are where that is no longer."""
    late = scan.received - scan.at
    if not 0 <= late <= _LATEST:
        return crc, packed
    flags = packed[FLAGS_AT]
    if not flags & MARKED:
        return ~crc, _packed(_HEAD, flags, (late,), list(scan.values))
    values = [value for value in scan.values if value is not None]
    if len(values) > _MOST:
        return crc, packed
    packed_values = _packed(_MARKED_HEAD, flags, (late, len(values)), values)
    return ~crc, packed_values + scan.qualities


def whole(row: AnyRow) -> AnyRow:
    """A row as it was before it was stored."""
    seq, layout, at, crc, packed = row
    if not isinstance(crc, int) or crc >= 0:
        return row
    try:
        return seq, layout, at, ~crc, _spelled_out(at, packed)
    except (struct.error, TypeError, IndexError, OverflowError):
        # As it stands it matches no checksum, and is found to be damaged.
        return row


def _spelled_out(at: int, packed: bytes) -> bytes:
    flags, form = packed[0] & FLAGS, packed[0] >> FORM
    if flags & MARKED:
        _, late, count = _MARKED_HEAD.unpack_from(packed)
        spelled = _spelled(_MARKED_HEAD, form, count)
        values: Sequence[float] = spelled.unpack_from(packed)[3:]
        tail = packed[spelled.size :]
    else:
        count = (len(packed) - _HEAD.size) // _SIZES[form]
        _, late, *values = _spelled(_HEAD, form, count).unpack(packed)
        tail = b""
    parts = PARTS.get(form)
    if parts is not None:
        values = [number / parts for number in values]
    return values_struct(count).pack(at + late, flags, *values) + tail


def _packed(head: Struct, flags: int, start: tuple[int, ...], values: Sequence[Any]) -> bytes:
    """``values`` behind their ``head``, which ends with ``start``, in the shortest form."""
    count = len(values)
    for form, parts in PARTS.items():
        numbers = _numbers(values, parts, _LARGEST[form])
        if numbers is not None:
            try:
                return _spelled(head, form, count).pack(
                    flags | form << FORM, *start, *map(int, numbers)
                )
            except (struct.error, OverflowError, ValueError):
                # One of them is too large for this form.
                continue
    with suppress(OverflowError):
        spelled = _spelled(head, _SINGLE, count)
        single = spelled.pack(flags | _SINGLE << FORM, *start, *values)
        if list(spelled.unpack(single)[1 + len(start) :]) == values:
            return single
    return _spelled(head, _DOUBLE, count).pack(flags, *start, *values)


def _numbers(values: Sequence[float], parts: float, largest: float) -> list[float] | None:
    """How many parts each value is, where whole numbers of them give back every last bit."""
    if not values:
        return []
    first = values[0] * parts
    # It tells most scans apart, and sparing the rest keeps the journal's writer quick.
    if abs(first) > largest or ((first + _WHOLE) - _WHOLE) / parts != values[0]:
        return None
    numbers = [(value * parts + _WHOLE) - _WHOLE for value in values]
    if [number / parts for number in numbers] != values:
        return None
    if 0.0 in numbers and _MINUS_ZERO in [_spell(value) for value in values if not value]:
        # Minus zero has no place among whole numbers.
        return None
    return numbers

"""How an entry lies in a row of the journal, and how a damaged row is told from a whole one."""

import struct
from functools import cache
from struct import Struct
from zlib import crc32

import msgspec

from devices.scan import VALUELESS_CODES, Layout, Scan, Source
from storage.entry import Entry, Note

NOTE = 0
"""Stands where a scan has the number of its layout."""

SOURCE, REPEAT, MARKED = 0b0011, 0b0100, 0b1000
"""The bits of the flag byte: where a scan came from, whether it may be a repeat, has marks."""
FLAGS_AT = 8
"""Where in a body the flags of a scan are."""
_SOURCES = tuple(sorted(Source))
_PLACE = Struct("<qqq")
_TIME = Struct("<q")
_encode = msgspec.msgpack.Encoder().encode
_decode_note = msgspec.msgpack.Decoder(Note).decode
_decode_layout = msgspec.msgpack.Decoder(Layout).decode


class DamagedError(Exception):
    """A row does not say what was once written into it."""


@cache
def values_struct(count: int) -> Struct:
    """``received``, flags and ``count`` numbers."""
    return Struct(f"<qB{count}d")


_HEAD = values_struct(0)


def body(entry: Entry) -> bytes:
    """The entry as bytes, without its time, its number and its layout.

    A scan is ``received`` (int64), one flag byte, a double for each value that exists and, only
    if one of them is not good, a quality byte a channel. Everything else is msgpack.

    Raises:
        ValueError: a time does not fit 64 bits.
    """
    try:
        # Into the row goes the time too: one that does not fit would break off the writer.
        _TIME.pack(entry.at)
        if not isinstance(entry, Scan):
            return _encode(entry)
        flags = entry.source | (REPEAT if entry.repeat else 0)
        values, qualities = entry.values, entry.qualities
        if qualities.count(0) == len(qualities):
            return values_struct(len(values)).pack(entry.received, flags, *values)
        known = [value for value in values if value is not None]
        return values_struct(len(known)).pack(entry.received, flags | MARKED, *known) + qualities
    except (struct.error, OverflowError) as error:
        raise ValueError(f"an entry of {entry.at} does not fit: {error}") from error


def unpacked(layout: Layout | None, at: int, packed: bytes) -> Entry:
    """What ``body`` packed; ``layout`` is None for a note.

    Raises:
        DamagedError: these bytes are no such entry.
    """
    try:
        return _decode_note(packed) if layout is None else _scan(layout, at, packed)
    except (struct.error, msgspec.MsgspecError, ValueError) as error:
        raise DamagedError(str(error)) from error


def _scan(layout: Layout, at: int, packed: bytes) -> Scan:
    count = len(layout.keys)
    values: tuple[float | None, ...]
    flags = packed[FLAGS_AT] if len(packed) >= _HEAD.size else MARKED
    if flags & MARKED:
        received, flags = _HEAD.unpack_from(packed)
        split = len(packed) - count
        qualities = packed[split:]
        known = iter(values_struct((split - _HEAD.size) // 8).unpack(packed[:split])[2:])
        values = tuple(None if code in VALUELESS_CODES else next(known, None) for code in qualities)
    else:
        received, _, *numbers = values_struct(count).unpack(packed)
        qualities, values = bytes(count), tuple(numbers)
    code = flags & SOURCE
    source = _SOURCES[code] if code < len(_SOURCES) else Source(code)
    return Scan(layout, at, received, values, qualities, source, bool(flags & REPEAT))


def placed(seq: int, layout: int, at: int) -> bytes:
    """Where a row stands, as bytes."""
    return _PLACE.pack(seq, layout, at)


def checksum(seq: int, layout: int, at: int, packed: bytes) -> int:
    """CRC-32 over a row: its place as well as its content, so that a row cannot change places."""
    return checksum_at(_PLACE.pack(seq, layout, at), packed)


def checksum_at(place: bytes, packed: bytes) -> int:
    """The same, of a row that stands where ``placed`` says."""
    return crc32(packed, crc32(place))


def is_sound(seq: object, layout: object, at: object, crc: object, packed: object) -> bool:
    """Whether a row matches its checksum. Damage may have changed types too."""
    return (
        isinstance(seq, int)
        and isinstance(layout, int)
        and isinstance(at, int)
        and isinstance(packed, bytes)
        and crc32(packed, crc32(_PLACE.pack(seq, layout, at))) == crc
    )


def layout_body(layout: Layout) -> bytes:
    """A layout as bytes."""
    return _encode(layout)


def layout_of(packed: bytes) -> Layout:
    """What ``layout_body`` packed.

    Raises:
        DamagedError: these bytes are no layout.
    """
    try:
        return _decode_layout(packed)
    except (msgspec.MsgspecError, ValueError) as error:
        raise DamagedError(str(error)) from error

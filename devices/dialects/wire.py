"""Protocol buffers on the wire: a message as its fields. Pure; reads any message, writes few.

After the encoding of protocol buffers (protobuf.dev/programming-guides/encoding): a field is a
tag (number, wire type) and a varint, 4 or 8 bytes, or a length and so many bytes. The library of
its makers does as much, and more; it costs the core 16 MB and 0.4 s. Tests hold this against it.
"""

import struct
from collections.abc import Iterator

Field = tuple[int, int | bytes]
"""Number and content: a varint or fixed number as int, everything else as bytes."""
_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5
_LONGEST_VARINT = 10
_U64 = (1 << 64) - 1


class WireError(ValueError):
    """These bytes are no message."""


def fields(data: bytes) -> Iterator[Field]:
    """The fields of a message, in their order; a fixed number as its bits, little end first.

    Raises:
        WireError: they are cut off, or of a kind that nobody uses any more.
    """
    at, end = 0, len(data)
    while at < end:
        tag, at = _varint(data, at)
        number, kind = tag >> 3, tag & 7
        if number == 0:
            raise WireError("a field without a number")
        if kind == _VARINT:
            value, at = _varint(data, at)
            yield number, value
            continue
        if kind == _BYTES:
            size, at = _varint(data, at)
        elif kind in {_EIGHT, _FOUR}:
            size = 8 if kind == _EIGHT else 4
        else:
            raise WireError(f"a field of wire type {kind}")
        if at + size > end:
            raise WireError("cut off")
        yield number, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for place in range(_LONGEST_VARINT):
        if at + place >= len(data):
            raise WireError("cut off")
        byte = data[at + place]
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:  # noqa: PLR2004 # its upper bit says that more follow
            return value & _U64, at + place + 1
    raise WireError("a number of more than ten bytes")


def float_of(raw: bytes) -> float:
    """A fixed number of 4 or 8 bytes as a float."""
    return float(struct.unpack("<d" if len(raw) == 8 else "<f", raw)[0])  # noqa: PLR2004 # bytes


def varint_field(number: int, value: int) -> bytes:
    """A field with a whole number, not negative."""
    return _written(number << 3 | _VARINT) + _written(value)


def bytes_field(number: int, value: bytes) -> bytes:
    """A field with bytes, a text or a message."""
    return _written(number << 3 | _BYTES) + _written(len(value)) + value


def _written(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:  # noqa: PLR2004 # seven bits a byte
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)

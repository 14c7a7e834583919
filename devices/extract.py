"""Takes the raw numbers of a block out of the bytes that answered it."""

import struct
from array import array
from collections.abc import Callable, Mapping, Sequence

from devices.plan import Block
from devices.source import Register, WordOrder, WordType

_LETTER: Mapping[WordType, str] = {"u16": "H", "i16": "h", "u32": "I", "i32": "i", "f32": "f"}

Extract = Callable[[bytes], tuple[float, ...]]


def extraction(
    read: Sequence[Register], default: WordOrder, block: Block
) -> tuple[Extract, list[int]]:
    """What takes the raw numbers out of a payload of ``block``, and whose they are, in order.

    ``read`` are the registers that the block's fields count by.
    """
    if block.is_bits:
        offsets = [field.address - block.address for field in block.fields]
        return _bits(offsets), [field.channel for field in block.fields]
    parts: list[tuple[struct.Struct, bool]] = []
    channels: list[int] = []
    for swapped in (False, True):
        for layer in _layers(read, default, block, swapped=swapped):
            parts.append((_pattern(read, block, layer, swapped=swapped), swapped))
            channels += layer
    return _words(parts), channels


def _layers(
    read: Sequence[Register], default: WordOrder, block: Block, *, swapped: bool
) -> list[list[int]]:
    """The channels of one word order, parted so that those of a layer do not overlap."""
    layers: list[tuple[int, list[int]]] = []
    for field in block.fields:
        if _is_low_first(read[field.channel], default) is not swapped:
            continue
        for number, (end, layer) in enumerate(layers):
            if field.address >= end:
                layers[number] = (field.address + field.count, [*layer, field.channel])
                break
        else:
            layers.append((field.address + field.count, [field.channel]))
    return [layer for _, layer in layers]


def _is_low_first(register: Register, default: WordOrder) -> bool:
    # One word has no order; taking it with the others spares a second pass.
    return (default if register.count == 1 else register.word_order or default) == "low-first"


def _pattern(
    read: Sequence[Register], block: Block, layer: Sequence[int], *, swapped: bool
) -> struct.Struct:
    # With the bytes of every word swapped, low word first is plain little-endian.
    pattern, at = "<" if swapped else ">", block.address
    for channel in layer:
        register = read[channel]
        pattern += f"{2 * (register.address - at)}x{_LETTER[register.type]}"
        at = register.address + register.count
    return struct.Struct(f"{pattern}{2 * (block.address + block.count - at)}x")


def _words(parts: list[tuple[struct.Struct, bool]]) -> Extract:
    if len(parts) == 1:
        only, swapped = parts[0]
        unpack = only.unpack
        return (lambda payload: unpack(_swap(payload))) if swapped else unpack

    def extract(payload: bytes) -> tuple[float, ...]:
        raws: tuple[float, ...] = ()
        for pattern, swapped in parts:
            raws += pattern.unpack(_swap(payload) if swapped else payload)
        return raws

    return extract


def _swap(payload: bytes) -> bytes:
    words = array("H", payload)
    words.byteswap()
    return words.tobytes()


def _bits(offsets: list[int]) -> Extract:
    def extract(payload: bytes) -> tuple[float, ...]:
        bits = int.from_bytes(payload, "little")
        return tuple(bits >> offset & 1 for offset in offsets)

    return extract

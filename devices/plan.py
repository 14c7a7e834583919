"""Which blocks of registers to read so that every channel is seen with few requests."""

from collections.abc import Iterable
from itertools import groupby, pairwise

import msgspec

from devices.profile import Profile, asides
from devices.source import Register, Table
from devices.transport import Modbus

CHARACTER_BITS = 11
"""Bits of one character on a serial line: start, eight data, parity or a second stop, stop."""
REQUEST_CHARACTERS = 8
"""A serial read request: unit, function, address, count, CRC."""
ANSWER_CHARACTERS = 5
"""What a serial answer has beside its data: unit, function, byte count, CRC."""
GAP_CHARACTERS = 7
"""The two silences of 3.5 characters that end the request and the answer."""


class Field(msgspec.Struct, frozen=True):
    """Where a channel stands: its index in ``registers``, first address, registers or bits."""

    channel: int
    address: int
    count: int


class Block(msgspec.Struct, frozen=True):
    """One read: ``count`` registers or bits of ``table`` from ``address``.

    ``fields`` are the channels inside, by address; no field stands in two blocks.
    """

    table: Table
    address: int
    count: int
    fields: tuple[Field, ...]

    @property
    def is_bits(self) -> bool:
        """Whether the table holds single bits."""
        return self.table in {"coil", "discrete"}

    @property
    def size(self) -> int:
        """Bytes of data in the answer."""
        return (self.count + 7) // 8 if self.is_bits else 2 * self.count


class Plan(msgspec.Struct, frozen=True):
    """How one device is read in one cycle."""

    blocks: tuple[Block, ...]

    @property
    def requests(self) -> int:
        """Requests a cycle."""
        return len(self.blocks)

    def bus_seconds(self, baud: int = 9600) -> float:
        """Estimated seconds a cycle takes on a serial line of ``baud``, device delays aside."""
        characters = sum(
            REQUEST_CHARACTERS + ANSWER_CHARACTERS + block.size + GAP_CHARACTERS
            for block in self.blocks
        )
        return characters * CHARACTER_BITS / baud


def plan(profile: Profile) -> Plan:
    """The fewest reads that see every channel within the limits of the profile.

    Raises:
        ValueError: the profile is not a Modbus one, or a value is wider than one read may be.
    """
    if profile.modbus is None:
        raise ValueError(f"{profile.model}: has no [modbus] and cannot be planned")
    placed: list[tuple[Table, Field]] = []
    for index, source in enumerate(registers(profile)):
        if source.count > _cap(profile.modbus, source.table):
            raise ValueError(
                f"{profile.model}, channel {called(profile, index)}: takes {source.count} "
                f"registers, but one read may span {_cap(profile.modbus, source.table)}"
            )
        placed.append((source.table, Field(index, source.address, source.count)))
    placed.sort(key=lambda item: (item[0], item[1].address, item[1].count))
    blocks: list[Block] = []
    for table, items in groupby(placed, key=lambda item: item[0]):
        blocks += _cover(table, (field for _, field in items), profile.modbus)
    return Plan(tuple(blocks))


def registers(profile: Profile) -> tuple[Register, ...]:
    """What is read of a device: a register for each channel, then those beside them."""
    own = [c.source for c in profile.channels if isinstance(c.source, Register)]
    return (*own, *(aside.register for aside in asides(profile)))


def called(profile: Profile, index: int) -> str:
    """How the register of ``index`` in ``registers`` is called: the key of its channel."""
    own = len(profile.channels)
    if index < own:
        return profile.channels[index].key
    return f"the status of {profile.channels[asides(profile)[index - own].owner].key}"


def split(block: Block) -> tuple[Block, ...]:
    """The two reads to try when a device refuses ``block``; none when there is nothing to part.

    The cut lies in the widest gap, because a register that nobody asked for is the likeliest
    to be refused; without a gap it lies in the middle.
    """
    fields = block.fields
    cuts: list[tuple[int, float, int]] = []
    end = 0
    for index, (before, field) in enumerate(pairwise(fields), start=1):
        end = max(end, before.address + before.count)
        if (field.address, field.count) != (before.address, before.count):
            gap = max(field.address - end, 0)
            cuts.append((gap, -abs(index - len(fields) / 2), index))
    if not cuts:
        return ()
    cut = max(cuts)[2]
    return _block(block.table, fields[:cut]), _block(block.table, fields[cut:])


def _cover(table: Table, fields: Iterable[Field], modbus: Modbus) -> list[Block]:
    # Whatever may be read in one block may also be read in a part of it, so taking each block
    # as far as it goes needs the fewest blocks.
    groups: list[list[Field]] = []
    end = 0
    for field in fields:
        if groups and _joins(groups[-1][0].address, end, field, table, modbus):
            groups[-1].append(field)
            end = max(end, field.address + field.count)
        else:
            groups.append([field])
            end = field.address + field.count
    return [_block(table, tuple(group)) for group in groups]


def _joins(start: int, end: int, field: Field, table: Table, modbus: Modbus) -> bool:
    last = max(end, field.address + field.count) - 1
    return (
        field.address - end <= modbus.gap
        and last - start < _cap(modbus, table)
        and not any(first <= last and final >= start for first, final in modbus.forbidden)
    )


def _cap(modbus: Modbus, table: Table) -> int:
    return modbus.bits if table in {"coil", "discrete"} else modbus.span


def _block(table: Table, fields: tuple[Field, ...]) -> Block:
    start = fields[0].address
    end = max(field.address + field.count for field in fields)
    return Block(table, start, end - start, fields)

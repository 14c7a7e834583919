"""The planner: all channels seen, nothing forbidden touched, few requests."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.duration import Duration
from devices.plan import Block, Field, Plan, plan, split
from devices.profile import Channel, Profile
from devices.source import REGISTERS, Register, Table, WordType
from devices.transport import Modbus


def a_channel(number: int, table: Table, address: int, kind: WordType) -> Channel:
    return Channel(
        key=f"c{number}",
        quantity="state",
        unit="1",
        range=(0, 1),
        resolution=1,
        source=Register(table=table, address=address, type=kind),
    )


def a_profile(places: list[tuple[Table, int, WordType]], modbus: Modbus) -> Profile:
    return Profile(
        model="M",
        maker="m",
        manual="by hand",
        period=Duration(1000),
        modbus=modbus,
        channels=tuple(a_channel(number, *place) for number, place in enumerate(places)),
    )


def inputs(*addresses: int) -> list[tuple[Table, int, WordType]]:
    return [("input", address, "u16") for address in addresses]


def spans(found: Plan) -> list[tuple[str, int, int]]:
    return [(block.table, block.address, block.count) for block in found.blocks]


def test_registers_in_a_row_are_one_read() -> None:
    assert spans(plan(a_profile(inputs(10, 12, 11), Modbus()))) == [("input", 10, 3)]


def test_a_gap_is_read_over_only_as_far_as_the_profile_allows() -> None:
    assert spans(plan(a_profile(inputs(0, 9), Modbus(gap=8)))) == [("input", 0, 10)]
    assert spans(plan(a_profile(inputs(0, 10), Modbus(gap=8)))) == [
        ("input", 0, 1),
        ("input", 10, 1),
    ]


def test_a_float_is_not_torn_by_the_span() -> None:
    places: list[tuple[Table, int, WordType]] = [("holding", a, "f32") for a in (0, 2, 4)]
    assert spans(plan(a_profile(places, Modbus(span=5)))) == [("holding", 0, 4), ("holding", 4, 2)]


def test_a_forbidden_range_parts_two_reads() -> None:
    assert spans(plan(a_profile(inputs(0, 4), Modbus(forbidden=((2, 2),))))) == [
        ("input", 0, 1),
        ("input", 4, 1),
    ]


def test_a_value_wider_than_a_read_may_be_is_refused_with_its_channel() -> None:
    with pytest.raises(ValueError, match="channel c0: takes 2 registers, but one read may span 1"):
        plan(a_profile([("input", 0, "f32")], Modbus(span=1)))


def test_forty_registers_take_115_ms_at_9600_baud() -> None:
    # 93 characters of request and answer (collection.md 4.1) and 7 of silence, 11 bits each.
    found = plan(a_profile(inputs(*range(40)), Modbus()))
    assert found.requests == 1
    assert found.bus_seconds(9600) == pytest.approx(100 * 11 / 9600)


def test_a_refused_block_is_cut_at_its_widest_gap() -> None:
    block = plan(a_profile(inputs(0, 1, 5, 6), Modbus())).blocks[0]
    assert [(half.address, half.count) for half in split(block)] == [(0, 2), (5, 2)]


def test_a_block_without_gaps_is_cut_in_the_middle() -> None:
    block = plan(a_profile(inputs(*range(8)), Modbus())).blocks[0]
    assert [(half.address, half.count) for half in split(block)] == [(0, 4), (4, 4)]


def test_channels_of_one_register_cannot_be_parted() -> None:
    block = plan(a_profile(inputs(7, 7, 7), Modbus())).blocks[0]
    assert split(block) == ()


KINDS: dict[Table, tuple[WordType, ...]] = {
    "holding": ("u16", "i16", "u32", "i32", "f32"),
    "input": ("u16", "f32"),
    "coil": ("bit",),
    "discrete": ("bit",),
}


@st.composite
def profiles(draw: st.DrawFn) -> Profile:
    forbidden = draw(
        st.lists(
            st.integers(0, 300).flatmap(
                lambda first: st.tuples(st.just(first), st.integers(first, first + 9))
            ),
            max_size=4,
        )
    )
    modbus = Modbus(
        gap=draw(st.integers(0, 40)),
        span=draw(st.integers(2, 125)),
        bits=draw(st.integers(1, 2000)),
        forbidden=tuple(forbidden),
    )
    places: list[tuple[Table, int, WordType]] = []
    for table, address in draw(
        st.lists(
            st.tuples(st.sampled_from(sorted(KINDS)), st.integers(0, 300)), min_size=1, max_size=60
        )
    ):
        kind = draw(st.sampled_from(KINDS[table]))
        last = address + REGISTERS[kind] - 1
        if not any(address <= end and last >= first for first, end in forbidden):
            places.append((table, address, kind))
    return a_profile(places or [("input", 65535, "u16")], modbus)


def fits(profile: Profile, block: Block) -> bool:
    """Whether the limits of the profile hold for a block; said again, not called."""
    assert profile.modbus is not None
    last = block.address + block.count - 1
    cap = profile.modbus.bits if block.table in {"coil", "discrete"} else profile.modbus.span
    touched = {a for f in block.fields for a in range(f.address, f.address + f.count)}
    ends = sorted(touched)
    gaps = (after - before - 1 for before, after in itertools.pairwise(ends))
    return (
        1 <= block.count <= cap
        and all(not (block.address <= end and last >= a) for a, end in profile.modbus.forbidden)
        and max(gaps, default=0) <= profile.modbus.gap
    )


@given(profiles())
def test_every_channel_stands_whole_in_exactly_one_allowed_block(profile: Profile) -> None:
    found = plan(profile)
    seen: list[int] = []
    for block in found.blocks:
        assert fits(profile, block)
        for field in block.fields:
            source = profile.channels[field.channel].source
            assert isinstance(source, Register)
            assert (block.table, field.address, field.count) == (
                source.table,
                source.address,
                source.count,
            )
            assert block.address <= field.address
            assert field.address + field.count <= block.address + block.count
            seen.append(field.channel)
    assert sorted(seen) == list(range(len(profile.channels)))


@given(profiles())
def test_no_two_neighbouring_blocks_could_have_been_one(profile: Profile) -> None:
    blocks = plan(profile).blocks
    for left, right in itertools.pairwise(blocks):
        if left.table == right.table:
            first = right.fields[0]
            end = max(left.address + left.count, first.address + first.count)
            joined = Block(left.table, left.address, end - left.address, (*left.fields, first))
            assert not fits(profile, joined)


def leaves(block: Block, refused: set[int]) -> list[Field]:
    """The fields that a device gives up when it refuses every read that touches ``refused``."""
    if not refused & set(range(block.address, block.address + block.count)):
        return list(block.fields)
    return [field for half in split(block) for field in leaves(half, refused)]


@given(profiles(), st.sets(st.integers(0, 310), max_size=6))
def test_bisecting_loses_only_the_fields_that_are_refused(
    profile: Profile, refused: set[int]
) -> None:
    for block in plan(profile).blocks:
        readable = {
            field
            for field in block.fields
            if not refused & set(range(field.address, field.address + field.count))
        }
        assert set(leaves(block, refused)) == readable

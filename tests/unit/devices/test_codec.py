"""The codec against numbers from manuals and plain arithmetic, never against an encoder of ours."""

import math
import struct
from fractions import Fraction
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.codec import Decoder
from devices.duration import Duration
from devices.plan import plan
from devices.profile import Channel, Fault, Profile
from devices.quality import Quality
from devices.source import Register, WordType
from devices.transport import Modbus


def a_channel(register: Register, **changes: object) -> Channel:
    given: dict[str, object] = {
        "key": f"at{register.address}{register.mask or ''}",
        "quantity": "temperature",
        "unit": "degC",
        "range": (-500.0, 500.0),
        "resolution": 0.01,
        "source": register,
    }
    return Channel(**(given | changes))  # type: ignore[arg-type] # the fields of a channel


def a_profile(*channels: Channel, modbus: Modbus | None = None) -> Profile:
    return Profile(
        model="M",
        maker="m",
        manual="by hand",
        period=Duration(1000),
        modbus=modbus or Modbus(),
        channels=channels,
    )


def decoded(profile: Profile, *payloads: str) -> list[float | str | None]:
    """Values, or the names of the qualities where those are not good."""
    values, qualities = Decoder(profile, plan(profile).blocks).decode(
        [bytes.fromhex(payload) for payload in payloads]
    )
    return [
        value if code == Quality.GOOD else Quality(code).word
        for value, code in zip(values, qualities, strict=True)
    ]


def at(
    address: int,
    kind: WordType,
    *,
    scale: float = 1.0,
    mask: int | None = None,
    word_order: Literal["high-first", "low-first"] | None = None,
) -> Register:
    return Register(
        table="input", address=address, type=kind, scale=scale, mask=mask, word_order=word_order
    )


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param("D47A 43E8", 465.66, id="GMP252 manual: low word first"),
        pytest.param("7AE1 41F4", 30.56, id="Indigo520 manual"),
        pytest.param("47A0 41FE", 31.785, id="BINDER MK53 memory dump, closed"),
        pytest.param("1C12 4233", 44.777, id="BINDER MK53 memory dump, active"),
    ],
)
def test_a_float_low_word_first_reads_as_its_manual_says(words: str, expected: float) -> None:
    profile = a_profile(a_channel(at(0, "f32")), modbus=Modbus(word_order="low-first"))
    (value,) = decoded(profile, words)
    assert value == pytest.approx(expected, abs=0.0006)


def test_the_order_of_a_register_overrides_that_of_the_profile() -> None:
    # 0x40490FDB is pi as a float, either way round; 0x0E72 is 3698.
    profile = a_profile(
        a_channel(at(0, "f32")),
        a_channel(at(2, "i16", scale=0.01)),
        a_channel(at(3, "f32", word_order="high-first")),
        modbus=Modbus(word_order="low-first"),
    )
    assert decoded(profile, "0FDB 4049 0E72 4049 0FDB") == [3.14159, 36.98, 3.14159]


def test_values_come_in_the_order_of_the_profile_not_of_the_wire() -> None:
    profile = a_profile(
        a_channel(at(9, "u16")),
        a_channel(Register(table="holding", address=0, type="u16")),
        a_channel(at(3, "u16")),
    )
    # Planned as holding 0, then input 3 to 9.
    assert decoded(profile, "0001", "0003 0000 0000 0000 0000 0000 0009") == [9.0, 1.0, 3.0]


@pytest.mark.parametrize(
    ("kind", "words", "expected"),
    [
        ("u16", "FFFF", 65535.0),
        ("i16", "FF38", -200.0),
        ("u32", "0001 0000", 65536.0),
        ("i32", "FFFF FFFE", -2.0),
        ("f32", "4214 0000", 37.0),
    ],
)
def test_each_type_reads_its_own_way(kind: WordType, words: str, expected: float) -> None:
    assert decoded(a_profile(a_channel(at(0, kind), range=(-1e6, 1e6))), words) == [expected]


def test_bits_are_taken_lowest_first() -> None:
    # Modbus 1.1b3, 6.1: the lowest bit of the first byte is the first coil. CD 6B is its example:
    # coils 20 to 27 are 1 0 1 1 0 0 1 1, coil 28 and 29 are 1 1.
    coils = [
        a_channel(
            Register(table="coil", address=address, type="bit"),
            quantity="state",
            unit="1",
            range=(0, 1),
            resolution=1,
        )
        for address in range(19, 29)
    ]
    assert decoded(a_profile(*coils), "CD 6B") == [1, 0, 1, 1, 0, 0, 1, 1, 1, 1]


def test_several_bits_of_one_register_are_read_from_one_word() -> None:
    bits = [
        a_channel(at(5, "u16", mask=mask), quantity="state", unit="1", range=(0, 1), resolution=1)
        for mask in (1, 2, 0x8000, 0x8004)
    ]
    assert decoded(a_profile(*bits), "8002") == [0.0, 1.0, 1.0, 1.0]


def test_overlapping_registers_each_see_their_own_words() -> None:
    whole = a_channel(at(0, "u32"), key="whole", range=(0, 1e9))
    halves = [a_channel(at(0, "u16"), key="high"), a_channel(at(1, "u16"), key="low")]
    assert decoded(a_profile(whole, *halves), "0001 0002") == [65538.0, 1.0, 2.0]


@pytest.mark.parametrize(
    ("scale", "words", "expected"),
    [(0.01, "0E72", 36.98), (0.1, "0173", 37.1), (0.5, "0003", 1.5), (0.0625, "0001", 0.0625)],
)
def test_a_scaled_integer_shows_no_binary_noise(scale: float, words: str, expected: float) -> None:
    (value,) = decoded(a_profile(a_channel(at(0, "i16", scale=scale))), words)
    assert repr(value) == repr(expected)


@pytest.mark.parametrize(
    ("changes", "words", "expected"),
    [
        ({"unit": "K"}, "0C1E", 37.05),
        ({"unit": "degF"}, "03DA", 37.0),
        ({"quantity": "carbon_dioxide", "unit": "ppm", "range": (0, 2e5)}, "01F4", 0.005),
        ({"quantity": "level", "unit": "in", "range": (0, 100)}, "0064", 254.0),
    ],
)
def test_units_become_the_stored_ones(
    changes: dict[str, object], words: str, expected: float
) -> None:
    (value,) = decoded(a_profile(a_channel(at(0, "u16", scale=0.1), **changes)), words)
    assert value == pytest.approx(expected, abs=1e-9)


NOT_NUMBERS = ["7FC00000", "FFC00000", "7F800001", "FFFFFFFF", "7FFFFFFF"]


@pytest.mark.parametrize("words", NOT_NUMBERS)
def test_no_nan_is_ever_a_value(words: str) -> None:
    undeclared = a_channel(at(0, "f32"))
    declared = a_channel(at(0, "f32"), faults=(Fault(raw="nan", quality="no_answer"),))
    suspect = a_channel(at(0, "f32"), faults=(Fault(raw="nan", quality="suspect"),))
    assert decoded(a_profile(undeclared), words) == ["sensor_fault"]
    assert decoded(a_profile(declared), words) == ["no_answer"]
    assert decoded(a_profile(suspect), words) == ["sensor_fault"]


@pytest.mark.parametrize("words", ["7F800000", "FF800000", "7F7FFFFF"])
def test_infinity_is_out_of_any_range(words: str) -> None:
    assert decoded(a_profile(a_channel(at(0, "f32"))), words) == ["out_of_range"]
    endless = a_channel(at(0, "f32"), range=(-math.inf, math.inf))
    if words != "7F7FFFFF":
        assert decoded(a_profile(endless), words) == ["out_of_range"]


def test_fault_codes_are_found_inside_and_outside_the_range() -> None:
    # WAGO 750-461: a shorted probe gives exactly -200.0, colder than liquid nitrogen.
    shorted = Fault(raw=-2000)
    cut = Fault(raw=8500, quality="no_answer")
    channel = a_channel(at(0, "i16", scale=0.1), range=(-200, 100), faults=(shorted, cut))
    assert decoded(a_profile(channel), "F830") == ["sensor_fault"]
    assert decoded(a_profile(channel), "2134") == ["no_answer"]
    assert decoded(a_profile(channel), "F831") == [-199.9]


@pytest.mark.parametrize("raw", [0x8000, -32768])
def test_a_sentinel_may_be_written_as_the_manual_prints_it(raw: int) -> None:
    channel = a_channel(at(0, "i16", scale=0.1), range=(-4000, 4000), faults=(Fault(raw=raw),))
    assert decoded(a_profile(channel), "8000") == ["sensor_fault"]


def test_a_float_code_is_met_although_it_has_no_exact_float() -> None:
    # -9999.9 as a 32-bit float is 0xC61C3F9A.
    channel = a_channel(at(0, "f32"), range=(-10000, 10000), faults=(Fault(raw=-9999.9),))
    assert decoded(a_profile(channel), "C61C3F9A") == ["sensor_fault"]


def test_a_suspect_code_keeps_its_value() -> None:
    channel = a_channel(at(0, "u16"), faults=(Fault(raw=400, quality="suspect"),))
    profile = a_profile(channel)
    decoder = Decoder(profile, plan(profile).blocks)
    assert decoder.decode([bytes.fromhex("0190")]) == ((400.0,), bytes((Quality.SUSPECT,)))


def test_the_code_of_a_masked_register_counts_before_the_mask() -> None:
    channel = a_channel(
        at(0, "u16", mask=1),
        quantity="state",
        unit="1",
        range=(0, 1),
        resolution=1,
        faults=(Fault(raw=0xFFFF, quality="no_answer"),),
    )
    assert decoded(a_profile(channel), "FFFF") == ["no_answer"]
    assert decoded(a_profile(channel), "FFFD") == [1.0]


@pytest.mark.parametrize(
    ("kind", "raw"), [("u16", -1), ("u16", 65536), ("i16", "nan"), ("f32", "cold"), ("u16", None)]
)
def test_a_code_that_cannot_occur_is_refused(kind: WordType, raw: float | str | None) -> None:
    profile = a_profile(a_channel(at(0, kind), faults=(Fault(raw=raw),)))
    with pytest.raises(ValueError, match="channel at0: fault"):
        Decoder(profile, plan(profile).blocks)


def test_both_ends_belong_to_the_range_and_nothing_beyond() -> None:
    channel = a_channel(at(0, "i16", scale=0.1), range=(-0.3, 0.3))
    profile = a_profile(channel)
    assert [decoded(profile, words)[0] for words in ("FFFC", "FFFD", "0003", "0004")] == [
        "out_of_range",
        -0.3,
        0.3,
        "out_of_range",
    ]


def test_a_lost_block_loses_only_its_own_channels() -> None:
    profile = a_profile(a_channel(at(0, "u16")), a_channel(at(100, "u16")))
    blocks = plan(profile).blocks
    values, qualities = Decoder(profile, blocks).decode([None, b"\0\7"])
    assert (values, qualities) == ((None, 7.0), bytes((Quality.NO_ANSWER, Quality.GOOD)))


def test_channels_in_none_of_the_blocks_have_no_answer() -> None:
    profile = a_profile(a_channel(at(0, "u16")), a_channel(at(100, "u16")))
    values, qualities = Decoder(profile, plan(profile).blocks[1:]).decode([b"\0\7"])
    assert (values, qualities) == ((None, 7.0), bytes((Quality.NO_ANSWER, Quality.GOOD)))


@given(
    st.lists(st.integers(-0x8000, 0x7FFF), min_size=1, max_size=40),
    st.sampled_from([1.0, 0.1, 0.01, 0.001, 0.5, 10.0, 0.025]),
)
def test_integers_are_the_nearest_number_to_raw_times_scale(raws: list[int], scale: float) -> None:
    low, high = Fraction(-100), Fraction(100)
    channels = [
        a_channel(at(address, "i16", scale=scale), range=(-100, 100))
        for address in range(len(raws))
    ]
    profile = a_profile(*channels)
    values, qualities = Decoder(profile, plan(profile).blocks).decode(
        [struct.pack(f">{len(raws)}h", *raws)]
    )
    for raw, value, code in zip(raws, values, qualities, strict=True):
        exact = raw * Fraction(str(scale))
        if low <= exact <= high:
            assert (value, code) == (float(exact), Quality.GOOD)
        else:
            assert (value, code) == (None, Quality.OUT_OF_RANGE)


@given(st.binary(min_size=4, max_size=4))
def test_any_four_bytes_are_a_near_value_or_none(data: bytes) -> None:
    channel = a_channel(at(0, "f32"), range=(-200, 200), resolution=0.1)
    profile = a_profile(channel)
    (value,), (code,) = Decoder(profile, plan(profile).blocks).decode([data])
    (raw,) = struct.unpack(">f", data)
    if math.isnan(raw):
        assert (value, code) == (None, Quality.SENSOR_FAULT)
    elif -200 <= raw <= 200:
        assert code == Quality.GOOD
        assert value is not None
        assert abs(value - raw) <= 0.5e-4 * 1.001
    else:
        assert (value, code) == (None, Quality.OUT_OF_RANGE)

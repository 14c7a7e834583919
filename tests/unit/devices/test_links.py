"""A number is believed only beside its status and its settings: from manuals, worked by hand."""

import pytest

from devices.codec import Decoder
from devices.duration import Duration
from devices.plan import called, plan
from devices.profile import Channel, Profile, SelfTest, Status, Variant
from devices.quality import Quality
from devices.source import JsonPath, Query, Register
from devices.transport import Line, Modbus, Mqtt, Serial

ERROR_BYTE = Register(table="input", address=10, type="u16", mask=0x40)
UNIT = Register(table="holding", address=2490, type="u16")


def a_channel(**changes: object) -> Channel:
    given: dict[str, object] = {
        "key": "temperature",
        "quantity": "temperature",
        "unit": "degC",
        "range": (-200.0, 850.0),
        "resolution": 0.1,
        "source": Register(table="input", address=0, type="i16", scale=0.1),
    }
    return Channel(**(given | changes))  # type: ignore[arg-type] # the fields of a channel


def a_profile(*channels: Channel, **changes: object) -> Profile:
    given: dict[str, object] = {
        "model": "M",
        "maker": "m",
        "manual": "by hand",
        "period": Duration(1000),
        "modbus": Modbus(gap=0),
        "channels": channels,
    }
    return Profile(**(given | changes))  # type: ignore[arg-type] # the fields of a profile


def decoded(profile: Profile, *payloads: str | None) -> list[tuple[float | None, str]]:
    values, qualities = Decoder(profile, plan(profile).blocks).decode(
        [None if payload is None else bytes.fromhex(payload) for payload in payloads]
    )
    return [(value, Quality(code).word) for value, code in zip(values, qualities, strict=True)]


@pytest.mark.parametrize(
    ("payloads", "expected"),
    [
        pytest.param(("F858", "0000"), (-196.0, "good"), id="in liquid nitrogen"),
        # WAGO 750-461: a shorted Pt100 reads -200.0 degC; its status byte then is 0x51.
        pytest.param(("F830", "0051"), (None, "sensor_fault"), id="short circuit"),
        pytest.param(("F858", None), (-196.0, "suspect"), id="the status was not answered"),
        pytest.param((None, "0000"), (None, "no_answer"), id="the value was not answered"),
    ],
)
def test_a_value_is_believed_beside_its_status(
    payloads: tuple[str | None, ...], expected: tuple[float | None, str]
) -> None:
    channel = a_channel(status=(Status(register=ERROR_BYTE),))
    assert decoded(a_profile(channel), *payloads) == [expected]


def test_a_status_may_only_cast_doubt() -> None:
    channel = a_channel(status=(Status(register=ERROR_BYTE, quality="suspect"),))
    assert decoded(a_profile(channel), "0172", "0040") == [(37.0, "suspect")]


def test_the_gravest_status_counts_in_whatever_order() -> None:
    grave = Register(table="input", address=10, type="u16", mask=0x20)
    for statuses in (
        (Status(register=ERROR_BYTE, quality="suspect"), Status(register=grave)),
        (Status(register=grave), Status(register=ERROR_BYTE, quality="suspect")),
    ):
        profile = a_profile(a_channel(status=statuses))
        assert decoded(profile, "0172", "0060") == [(None, "sensor_fault")]


def test_a_status_that_two_channels_share_is_read_once() -> None:
    other = Register(table="input", address=1, type="i16", scale=0.1)
    status = (Status(register=ERROR_BYTE),)
    profile = a_profile(a_channel(status=status), a_channel(key="b", source=other, status=status))
    blocks = plan(profile).blocks
    assert [(block.address, block.count) for block in blocks] == [(0, 2), (10, 1)]
    assert [called(profile, field.channel) for block in blocks for field in block.fields] == [
        "temperature",
        "b",
        "the status of temperature",
    ]
    assert decoded(profile, "0172 0173", "0000") == [(37.0, "good"), (37.1, "good")]


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        # Watlow EZ-ZONE PM: 15 is degC, 30 is degF, and degF is how it leaves its maker.
        pytest.param("001E", (37.0, "good"), id="98.6 degF"),
        pytest.param("000F", (98.6, "good"), id="98.6 degC"),
        pytest.param("0000", (None, "sensor_fault"), id="a setting that nobody knows"),
        pytest.param(None, (None, "sensor_fault"), id="the setting was not answered"),
    ],
)
def test_a_setting_says_what_the_number_means(
    unit: str | None, expected: tuple[float | None, str]
) -> None:
    channel = a_channel(
        source=Register(table="holding", address=360, type="f32"),
        selector=UNIT,
        variants=(
            Variant(when=15, unit="degC", range=(-200, 800)),
            Variant(when=30, unit="degF", range=(-328, 1472)),
        ),
    )
    profile = a_profile(channel, modbus=Modbus(word_order="low-first", gap=0))
    # 98.6 as a float is 0x42C53333.
    assert decoded(profile, "3333 42C5", unit) == [expected]


def test_a_setting_decides_scale_and_origin() -> None:
    # ADAM-6015: 0 to 65535 spans the range of the channel's code; half of -50..150 is 50.
    channel = a_channel(
        source=Register(table="holding", address=0, type="u16"),
        selector=Register(table="holding", address=200, type="u16"),
        variants=(
            Variant(when=0x03A4, unit="degC", full=65535, range=(-50.0, 150.0)),
            Variant(when=0x03A6, unit="degC", full=65535, range=(0.0, 200.0)),
        ),
    )
    profile = a_profile(channel)
    # 32768 / 65535 * 200 - 50 is 50.00153.
    assert decoded(profile, "8000", "03A4") == [(50.0015, "good")]
    assert decoded(profile, "0000", "03A4") == [(-50.0, "good")]
    assert decoded(profile, "FFFF", "03A6") == [(200.0, "good")]
    assert decoded(profile, "8000", "03A2") == [(None, "sensor_fault")]


def test_an_origin_shifts_the_value_and_its_range() -> None:
    register = Register(table="input", address=0, type="u16", scale=0.1, offset=-100.0)
    profile = a_profile(a_channel(source=register, range=(-20.0, 50.0)))
    assert decoded(profile, "055A") == [(37.0, "good")]
    assert decoded(profile, "0000") == [(None, "out_of_range")]


@pytest.mark.parametrize(("word", "state"), [("000C", 0.0), ("003D", 0.0), ("001C", 1.0)])
def test_codes_that_say_all_is_well_are_zero(word: str, state: float) -> None:
    register = Register(table="holding", address=1896, type="u16", idle=(12, 61, 88))
    channel = a_channel(quantity="state", unit="1", range=(0, 1), resolution=1, source=register)
    assert decoded(a_profile(channel), word) == [(state, "good")]


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"selector": UNIT}, "go together"),
        ({"variants": (Variant(when=1, unit="degC", range=(0, 1)),)}, "go together"),
        (
            {"selector": UNIT, "variants": (Variant(when=1, unit="degC", range=(0, 1)),) * 2},
            "same selector",
        ),
        (
            {"selector": UNIT, "variants": (Variant(when=1, unit="psi", range=(0, 1)),)},
            "not measured in 'psi'",
        ),
        (
            {"selector": UNIT, "variants": (Variant(when=1, unit="degC", range=(1, 1)),)},
            "is empty",
        ),
        ({"source": JsonPath(path="a")}, "not of the profile's transport"),
        (
            {"source": Register(table="input", address=0, type="f32", idle=(1,))},
            "codes of whole numbers",
        ),
        (
            {"source": Register(table="input", address=0, type="u16", offset=float("nan"))},
            "is no number",
        ),
        (
            {"status": (Status(register=Register(table="input", address=70000, type="u16")),)},
            "outside the map",
        ),
    ],
)
def test_what_contradicts_itself_is_refused(wrong: dict[str, object], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        a_profile(a_channel(**wrong))


def test_registers_are_for_modbus_only() -> None:
    serial = Serial(baud=9600)
    query = a_channel(source=Query(ask="TEMPA?"))
    a_profile(query, modbus=None, line=Line(serial=serial))
    with pytest.raises(ValueError, match=r"only a \[modbus\] profile"):
        a_profile(
            a_channel(source=JsonPath(path="t"), status=(Status(register=ERROR_BYTE),)),
            modbus=None,
            mqtt=Mqtt(),
        )
    with pytest.raises(ValueError, match="outside the map"):
        a_profile(
            a_channel(),
            self_test=(SelfTest(register=Register(table="input", address=-1, type="u16"), raw=1),),
        )


@pytest.mark.parametrize(
    ("serial", "bits"),
    [
        (Serial(baud=9600), 10),
        (Serial(baud=9600, parity="even"), 11),
        (Serial(baud=19200, stop_bits=2), 11),
        (Serial(baud=9600, data_bits=7, parity="even"), 10),
    ],
)
def test_a_character_has_its_bits(serial: Serial, bits: int) -> None:
    assert serial.character_bits == bits


def test_frames_without_a_number_are_read_one_at_a_time() -> None:
    with pytest.raises(ValueError, match="window must be 1"):
        Modbus(framing="rtu", window=2)

"""Register maps and numbers on the wire, against the makers' own examples."""

import math
import struct
from collections.abc import Mapping

import pytest

from simulators.vaisala import NAN, Air, dew_point_c, gmp251, hmp
from simulators.words import float_low_first, long_low_first, signed, text

WARM = Air(temperature_c=37.2, co2_pct=5.0, humidity_pct=94.0)
BROKEN = Air(temperature_c=NAN)


def as_float(registers: Mapping[int, int], address: int) -> float:
    """An f32 with its low word first, as the manuals say."""
    low, high = registers[address], registers[address + 1]
    value: float = struct.unpack(">f", high.to_bytes(2, "big") + low.to_bytes(2, "big"))[0]
    return value


@pytest.mark.parametrize(
    ("value", "words"),
    [
        pytest.param(465.65997314453125, (0xD47A, 0x43E8), id="GMP252 manual: 465.66 ppm"),
        pytest.param(30.56, (0x7AE1, 0x41F4), id="Indigo520 manual: 30.56 %RH"),
        pytest.param(-123.45, (0xE666, 0xC2F6), id="HMP self test"),
    ],
)
def test_floats_are_the_words_of_the_manuals_low_word_first(
    value: float, words: tuple[int, int]
) -> None:
    assert float_low_first(value) == words


def test_signed_words_are_twos_complement() -> None:
    assert signed(-1) == 0xFFFF
    assert signed(370) == 0x0172
    with pytest.raises(struct.error):
        signed(40_000)


def test_a_long_has_its_low_word_first() -> None:
    assert long_low_first(0x0001_0002) == (2, 1)


def test_text_is_two_letters_a_register() -> None:
    assert text("-123.45", 4) == (0x2D31, 0x3233, 0x2E34, 0x3500)


def test_the_gmp251_reports_ppm_although_it_is_a_percent_probe() -> None:
    assert as_float(gmp251(WARM), 0x0000) == pytest.approx(50_000)


def test_the_gmp251_integers_saturate_and_count_in_tens() -> None:
    assert gmp251(WARM)[0x0100] == 32_000
    assert gmp251(WARM)[0x0101] == 5_000


def test_the_gmp251_shows_its_temperature_twice_and_its_factory_settings() -> None:
    registers = gmp251(WARM)
    assert as_float(registers, 0x0002) == pytest.approx(37.2)
    assert as_float(registers, 0x0004) == pytest.approx(37.2)
    assert as_float(registers, 0x0200) == pytest.approx(1013.25)
    assert registers[0x0300] == 240
    assert registers[0x0308] == 100


def test_a_broken_gmp251_says_nan_zero_and_error() -> None:
    registers = gmp251(BROKEN)
    assert math.isnan(as_float(registers, 0x0000))
    assert registers[0x0100] == 0
    assert registers[0x0800] == 2
    assert registers[0x0801] == 2
    assert (registers[0x0803], registers[0x0804]) == (0x40, 0)


def test_a_healthy_gmp251_has_status_zero_and_a_healthy_hmp_status_one() -> None:
    assert gmp251(WARM)[0x0800] == 0
    assert hmp(WARM)[0x0200] == 1


def test_the_hmp_shows_humidity_temperature_and_dew_point() -> None:
    registers = hmp(WARM)
    assert as_float(registers, 0x0000) == pytest.approx(94.0)
    assert as_float(registers, 0x0002) == pytest.approx(37.2)
    assert as_float(registers, 0x0006) == pytest.approx(36.1, abs=0.1)


def test_the_hmp_passes_its_self_test() -> None:
    registers = hmp(WARM)
    assert registers[0x1F00] == 0xCFC7
    assert (registers[0x1F02], registers[0x1F01]) == (0xC2F6, 0xE666)
    letters = b"".join(registers[at].to_bytes(2, "big") for at in range(0x1F03, 0x1F07))
    assert letters.rstrip(b"\0") == b"-123.45"


def test_a_broken_hmp_says_nan_and_sensor_failure() -> None:
    registers = hmp(BROKEN)
    assert math.isnan(as_float(registers, 0x0000))
    assert registers[0x0200] == 0
    assert registers[0x0203] == 4


def test_what_the_hmp_does_not_compute_is_nan_and_not_zero() -> None:
    assert math.isnan(as_float(hmp(WARM), 0x0010))


def test_saturated_air_has_its_temperature_as_dew_point() -> None:
    assert dew_point_c(Air(temperature_c=20, humidity_pct=100)) == pytest.approx(20)
    assert math.isnan(dew_point_c(Air(temperature_c=20, humidity_pct=0)))


def test_both_maps_have_the_same_addresses_whatever_the_air() -> None:
    assert gmp251(WARM).keys() == gmp251(BROKEN).keys()
    assert hmp(WARM).keys() == hmp(BROKEN).keys()

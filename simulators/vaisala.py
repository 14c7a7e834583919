"""The register maps of a Vaisala GMP251 and HMP pair, as registers by wire address.

Sources: device facts 1.1 (GMP252 manual pages 116 to 120, GMP251 manual M211799EN-K) and 1.2
(HMP4, HMP7 and HMP110 manuals). Floats have their low word first. Writing is not simulated.
"""

import math

import msgspec

from simulators.words import block, float_low_first, long_low_first, signed, text

NAN = math.nan
GMP_UNAVAILABLE = 0
"""What the GMP25x integer registers show on a fault: a plausible 0 ppm."""
_GMP_ERROR, _GMP_UNRELIABLE, _GMP_LOW_SIGNAL = 2, 2, 0x40
_HMP_SENSOR_FAILURE = 4


class Air(msgspec.Struct, frozen=True, kw_only=True):
    """What a probe senses: °C, vol-% CO2, % relative humidity; NaN when it cannot."""

    temperature_c: float
    co2_pct: float = NAN
    humidity_pct: float = NAN


def gmp251(air: Air) -> dict[int, int]:
    """Holding registers of a GMP251, which reports ppm although its range is 0 to 20 %."""
    ppm = air.co2_pct * 10_000
    failed = math.isnan(ppm)
    return {
        **block(0x0000, float_low_first(ppm)),
        **block(0x0002, float_low_first(air.temperature_c)),
        **block(0x0004, float_low_first(air.temperature_c)),
        0x0100: GMP_UNAVAILABLE if failed else signed(min(32_000, round(ppm))),
        0x0101: GMP_UNAVAILABLE if failed else signed(min(32_000, round(ppm / 10))),
        **_gmp_compensation(0x0200),
        **_gmp_compensation(0x0208),
        # Address 240, 19200 Bd, no parity, 2 stop bits, compensation modes, no filter.
        **block(0x0300, (240, 2, 0, 2, 1, 2, 0, 0, 100)),
        0x0800: _GMP_ERROR if failed else 0,
        0x0801: _GMP_UNRELIABLE if failed else 0,
        0x0802: 0,
        **block(0x0803, long_low_first(_GMP_LOW_SIGNAL if failed else 0)),
    }


def hmp(air: Air) -> dict[int, int]:
    """Holding registers of an HMP, with the self test at 0x1F00.

    Derived quantities beyond the dew point are not computed and read as NaN.
    """
    failed = math.isnan(air.humidity_pct)
    derived = (0x0004, 0x0008, 0x000A, 0x000C, 0x000E, 0x0010, 0x0012, 0x0014)
    unavailable: dict[int, int] = {}
    for address in derived:
        unavailable |= block(address, float_low_first(NAN))
    return {
        **unavailable,
        **block(0x0000, float_low_first(air.humidity_pct)),
        **block(0x0002, float_low_first(air.temperature_c)),
        **block(0x0006, float_low_first(dew_point_c(air))),
        0x0200: 0 if failed else 1,
        **block(0x0203, long_low_first(_HMP_SENSOR_FAILURE if failed else 0)),
        0x0205: 0,
        0x1F00: signed(-12_345),
        **block(0x1F01, float_low_first(-123.45)),
        **block(0x1F03, text("-123.45", 4)),
    }


def dew_point_c(air: Air) -> float:
    """The dew point over water, Magnus form with the WMO guide's 17.62 and 243.12 °C."""
    if not air.humidity_pct > 0:
        return NAN
    gamma = math.log(air.humidity_pct / 100) + 17.62 * air.temperature_c / (
        243.12 + air.temperature_c
    )
    return 243.12 * gamma / (17.62 - gamma)


def _gmp_compensation(address: int) -> dict[int, int]:
    # Pressure in hPa, temperature in °C, relative humidity and oxygen in %: the factory values.
    registers: dict[int, int] = {}
    for offset, value in enumerate((1013.25, 25.0, 0.0, 0.0)):
        registers |= block(address + 2 * offset, float_low_first(value))
    return registers

"""Units as written in profiles, and the one unit per quantity that is stored."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Stored(NamedTuple):
    """How a unit as written becomes the stored one."""

    unit: str
    factor: float
    offset: float = 0.0

    def convert(self, value: float) -> float:
        """``value``, in the unit as written, in the stored unit."""
        return value * self.factor + self.offset


STORED_UNIT: Mapping[str, str] = MappingProxyType(
    {
        "temperature": "degC",
        "carbon_dioxide": "%",
        "oxygen": "%",
        "relative_humidity": "%",
        "level": "mm",
        "pressure": "hPa",
        "mass": "kg",
        "state": "1",
        "share": "%",
        "duration": "s",
        "count": "n",
        "current": "mA",
        "voltage": "V",
    }
)

_CONVERSIONS: Mapping[tuple[str, str], Stored] = MappingProxyType(
    {
        ("temperature", "degC"): Stored("degC", 1.0),
        ("temperature", "K"): Stored("degC", 1.0, -273.15),
        ("temperature", "degF"): Stored("degC", 5 / 9, -160 / 9),
        ("carbon_dioxide", "%"): Stored("%", 1.0),
        ("carbon_dioxide", "ppm"): Stored("%", 1e-4),
        ("oxygen", "%"): Stored("%", 1.0),
        ("oxygen", "ppm"): Stored("%", 1e-4),
        ("relative_humidity", "%"): Stored("%", 1.0),
        ("level", "mm"): Stored("mm", 1.0),
        ("level", "cm"): Stored("mm", 10.0),
        ("level", "in"): Stored("mm", 25.4),
        ("pressure", "hPa"): Stored("hPa", 1.0),
        ("pressure", "mbar"): Stored("hPa", 1.0),
        ("pressure", "kPa"): Stored("hPa", 10.0),
        ("pressure", "bar"): Stored("hPa", 1000.0),
        ("mass", "kg"): Stored("kg", 1.0),
        ("state", "1"): Stored("1", 1.0),
        ("share", "%"): Stored("%", 1.0),
        ("duration", "s"): Stored("s", 1.0),
        ("duration", "min"): Stored("s", 60.0),
        ("duration", "h"): Stored("s", 3600.0),
        ("count", "n"): Stored("n", 1.0),
        ("current", "mA"): Stored("mA", 1.0),
        ("voltage", "V"): Stored("V", 1.0),
    }
)


def stored(quantity: str, unit: str) -> Stored:
    """How ``unit`` of ``quantity`` is turned into the stored unit.

    Raises:
        ValueError: the quantity is unknown, or not measured in this unit.
    """
    if quantity not in STORED_UNIT:
        raise ValueError(f"unknown quantity {quantity!r}; known: {', '.join(STORED_UNIT)}")
    found = _CONVERSIONS.get((quantity, unit))
    if found is None:
        units = ", ".join(u for q, u in _CONVERSIONS if q == quantity)
        raise ValueError(f"{quantity} is not measured in {unit!r}; known: {units}")
    return found

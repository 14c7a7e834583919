"""What is stored under the hands of the kill test, and what it must read like afterwards."""

from devices.document import parse
from devices.profile import Profile, layout
from devices.scan import Layout, Scan

PROBE = Layout("probe", ("number",), ("state",))
UNITS = range(1, 6)
REGISTERS = 8
FIRST = 100


def numbered(number: int) -> Scan:
    """The scan that is message ``number``."""
    return Scan(PROBE, number, number, (float(number),), bytes(1))


def _channel(index: int) -> str:
    return f"""
[[channels]]
key = "r{index}"
quantity = "state"
unit = "1"
resolution = 1
range = [0, 65535]
source = {{ via = "modbus", table = "holding", address = {FIRST + index}, type = "u16" }}
"""


BLOCKS: Profile = parse(
    'model = "Eight registers"\nmaker = "nobody"\nmanual = "these tests"\nperiod = "1s"\n'
    "[modbus]\n" + "".join(map(_channel, range(REGISTERS))),
    Profile,
    name="eight registers",
)


def unit_layout(unit: int) -> Layout:
    """The layout of a Modbus unit."""
    return layout(f"unit{unit}", BLOCKS)

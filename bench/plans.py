"""``python -m bench.plans``: requests a cycle of every shipped Modbus map, against the fewest (G7).

The fewest are found by trying every way to cut the registers into reads that the device allows,
apart from the planner. A refused block loses only its own fields; that is a test of the poller.
"""

import json
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from devices import catalog
from devices.plan import plan, registers
from devices.profile import Profile
from devices.source import Register
from devices.transport import Modbus

GOAL = 1.05


class Row(NamedTuple):
    """One map: registers that are wanted, requests planned, and the fewest."""

    name: str
    wanted: int
    planned: int
    fewest: int


def fewest(profile: Profile) -> int:
    """The least number of reads, by trying all of them, table by table."""
    modbus = profile.modbus
    assert modbus is not None  # noqa: S101 # asked for Modbus maps only
    tables: dict[str, list[Register]] = {}
    for register in registers(profile):
        tables.setdefault(register.table, []).append(register)
    return sum(_fewest(sorted(set(found), key=_place), modbus) for found in tables.values())


def _fewest(wanted: Sequence[Register], modbus: Modbus) -> int:
    @cache
    def best(start: int) -> int:
        if start == len(wanted):
            return 0
        ends = range(start + 1, len(wanted) + 1)
        return 1 + min(best(end) for end in ends if _may(wanted[start:end], modbus))

    return best(0)


def _may(group: Sequence[Register], modbus: Modbus) -> bool:
    """Whether one read may take all of ``group``, as the profile says."""
    low, high = group[0].address, max(one.address + one.count for one in group)
    cells = {cell for one in group for cell in range(one.address, one.address + one.count)}
    longest = run = 0
    for cell in range(low, high):
        run = 0 if cell in cells else run + 1
        longest = max(longest, run)
    most = modbus.bits if group[0].type == "bit" else modbus.span
    touched = any(first < high and last >= low for first, last in modbus.forbidden)
    return len(group) == 1 or (high - low <= most and longest <= modbus.gap and not touched)


def _place(register: Register) -> tuple[int, int]:
    return register.address, register.count


def rows() -> list[Row]:
    """Every shipped Modbus map."""
    found = []
    for name in catalog.names():
        profile = catalog.find(name)
        if profile.modbus is not None:
            wanted = len(registers(profile))
            found.append(Row(name, wanted, plan(profile).requests, fewest(profile)))
    return found


def main() -> None:
    """Prints a table and, as the last line, JSON."""
    found = rows()
    table = Table("map", "registers", "requests", "fewest")
    for row in found:
        table.add_row(row.name, str(row.wanted), str(row.planned), str(row.fewest))
    Console().print(table)
    ratio = sum(row.planned for row in found) / sum(row.fewest for row in found)
    print(f"G7: {len(found)} maps, {ratio:.3f} of the fewest requests (goal {GOAL})")
    print(json.dumps({"maps": len(found), "ratio": ratio, "goal": GOAL}))


if __name__ == "__main__":
    main()

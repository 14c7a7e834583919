"""``python -m tools.device_list``: docs/devices.md, from the profiles and their cases."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from devices import catalog
from devices.profile import Profile
from devices.transport import Dialect, Framing, Modbus

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "devices.md"
CASES = ROOT / "tests" / "cases"
HEAD = """# Devices

Made by `python -m tools.device_list` from `devices/profiles` and `tests/cases`; a test holds it
current.

A model stands in the first table when words or a message of it, from a manual, a recording or
worked out by hand after the manual, are kept under `tests/cases` and read as they mean.
**unproven** says that some of its addresses are not confirmed by a document of the maker: compare
the values with the display, and `culturewatch doctor` reminds you. A device that is not here:
`culturewatch probe tcp://HOST:502`, then [writing a profile](writing-a-profile.md).
"""
NOT_LISTED = (
    (
        "BINDER C, CB, CBF (CO2 incubators)",
        "interface specification 7001-0242 names their tables of addresses",
        "the addresses: the specification is not public. `binder-mk53` is another controller",
    ),
    (
        "BINDER MK56, VD23",
        "single addresses in published drivers",
        "a value of the device to prove them by",
    ),
    (
        "Thermo Scientific TDE, TSX, Isotemp -86 C: temperature of the cabinet",
        "set points and alarm limits (`thermo-isotemp-ult`), ten thermocouples TC1 to TC10",
        "the row of the cabinet's own sensor; of the status bits, one address of the two printed",
    ),
    (
        "Thermo Scientific Heracell VIOS, Steri-Cycle i160 and i250",
        "telegrams of text, their check, door and gas events",
        "the numbers of the parameters with temperature, CO2, O2 and humidity",
    ),
    ("Rotronic HF5A, RMS-HCD", "addresses from 31000", "the order of the words of a float"),
    ("Servomex OxyDetect", "settings and identity", "the address of the reading"),
    (
        "Esco CelCulture, Caron, NuAire, PHCbi, Eppendorf CellXpert",
        "perhaps a Watlow controller inside: `culturewatch probe` tells",
        "any table of addresses of their own",
    ),
    (
        "Taylor-Wharton, CBS, Cryotherm, Cryopal, Worthington, Brymill",
        "lines of events on a serial port (Taylor-Wharton)",
        "any grammar of the lines, or table of addresses",
    ),
)
"""Devices of such laboratories without a profile: which, what is known, what is missing."""
SUPPORTED = ("model", "profile", "how", "gives", "limits", "cases", "after")
SIMULATED = "sim-"
MQTT: Mapping[Dialect, str] = {
    "plain": "MQTT, JSON",
    "lorawan": "LoRaWAN, through ChirpStack v4 or The Things Stack v3",
    "zigbee2mqtt": "MQTT, Zigbee2MQTT",
    "shelly": "MQTT, Shelly generation 2",
    "tasmota": "MQTT, Tasmota",
    "sparkplug": "MQTT, Sparkplug B 3.0",
}
FRAMES: Mapping[Framing, str] = {"tcp": "RTU", "rtu": "RTU", "ascii": "ASCII"}
"""What is spoken on a serial line; what says nothing of frames may stand behind a gateway."""


def main() -> int:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE.relative_to(ROOT)}: written\n")
    return 0


def page() -> str:
    """The page as it should be."""
    profiles = {name: catalog.find(name) for name in catalog.names()}
    real = {name: one for name, one in profiles.items() if not name.startswith(SIMULATED)}
    proven = {name: one for name, one in real.items() if _cases(name)}
    rows = [_row(name, one) for name, one in sorted(proven.items(), key=_by_maker)]
    text = f"{HEAD}\n{_table(SUPPORTED, rows)}"
    if others := sorted(real.keys() - proven.keys()):
        text += "\nWithout a case, and so not supported yet: "
        text += ", ".join(f"`{name}`" for name in others) + ".\n"
    text += "\n## Not here, and why\n\n"
    text += (
        "What would have to be guessed is not shipped. With the missing document a profile is a\n"
    )
    text += "matter of minutes; a value guessed wrongly would look like a right one.\n\n"
    text += _table(("device", "what is known", "what is missing"), NOT_LISTED)
    simulated = sorted(profiles.keys() - real.keys())
    return text + (
        "\nFor the demonstration there are " + ", ".join(f"`{name}`" for name in simulated) + ".\n"
    )


def _by_maker(item: tuple[str, Profile]) -> tuple[str, str]:
    return item[1].maker.casefold(), item[0]


def _row(name: str, profile: Profile) -> tuple[str, ...]:
    unproven = [channel.key for channel in profile.channels if channel.verify]
    mark = ""
    if profile.verify:
        mark = " **unproven**"
    elif unproven:
        mark = f" **unproven: {', '.join(unproven)}**"
    return (
        f"{profile.model}{mark}",
        f"`{name}`",
        _how(profile),
        _gives(profile),
        _limits(profile),
        str(_cases(name)),
        profile.manual,
    )


def _cases(name: str) -> int:
    """Of each case there is one file, or a message and what it means."""
    return len({path.stem for path in (CASES / name).glob("*")})


def _how(profile: Profile) -> str:
    if profile.modbus is not None:
        return _modbus(profile.modbus)
    if profile.line is not None:
        serial = profile.line.serial
        return f"lines of text, {serial.baud} baud, {serial.data_bits} data bits"
    if profile.http is not None:
        return f"HTTP, port {profile.http.port}"
    return MQTT[profile.mqtt.dialect] if profile.mqtt else ""


def _modbus(modbus: Modbus) -> str:
    unit = f"unit {modbus.unit}"
    if modbus.serial is None and not modbus.rs485:
        return f"Modbus TCP, port {modbus.port}, {unit}"
    said = f"Modbus {FRAMES[modbus.framing]}, {unit}, serial {_speed(modbus)}"
    if modbus.framing == "tcp":
        return f"{said}; or Modbus TCP, its own or a gateway's"
    return f"{said}; or the same frames over TCP, port {modbus.port}"


def _speed(modbus: Modbus) -> str:
    serial = modbus.serial
    if serial is None:
        return "at the speed that it is set to"
    return f"{serial.baud} {serial.data_bits}{serial.parity[0].upper()}{serial.stop_bits}"


def _gives(profile: Profile) -> str:
    return ", ".join(
        f"{channel.key} ({channel.unit})" if channel.quantity != "state" else channel.key
        for channel in profile.channels
    )


def _limits(profile: Profile) -> str:
    modbus = profile.modbus
    if modbus is None:
        return ""
    most = Modbus()
    said = []
    if modbus.clients:
        said.append(f"{modbus.clients} client{'s' if modbus.clients > 1 else ''} at once")
    if modbus.span < most.span:
        said.append(f"{modbus.span} registers a read")
    if modbus.pause:
        said.append(f"{modbus.pause} between reads")
    if profile.updates is not None:
        said.append(f"a new value each {profile.updates}")
    return ", ".join(said)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(_lines(heads, rows)) + "\n"


def _lines(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"|{'|'.join(' --- ' for _ in heads)}|"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', '/') for cell in row)} |"


if __name__ == "__main__":
    raise SystemExit(main())

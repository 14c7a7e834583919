"""Where ``culturewatch probe`` is to look, as it is typed: ``tcp://host:502``, ``serial:///dev/…``."""

from urllib.parse import SplitResult, parse_qsl, urlsplit

import msgspec

from collector.address import Address, TcpAddress, TtyAddress
from devices.transport import Framing, Serial

PORT = 502
LAST_UNIT = 255
FRAMINGS: dict[str, Framing] = {"tcp": "tcp", "rtu+tcp": "rtu", "ascii+tcp": "ascii"}
SETTINGS = frozenset({"baud", "data_bits", "parity", "stop_bits", "framing"})


class TargetError(Exception):
    """What was typed is no place to look at; the text says what is."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """A Modbus endpoint: ``name`` as it was typed, whole."""

    name: str
    address: Address


def target(text: str) -> Target:
    """The endpoint of a URL.

    ``tcp://HOST:PORT`` speaks Modbus TCP, ``rtu+tcp`` and ``ascii+tcp`` are serial servers, and
    ``serial:///dev/ttyUSB0?baud=9600&parity=even&stop_bits=1`` is a port of this machine.

    Raises:
        TargetError: it is written in another way.
    """
    how = (
        f"{text!r} is no endpoint; write tcp://HOST:PORT, rtu+tcp://HOST:PORT, or "
        "serial:///dev/ttyUSB0?baud=9600&parity=even"
    )
    try:
        parts = urlsplit(text)
        if parts.scheme == "serial":
            return _serial(parts)
        port = parts.port or PORT
    except (ValueError, msgspec.ValidationError) as error:
        raise TargetError(f"{how} ({error})") from error
    rest = parts.path.strip("/") or parts.query or parts.fragment or parts.username
    if parts.scheme not in FRAMINGS or not parts.hostname or rest:
        raise TargetError(how)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return Target(
        name=f"{parts.scheme}://{host}:{port}",
        address=TcpAddress(host=parts.hostname, port=port, framing=FRAMINGS[parts.scheme]),
    )


def _serial(parts: SplitResult) -> Target:
    said: dict[str, object] = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
    if unknown := said.keys() - SETTINGS:
        raise ValueError(f"{', '.join(sorted(unknown))} is no setting of a serial line")
    framing = said.pop("framing", "rtu")
    if parts.netloc or not parts.path.strip("/") or framing not in {"rtu", "ascii"}:
        raise ValueError("three slashes, the path of the port, framing rtu or ascii")
    line = msgspec.convert({"baud": "9600"} | said, Serial, strict=False)
    address = TtyAddress(
        path=parts.path, serial=line, framing="ascii" if framing == "ascii" else "rtu"
    )
    return Target(name=parts.geturl(), address=address)


def unit_ids(text: str) -> tuple[int, ...]:
    """Unit ids written as ``1-16,240``, each once, in their order.

    Raises:
        TargetError: it is written in another way, or an id is outside 0 to 255.
    """
    found: dict[int, None] = {}
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        try:
            low, high = int(first), int(last if dash else first)
        except ValueError:
            raise TargetError(f"{text!r} is no list of unit ids; write 1-16,240") from None
        if not 0 <= low <= high <= LAST_UNIT:
            raise TargetError(f"unit ids {part.strip()} are not from 0 to 255")
        found |= dict.fromkeys(range(low, high + 1))
    return tuple(found)

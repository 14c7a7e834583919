"""Where an endpoint's devices answer: what the site file says, else what their profiles say."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, TypeVar

from collector.address import Address, TcpAddress, TtyAddress
from collector.tty import SPEEDS
from culturewatch.site_file import Endpoint
from devices.profile import Profile
from devices.transport import Framing, Serial

MODBUS_PORT = 502
T = TypeVar("T")


class EndpointError(ValueError):
    """An endpoint does not say enough, or its devices want different things; the text says what."""


def address(endpoint: Endpoint, profiles: Sequence[Profile]) -> Address:
    """Where the devices of ``profiles`` behind ``endpoint`` answer, and how they speak there.

    Raises:
        EndpointError: it is not said, or not with one voice.
    """
    pause_s = max((_pause_s(profile) for profile in profiles), default=0.0)
    framing = _framing(endpoint, profiles)
    if endpoint.serial is None:
        if not endpoint.host:
            raise EndpointError("give host, or serial with the port of this machine")
        return TcpAddress(
            host=endpoint.host, port=port(endpoint, profiles), framing=framing, pause_s=pause_s
        )
    if endpoint.host or endpoint.port is not None:
        raise EndpointError("it is a socket or a serial port; give host and port, or serial")
    if endpoint.framing == "tcp":
        raise EndpointError('a serial line carries framing "rtu" or "ascii", not "tcp"')
    return TtyAddress(
        path=endpoint.serial.port,
        serial=_serial(endpoint, profiles),
        # A model that is mostly behind a gateway speaks RTU on its own line.
        framing="rtu" if framing == "tcp" else framing,
        pause_s=pause_s,
    )


def port(endpoint: Endpoint, profiles: Iterable[Profile]) -> int:
    """The endpoint's TCP port: its own, else the one that its devices' makers set.

    Raises:
        EndpointError: neither says one, or the makers differ.
    """
    if endpoint.port is not None:
        return endpoint.port
    found = _agreed("port", [_port(profile) for profile in profiles], MODBUS_PORT)
    if not found:
        raise EndpointError("give port; the maker of its devices sets none")
    return found


def _framing(endpoint: Endpoint, profiles: Iterable[Profile]) -> Framing:
    if endpoint.framing is not None:
        return endpoint.framing
    wanted = [p.modbus.framing for p in profiles if p.modbus is not None]
    if endpoint.serial is not None:
        wanted = ["rtu" if framing == "tcp" else framing for framing in wanted]
    return _agreed("framing", wanted, "tcp")


def _serial(endpoint: Endpoint, profiles: Iterable[Profile]) -> Serial:
    declared = endpoint.serial
    assert declared is not None  # noqa: S101 # asked for serial endpoints only
    lines = [line for profile in profiles if (line := _line(profile)) is not None]
    baud = _said("baud", declared.baud, [line.baud for line in lines], 0)
    if baud not in SPEEDS:
        known = ", ".join(str(speed) for speed in SPEEDS)
        said = f"no port can be set to {baud} baud" if baud else "give baud; no profile says it"
        raise EndpointError(f"{said}; known: {known}")
    return Serial(
        baud=baud,
        data_bits=_said("data_bits", declared.data_bits, [one.data_bits for one in lines], 8),
        parity=_said("parity", declared.parity, [one.parity for one in lines], "none"),
        stop_bits=_said("stop_bits", declared.stop_bits, [one.stop_bits for one in lines], 1),
    )


def _said(name: str, declared: T | None, wanted: Sequence[T], default: T) -> T:
    return _agreed(name, wanted, default) if declared is None else declared


def _agreed(name: str, wanted: Sequence[T], default: T) -> T:
    if len(set(wanted)) > 1:
        shown = ", ".join(sorted({str(one) for one in wanted}))
        raise EndpointError(
            f"its devices leave their makers with different {name}: {shown}; "
            f"set them alike, and write {name} here"
        )
    return wanted[0] if wanted else default


def _line(profile: Profile) -> Serial | None:
    if profile.line is not None:
        return profile.line.serial
    return profile.modbus.serial if profile.modbus is not None else None


def _pause_s(profile: Profile) -> float:
    speaks = profile.modbus or profile.line
    return speaks.pause.seconds if speaks is not None else 0.0


def _port(profile: Profile) -> int:
    speaks = profile.modbus or profile.line or profile.http
    return speaks.port if speaks is not None else 0


def kind(profile: Profile) -> Literal["Modbus", "lines of text", "HTTP", "MQTT"]:
    """How a model speaks, in words."""
    if profile.modbus is not None:
        return "Modbus"
    if profile.line is not None:
        return "lines of text"
    return "HTTP" if profile.http is not None else "MQTT"


def endpoint_mistakes(
    endpoint: Endpoint, profiles: Mapping[str, Profile], units: Mapping[str, int]
) -> Iterator[str]:
    """What is wrong with an endpoint, behind which the devices of these ids are."""
    kinds = {kind(profile): name for name, profile in profiles.items()}
    if len(kinds) > 1:
        both = " and ".join(sorted(f"{name} ({words})" for words, name in kinds.items()))
        yield f"{both} cannot share one endpoint; give each its own"
        return
    if kinds.keys() & {"HTTP", "lines of text"} and endpoint.framing is not None:
        yield f"framing is of Modbus; its devices speak {next(iter(kinds))}"
    if "lines of text" in kinds:
        yield from _line_mistakes(profiles)
    if "HTTP" in kinds:
        yield from _http_mistakes(endpoint, profiles)
    try:
        found = address(endpoint, tuple(profiles.values()))
    except EndpointError as error:
        yield str(error)
        return
    if "Modbus" in kinds and found.framing != "tcp":
        for name in (name for name, unit in units.items() if unit == 0):
            # Modbus over serial line 1.02, 2.2.
            yield f"{name}: unit 0 is everybody on a serial line, and nobody answers; write its own"


def _line_mistakes(profiles: Mapping[str, Profile]) -> Iterator[str]:
    names = ", ".join(profiles)
    if len({profile.line for profile in profiles.values()}) > 1:
        yield f"{names}: do not speak alike; give each an endpoint of its own"
    elif len(profiles) > 1 and not all(p.line and p.line.address for p in profiles.values()):
        yield f"{names}: have no numbers by which to call one; give each an endpoint of its own"


def _http_mistakes(endpoint: Endpoint, profiles: Mapping[str, Profile]) -> Iterator[str]:
    if endpoint.serial is not None:
        yield "HTTP is not spoken on a serial port; give host"
    if len(profiles) > 1:
        yield f"{', '.join(profiles)}: over HTTP each device has an address of its own"

"""What a device does wrong on the wire, as data, and what that makes of a Modbus TCP frame."""

from collections.abc import Mapping

import msgspec

UNIT_AT = 6
"""Where the unit id stands in a Modbus TCP frame (messaging guide 1.0b: the MBAP header)."""


class Faults(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The faults of one device; ``Faults()`` is a healthy one.

    ``silent``: no answers and no messages; the connection stays up.
    ``exception``: every Modbus request is answered by this exception code.
    ``not_a_number``: measurements are what the device sends when it has none.
    ``stuck``: the numbers stay what they were; time stamps and sequence go on.
    ``wrong_unit``: Modbus answers carry the unit id of the neighbour.
    ``clock_off_s``: MQTT time stamps are wrong by this much.
    """

    silent: bool = False
    exception: int | None = None
    not_a_number: bool = False
    stuck: bool = False
    wrong_unit: bool = False
    clock_off_s: float = 0.0

    def __post_init__(self) -> None:
        if self.exception is not None and self.exception not in EXCEPTIONS:
            codes = ", ".join(str(code) for code in sorted(EXCEPTIONS))
            raise ValueError(f"{self.exception} is not a Modbus exception code; use one of {codes}")


EXCEPTIONS = frozenset({1, 2, 3, 4, 5, 6, 8, 10, 11})
"""Exception codes of the Modbus Application Protocol 1.1b3, section 7."""
HEALTHY = Faults()


def sent(frame: bytes, faults: Mapping[int, Faults]) -> bytes:
    """What really leaves the socket when a server answers with ``frame``; nothing if silent.

    ``faults`` are those of the units behind the socket, by unit id.
    """
    if len(frame) <= UNIT_AT:
        return frame
    unit = frame[UNIT_AT]
    fault = faults.get(unit, HEALTHY)
    if fault.silent:
        return b""
    if fault.wrong_unit:
        return frame[:UNIT_AT] + bytes([unit % 247 + 1]) + frame[UNIT_AT + 1 :]
    return frame

"""How a model wants to be spoken to: Modbus, lines of text, HTTP or MQTT."""

import re
from typing import Literal
from urllib.parse import parse_qsl, urlsplit

from msgspec import field

from devices.duration import Duration
from devices.part import Part
from devices.source import Bits, Packed, WordOrder

Framing = Literal["tcp", "rtu", "ascii"]
LineEnd = Literal["\r", "\n", "\r\n"]
_ADDRESS = re.compile(r"(\{unit(:0?\d?d)?\} *)?")
_PATH = re.compile(r"/(?!/)[A-Za-z0-9/_.-]*(\?[A-Za-z0-9_=&]*)?")


class Serial(Part, frozen=True, kw_only=True):
    """How the model's serial line is set when it leaves its maker."""

    baud: int
    data_bits: Literal[7, 8] = 8
    parity: Literal["none", "even", "odd"] = "none"
    stop_bits: Literal[1, 2] = 1

    @property
    def character_bits(self) -> int:
        """Bits of one character on the line: start, data, parity, stop."""
        return 1 + self.data_bits + (self.parity != "none") + self.stop_bits


class Modbus(Part, frozen=True, kw_only=True):
    """How the model wants to be read over Modbus.

    ``framing`` is what it speaks: ``tcp`` on a socket; ``rtu`` or ``ascii`` on a serial line, or
    inside a TCP stream. ``serial`` is how its line is set; ``rs485``: it has one, of which that
    is not known. ``clients`` is how many connections it takes at once (0: not known).
    ``pause`` is the least time between two requests. ``gap`` is how many unneeded registers a
    block may span, ``span`` the most registers and ``bits`` the most bits of one read,
    ``forbidden`` address ranges (first, last) a read must not touch, ``window`` the most requests
    in flight. ``identity``: the model says who it is (43/14), and is asked, so that another in its
    place is noticed. The upper bounds are those of the Modbus specification (application protocol
    1.1b3, messaging on TCP/IP 1.0b).

    Raises:
        ValueError: a number is outside what Modbus allows.
    """

    unit: int = 1
    port: int = 502
    framing: Framing = "tcp"
    serial: Serial | None = None
    rs485: bool = False
    clients: int = 0
    pause: Duration = Duration(0)
    word_order: WordOrder = "high-first"
    gap: int = 8
    span: int = 125
    bits: int = 2000
    forbidden: tuple[tuple[int, int], ...] = ()
    timeout: Duration = Duration(1000)
    window: int = 1
    identity: bool = False

    def __post_init__(self) -> None:
        bounds = {"unit": 255, "port": 65535, "gap": 2000, "span": 125, "bits": 2000, "window": 16}
        for name, most in bounds.items():
            least = 0 if name in {"unit", "gap"} else 1
            if not least <= getattr(self, name) <= most:
                raise ValueError(f"{name} is {getattr(self, name)}; allowed: {least} to {most}")
        if self.timeout <= 0:
            raise ValueError(f"timeout {self.timeout} leaves no time to answer")
        if self.framing != "tcp" and self.window > 1:
            raise ValueError(f"{self.framing} frames carry no number: window must be 1")
        for first, last in self.forbidden:
            if first > last:
                raise ValueError(f"forbidden range {first} to {last} is empty")


class Line(Part, frozen=True, kw_only=True):
    """How the model speaks in lines of text, on a serial line or inside a TCP stream.

    ``address`` is put before a question, with ``{unit}`` in it (``{unit:03d}``); ``end`` follows
    it, ``answer_end`` ends an answer. ``echo``: the device repeats the question first.

    Raises:
        ValueError: with a question something else could be sent.
    """

    serial: Serial
    unit: int = 1
    port: int = 0
    address: str = ""
    end: LineEnd = "\r\n"
    answer_end: LineEnd = "\n"
    echo: bool = False
    pause: Duration = Duration(50)
    timeout: Duration = Duration(1000)

    def __post_init__(self) -> None:
        if not _ADDRESS.fullmatch(self.address):
            raise ValueError(
                f"address {self.address!r} may hold one {{unit}} or {{unit:03d}}, and blanks"
            )
        if self.timeout <= 0:
            raise ValueError(f"timeout {self.timeout} leaves no time to answer")


class Http(Part, frozen=True, kw_only=True):
    """How the model answers over HTTP: GET of ``path`` with its query, JSON back.

    ``tolerant``: some firmware writes what is not quite JSON (trailing commas, curly quotes).
    No key of the query has a value: with one a GET may set something.

    Raises:
        ValueError: the path is none, or could set something.
    """

    path: str
    port: int = 80
    tolerant: bool = False
    timeout: Duration = Duration(3000)

    def __post_init__(self) -> None:
        if not _PATH.fullmatch(self.path):
            raise ValueError(f"path {self.path!r} is none; write one as /name?key=&other=")
        if any(value for _, value in parse_qsl(urlsplit(self.path).query, keep_blank_values=True)):
            raise ValueError(f"path {self.path!r} gives a key a value, and may so set something")
        if self.timeout <= 0:
            raise ValueError(f"timeout {self.timeout} leaves no time to answer")


class Stamp(Part, frozen=True, kw_only=True):
    """Where the payload carries the device's own time, and how it is written."""

    path: str
    format: Literal["ms", "s", "iso8601"]


Dialect = Literal["plain", "lorawan", "zigbee2mqtt", "shelly", "tasmota", "sparkplug"]


class History(Part, frozen=True, kw_only=True):
    """Old readings in the bytes of a radio message: records, each with its own time.

    They are the items tagged ``item``, or fill the message on ``port`` if all of ``when`` hold.
    ``length`` is that of a record in bytes; ``stamp`` is where its time stands, in seconds since
    1970 (4 bytes); ``values`` is where each channel (by its key) stands.
    """

    item: str = ""
    port: int = 0
    when: tuple[Bits, ...] = ()
    length: int
    stamp: int
    values: dict[str, Packed]


class Mqtt(Part, frozen=True, kw_only=True):
    """How the model speaks over MQTT: its dialect, and its stamps where it is plain JSON.

    ``sequence`` is the path of a number that tells two messages apart when no stamp does.
    For LoRaWAN: ``order`` is that of the bytes of a number; ``items`` is how many bytes follow
    each tag (two bytes, as hex), where the payload is made of tagged items. ``sleeps``: it is
    offline most of the time, and that is no fault.
    """

    dialect: Dialect = "plain"
    stamp: Stamp | None = None
    sequence: str | None = None
    order: Literal["big", "little"] = "big"
    items: dict[str, int] = field(default_factory=dict)
    history: tuple[History, ...] = ()
    sleeps: bool = False

"""Modbus TCP servers on loopback that answer with live values; the one door to pymodbus.

The simulated CO2 incubator has a map of its own, no real device has it: input registers 0x10
(i16, °C x 100), 0x12 (f32, vol-% CO2, low word first), 0x14 (u16, %RH x 10), 0x16 (bit 0:
sterilisation) and the discrete input 0 (door open). A missing value is 0x8000, NaN and 0xFFFF.
"""

import math
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Literal, Self

import msgspec
from pymodbus import ModbusDeviceIdentification
from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from simulators.faults import UNIT_AT, Faults, sent
from simulators.incubator import Readings
from simulators.loopback import ServeError, only_loopback
from simulators.words import block, float_low_first, signed

Table = Literal["holding", "input", "coil", "discrete"]
Registers = Mapping[int, int]
_TABLES: dict[int, Table] = {1: "coil", 2: "discrete", 3: "holding", 4: "input"}
_BITS_IN_WORD = 16
NO_TEMPERATURE, NO_HUMIDITY = 0x8000, 0xFFFF


class Unit(msgspec.Struct, frozen=True, kw_only=True):
    """One unit id behind a server.

    ``tables`` answers all registers (and bits, as 0 or 1) by table and wire address. It is asked
    at each read; its addresses must always be the same. ``faults`` is asked at each request.
    """

    id: int
    tables: Callable[[], Mapping[Table, Registers]]
    faults: Callable[[], Faults]


class Server:
    """One listening socket with the units behind it; serves while the context is open.

    It answers one request after another: pymodbus loses the second of two that come at once.

    Raises:
        ServeError: not a loopback address, the port is taken, or a unit id stands twice.
    """

    def __init__(self, host: str, port: int, units: tuple[Unit, ...]) -> None:
        only_loopback(host)
        if len({unit.id for unit in units}) < len(units):
            raise ServeError(f"{host}:{port}: two simulated devices have the same unit id")
        self._host = host
        self._port = port
        self._units = units
        self._server: ModbusTcpServer | None = None

    @property
    def port(self) -> int:
        """The port that is bound, also where 0 was asked for."""
        return self._port

    async def __aenter__(self) -> Self:
        devices = [_device(unit) for unit in self._units]
        server = ModbusTcpServer(
            [*devices, _nobody()],
            address=(self._host, self._port),
            trace_packet=self._trace,
            identity=_identity(),
        )
        try:
            await server.serve_forever(background=True)
        except RuntimeError as error:
            raise ServeError(
                f"{self._host}:{self._port}: no simulated device can listen here; "
                "is another simulator running? Stop it or choose another port"
            ) from error
        self._server = server
        # The listener is an asyncio.Server, which pymodbus declares as a transport.
        self._port = server.transport.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._server is not None:
            await self._server.shutdown()  # type: ignore[no-untyped-call] # pymodbus' own
            self._server = None

    def _trace(self, sending: bool, packet: bytes) -> bytes:  # noqa: FBT001 # pymodbus calls it so
        if not sending:
            return packet
        faults = {unit.id: unit.faults() for unit in self._units}
        if packet[UNIT_AT] not in faults:
            # A gateway's word for it: the target device did not respond.
            return packet[:-1] + bytes([ExcCodes.GATEWAY_NO_RESPONSE])
        return sent(packet, faults)


def incubator_tables(shown: Readings, faults: Faults) -> dict[Table, Registers]:
    """The simulated incubator's map; with ``not_a_number`` its measurements are missing."""
    co2 = shown.co2_pct
    temperature = signed(round(shown.temperature_c * 100))
    humidity = round(shown.humidity_pct * 10)
    if faults.not_a_number:
        co2, temperature, humidity = math.nan, NO_TEMPERATURE, NO_HUMIDITY
    return {
        "input": {
            0x10: temperature,
            0x11: 0,
            **block(0x12, float_low_first(co2)),
            0x14: humidity,
            0x15: 0,
            0x16: int(shown.sterilising),
        },
        "discrete": {0: int(shown.door_open)},
    }


def _device(unit: Unit) -> SimDevice:
    tables = unit.tables()

    async def answer(  # noqa: PLR0917 # pymodbus calls it so
        function: int,
        start: int,
        address: int,
        count: int,
        registers: list[int],
        values: list[int] | list[bool] | None,
    ) -> ExcCodes | None:
        """Fills pymodbus' memory with what the device shows now, just before it is read."""
        _ = (address, count)
        faults = unit.faults()
        if faults.exception is not None:
            return ExcCodes(faults.exception)
        table = _TABLES.get(function)
        if values is not None or table is None or table not in tables:
            return ExcCodes.ILLEGAL_FUNCTION
        now = unit.tables()[table]
        if table in ("coil", "discrete"):
            now = _packed(now)
        for at, word in now.items():
            registers[at - start] = word
        return None

    return SimDevice(
        id=unit.id,
        simdata=(
            _bits(tables.get("coil", {})),
            _bits(tables.get("discrete", {})),
            _words(tables.get("holding", {})),
            _words(tables.get("input", {})),
        ),
        action=answer,
    )


def _words(registers: Registers) -> list[SimData]:
    # pymodbus wants one entry in each table; an invalid one answers "illegal address".
    if not registers:
        return [SimData(0, datatype=DataType.INVALID)]
    return [
        SimData(address, values=word, datatype=DataType.REGISTERS)
        for address, word in sorted(registers.items())
    ]


def _bits(bits: Registers) -> list[SimData]:
    # Here pymodbus takes no invalid entry; a read of it is refused by the action.
    return [
        SimData(_BITS_IN_WORD * address, values=word, datatype=DataType.BITS)
        for address, word in (sorted(_packed(bits).items()) or [(0, 0)])
    ]


def _packed(bits: Registers) -> dict[int, int]:
    """Bits as pymodbus keeps them: 16 in a word, the lowest address in the lowest bit."""
    words: dict[int, int] = {}
    for address, bit in bits.items():
        word, place = divmod(address, _BITS_IN_WORD)
        words[word] = words.get(word, 0) | bit << place
    return words


def _nobody() -> SimDevice:
    """Takes the requests for unit ids that do not exist; it has nothing and refuses them all."""
    return SimDevice(id=0, simdata=SimData(0, datatype=DataType.INVALID))


def _identity() -> ModbusDeviceIdentification:
    """What each simulated device says of itself (43/14); pymodbus has one word for all of them."""
    said = {"VendorName": "culturewatch", "ProductCode": "simulated", "MajorMinorRevision": "1"}
    return ModbusDeviceIdentification(info_name=said)  # type: ignore[no-untyped-call] # pymodbus' own

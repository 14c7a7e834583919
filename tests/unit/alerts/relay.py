"""A relay on loopback: a real Modbus TCP server of pymodbus, which keeps what was written."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from alerts.notify.siren import Coil
from tests.services import free_port

UNIT = 3
COIL = 17


class Relay:
    """``written`` are function, address and value of each write; ``refuses`` with an exception."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.written: list[tuple[int, int, bool]] = []
        self.refuses: ExcCodes | None = None

    @property
    def coil(self) -> Coil:
        return Coil(host="127.0.0.1", port=self.port, unit=UNIT, address=COIL)

    @property
    def values(self) -> list[bool]:
        return [value for _, _, value in self.written]

    async def act(  # noqa: PLR0917 # pymodbus calls it so
        self,
        function: int,
        start: int,
        address: int,
        count: int,
        registers: list[int],
        values: list[int] | list[bool] | None,
    ) -> ExcCodes | None:
        _ = (start, count, registers)
        if self.refuses is not None:
            return self.refuses
        if values is not None:
            self.written.append((function, address, bool(values[0])))
        return None


@asynccontextmanager
async def relay(port: int | None = None) -> AsyncIterator[Relay]:
    found = Relay(free_port() if port is None else port)
    bits = [SimData(0, count=2, values=0, datatype=DataType.BITS)]
    nothing = [SimData(0, datatype=DataType.INVALID)]
    device = SimDevice(id=UNIT, simdata=(bits, bits, nothing, nothing), action=found.act)
    server = ModbusTcpServer([device], address=("127.0.0.1", found.port))
    await server.serve_forever(background=True)
    try:
        yield found
    finally:
        await server.shutdown()  # type: ignore[no-untyped-call] # pymodbus' own

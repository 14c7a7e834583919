"""Finds out what an unknown Modbus endpoint holds: few questions a second, and reads only."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager

from collector.errors import UNREACHED, DeviceError, LinkError, NoAnswerError, RefusedError
from collector.identification import identified
from collector.modbus import ModbusClient
from devices.identity import Identity, IdentityError, Level
from devices.plan import Block, Field, split
from devices.source import Table

Dial = Callable[[Callable[[], None]], ModbusClient]
NOBODYS_UNIT = 173
"""A number that hardly any device is given: who answers to it answers to every number."""
MOST_SILENCES = 12
"""Unanswered questions in a row after which a unit is left alone."""
ADDRESSES = 0x10000
MOST_REDIALS = 200
FIRST_REDIALS = 5
"""So often a connection may be lost before anything was ever answered over it."""
CONNECT_WAIT_S = 6.0
SIZES = (2, 4, 8, 16, 32, 40, 64, 100, 125)
"""Block sizes tried, up to the most that Modbus allows."""


class SurveyError(Exception):
    """The endpoint cannot be asked; the text says why, and what to look at."""


class Found:
    """What a unit was found to hold. ``refused`` are reads it does not give."""

    def __init__(self) -> None:
        self.cells: dict[tuple[Table, int], int] = {}
        self.refused: set[tuple[Table, int, int]] = set()
        self.silences = 0

    @property
    def discerning(self) -> frozenset[Table]:
        """Tables of which something was refused, so that an answer is not given to all alike."""
        return frozenset(table for table, _, _ in self.refused)

    def has(self, block: Block) -> bool:
        """Whether all of ``block`` is known already."""
        return all((block.table, block.address + n) in self.cells for n in range(block.count))

    def keep(self, block: Block, payload: bytes) -> None:
        """Note what ``block`` gave."""
        for n in range(block.count):
            cell = (
                payload[n // 8] >> n % 8 & 1
                if block.is_bits
                else int.from_bytes(payload[2 * n : 2 * n + 2], "big")
            )
            self.cells[block.table, block.address + n] = cell


class Surveyor:
    """Asks over one connection, ``per_second`` questions at the most.

    ``dial`` makes a client that tells of its connection; a new one is made where the old one's
    was given up, because a client in service waits longer and longer, which a scan cannot.
    """

    def __init__(
        self, dial: Dial, *, per_second: float, timeout_s: float, connect_wait_s: float
    ) -> None:
        self._dial = dial
        self._gap_s = 1 / per_second
        self._timeout_s = timeout_s
        self._connect_wait_s = connect_wait_s
        self._next_s = 0.0
        self._client: ModbusClient | None = None
        self._running: asyncio.Task[None] | None = None
        self._redials = 0
        self._is_heard = False
        self.requests = 0

    async def find(self, units: Sequence[int]) -> tuple[tuple[int, ...], bool]:
        """Which of ``units`` answer, and whether the endpoint answers to any number alike.

        Where it does, only the first of ``units`` is given: they are all one device.

        Raises:
            SurveyError: the endpoint cannot be reached.
        """
        if len(units) > 1 and NOBODYS_UNIT not in units and await self._is_there(NOBODYS_UNIT):
            return (units[0],), True
        return tuple([unit for unit in units if await self._is_there(unit)]), False

    async def read(self, unit: int, blocks: Iterable[Block], found: Found) -> None:
        """Read what of ``blocks`` is not in ``found`` yet; what is refused is parted and retried.

        Raises:
            SurveyError: the endpoint cannot be reached any more, or the unit fell silent.
        """
        left = deque(blocks)
        while left:
            block = left.popleft()
            if found.has(block):
                continue
            known = (block.table, block.address, block.count) in found.refused
            if known or not await self._take(unit, block, found):
                left.extendleft(reversed(split(block)))

    async def identity(self, unit: int) -> Identity | None:
        """Who the unit says it is; None where it does not say, or not so that it can be read.

        Raises:
            SurveyError: the endpoint cannot be reached any more.
        """

        async def introduce(level: Level, first: int) -> bytes:
            client = await self._connected()
            await self._turn()
            self.requests += 1
            return await client.introduce(unit, level, first, self._timeout_s)

        try:
            return await identified(introduce)
        except (DeviceError, IdentityError):
            # Some hang up at a function that they have not, or say nothing: it is not asked again.
            return None

    async def largest(self, unit: int, table: Table, address: int) -> int:
        """The largest block from ``address`` that the unit gives, in registers, as far as tried.

        A device refuses a block that is too long and one that leaves its map alike.
        """
        largest = 1
        for count in SIZES:
            block = Block(table, address, count, (Field(0, address, count),))
            if address + count > ADDRESSES or not await self._take(unit, block, Found()):
                break
            largest = count
        return largest

    async def _take(self, unit: int, block: Block, found: Found) -> bool:
        try:
            payload = await self._ask(unit, block.table, block.address, block.count)
        except (RefusedError, NoAnswerError) as error:
            found.refused.add((block.table, block.address, block.count))
            found.silences += 1 if isinstance(error, NoAnswerError) else -found.silences
            if found.silences >= MOST_SILENCES:
                raise SurveyError(
                    f"unit {unit} answers no more ({error}); it may be busy with another client, "
                    "or need longer: raise --timeout, lower --rate"
                ) from error
            return False
        found.silences = 0
        found.keep(block, payload)
        return True

    async def _is_there(self, unit: int) -> bool:
        # Any answer will do, a refusal too; some devices say nothing of tables they have not.
        for table in ("holding", "input"):
            try:
                await self._ask(unit, table, 0, 1)
            except RefusedError as error:
                return error.code not in UNREACHED
            except NoAnswerError:
                continue
            return True
        return False

    async def _ask(self, unit: int, table: Table, address: int, count: int) -> bytes:
        while True:
            client = await self._connected()
            await self._turn()
            self.requests += 1
            try:
                answer = await client.read(unit, table, address, count, self._timeout_s)
            except NoAnswerError:
                raise
            except RefusedError:
                self._is_heard = True
                raise
            except LinkError as error:
                self._redialled(error)
            else:
                self._is_heard = True
                return answer

    def _redialled(self, error: LinkError) -> None:
        self._redials += 1
        if self._redials > (MOST_REDIALS if self._is_heard else FIRST_REDIALS):
            raise SurveyError(
                f"{error}, {self._redials} times; perhaps it speaks something else than Modbus, or "
                "it takes one client only and another program holds it"
            ) from error

    async def _turn(self) -> None:
        loop = asyncio.get_running_loop()
        at = max(loop.time(), self._next_s)
        self._next_s = at + self._gap_s
        await asyncio.sleep(at - loop.time())

    async def _connected(self) -> ModbusClient:
        if self._client is not None and self._client.is_connected:
            return self._client
        await self.close()
        await self._turn()
        there = asyncio.Event()
        self._client = client = self._dial(there.set)
        self._running = asyncio.create_task(client.run(), name=f"link {client.name}")
        try:
            async with asyncio.timeout(self._connect_wait_s):
                await there.wait()
        except TimeoutError:
            await self.close()
            raise SurveyError(
                f"{client.name} cannot be reached: {client.trouble}. Look at the address and the "
                "port, and whether another program holds the device's only connection"
            ) from None
        return client

    async def close(self) -> None:
        """Hang up."""
        running, self._running, self._client = self._running, None, None
        if running is not None:
            running.cancel()
            await asyncio.wait((running,))


@asynccontextmanager
async def surveying(
    dial: Dial,
    *,
    per_second: float,
    timeout_s: float,
    connect_wait_s: float = CONNECT_WAIT_S,
) -> AsyncIterator[Surveyor]:
    """A surveyor that hangs up at the end, whatever that is."""
    surveyor = Surveyor(
        dial, per_second=per_second, timeout_s=timeout_s, connect_wait_s=connect_wait_s
    )
    try:
        yield surveyor
    finally:
        await surveyor.close()

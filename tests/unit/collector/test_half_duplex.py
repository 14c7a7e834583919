"""RTU and ASCII against a device that does all that a line was seen to do, and worse."""

import asyncio
import contextlib
import random
import struct
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from typing import Literal

import pytest

from collector import connection, endpoint_link, half_duplex, modbus, reconnect
from collector.address import Address, TcpAddress, TtyAddress
from collector.errors import LinkError, NoAnswerError, RefusedError
from collector.modbus import ModbusClient
from devices.transport import Serial
from tests.unit.collector.responder import until, word
from tests.unit.collector.serial_responder import (  # a test's own double
    Behaviour,
    Line,
    Question,
    SerialDevice,
    behind_a_server,
    crc16,
    on_a_line,
    rightly,
)
from tests.unit.collector.virtual_line import VirtualLoop

Framing = Literal["rtu", "ascii"]
BOTH: tuple[Framing, ...] = ("rtu", "ascii")
SHORT_S = 0.05
LONG_S = 5.0
PAUSE_S = 0.02
BAUD = Serial(baud=9600)


@pytest.fixture(autouse=True)
def soon_connected_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconnect, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(endpoint_link, "FLUSH_PAUSE_S", 0.01)


@asynccontextmanager
async def connected(address: Address) -> AsyncIterator[ModbusClient]:
    client = ModbusClient(address)
    async with asyncio.TaskGroup() as tasks:
        link = tasks.create_task(client.run(), name="link")
        await until(lambda: client.is_connected)
        yield client
        link.cancel()


def words(payload: bytes) -> list[int]:
    return list(struct.unpack(f">{len(payload) // 2}H", payload))


@pytest.mark.parametrize("framing", BOTH)
async def test_registers_come_as_the_device_behind_a_serial_server_holds_them(
    framing: Framing,
) -> None:
    async with behind_a_server(framing=framing) as device:
        address = TcpAddress(host="127.0.0.1", port=device.port, framing=framing)
        async with connected(address) as client:
            assert words(await client.read(3, "holding", 16, 4, LONG_S)) == [
                word(3, address) for address in range(16, 20)
            ]
            assert words(await client.read(4, "input", 9, 1, LONG_S)) == [word(4, 9)]
    assert [(q.unit, q.function, q.address, q.number) for q in device.questions] == [
        (3, 3, 16, 4),
        (4, 4, 9, 1),
    ]


@pytest.mark.parametrize("framing", BOTH)
@pytest.mark.parametrize("baud", [9600, 19_200])
async def test_registers_come_over_a_serial_line_at_its_own_pace(
    framing: Framing, baud: int
) -> None:
    async with on_a_line(framing=framing, baud=baud) as device:
        address = TtyAddress(path=device.path, serial=Serial(baud=baud), framing=framing)
        async with connected(address) as client:
            for first in (0, 5):
                payload = await client.read(7, "holding", first, 3, LONG_S)
                assert words(payload) == [word(7, a) for a in range(first, first + 3)]
            assert client.stats().stray_answers == 0


def test_the_silence_between_frames_is_that_of_the_specification() -> None:
    # Modbus over serial line 1.02, 2.5.1.1: 3.5 characters of 11 bits; 1.75 ms above 19200.
    at_9600 = TtyAddress(path="p", serial=Serial(baud=9600, parity="even"))
    at_19200 = TtyAddress(path="p", serial=Serial(baud=19_200, parity="even"))
    assert at_9600.silence_s == pytest.approx(3.5 * 11 / 9600)
    assert at_19200.silence_s == pytest.approx(0.002_005, abs=1e-6)
    assert TtyAddress(path="p", serial=Serial(baud=115_200)).silence_s == 0.001_75


def test_requests_on_a_line_keep_their_distance() -> None:
    """The silence of 3.5 characters, and the pause where the model wants a longer one."""
    for pause_s, least_s in ((0.0, 3.5 * 10 / 9600), (0.1, 0.1)):
        asked: list[float] = []
        answered: list[float] = []

        def noted(line: Line, question: Question) -> None:
            asked.append(asyncio.get_running_loop().time())  # noqa: B023 # of this round
            rightly(line, question)
            # Nine characters from now the answer is out.
            answered.append(asked[-1] + 9 * 10 / 9600)  # noqa: B023 # of this round

        async def read(client: ModbusClient) -> None:
            for _ in range(4):
                await client.read(1, "holding", 0, 2, LONG_S)

        address = TtyAddress(path="p", serial=BAUD, pause_s=pause_s)
        in_virtual_time(address, noted, read)
        # What is heard was sent eight characters before.
        gaps = [asked[n + 1] - 8 * 10 / 9600 - answered[n] for n in range(len(asked) - 1)]
        assert len(gaps) == 3
        assert min(gaps) >= least_s - 1e-9


def paced(data: bytes) -> Iterable[tuple[float, bytes]]:
    """Each character takes its time on the line."""
    return [(10 / BAUD.baud, data[at : at + 1]) for at in range(len(data))]


def in_virtual_time(
    address: Address,
    behave: Behaviour,
    work: Callable[[ModbusClient], Coroutine[None, None, None]],
    asleep_s: Callable[[], float] = lambda: 0.0,
) -> tuple[ModbusClient, SerialDevice]:
    """Do ``work`` with a client at ``address``, behind which a device behaves so."""

    async def story() -> ModbusClient:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        loop.device = device
        async with connected(address) as client:
            await work(client)
        return client

    device = SerialDevice(behave, address.framing)
    with pytest.MonkeyPatch.context() as patch, asyncio.Runner(loop_factory=VirtualLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, VirtualLoop)
        for module in (half_duplex, connection, modbus):
            patch.setattr(module, "RUNNING_S", lambda: loop.time() + asleep_s())
        patch.setattr(reconnect, "FIRST_PAUSE_S", 0.01)
        patch.setattr(
            endpoint_link,
            "open_tty",
            lambda protocol, _path, _serial: loop.connect(protocol, paced),
        )
        return runner.run(story()), device


STREAM = TcpAddress(host="127.0.0.1", port=1, framing="rtu", pause_s=PAUSE_S)
PLACES: tuple[Address, ...] = (
    STREAM,
    TcpAddress(host="127.0.0.1", port=1, framing="ascii", pause_s=PAUSE_S),
    TtyAddress(path="p", serial=BAUD, pause_s=PAUSE_S),
    TtyAddress(path="p", serial=BAUD, framing="ascii", pause_s=PAUSE_S),
)


def named(address: Address) -> str:
    return f"{address.framing} {'stream' if isinstance(address, TcpAddress) else 'line'}"


def twice(line: Line, question: Question) -> None:
    line.put(question.answer() * 2)


def again_soon(line: Line, question: Question) -> None:
    line.put(question.answer())
    line.later(PAUSE_S / 2, question.answer())


def after_another_unit(line: Line, question: Question) -> None:
    line.put(question.answer(unit=question.unit + 1, data=b"\x12\x34" * question.number))
    line.put(question.answer())


def as_another_unit(line: Line, question: Question) -> None:
    line.put(question.answer(unit=question.unit + 1))


def as_another_function(line: Line, question: Question) -> None:
    line.put(question.answer(function=question.function ^ 7))


def longer(line: Line, question: Question) -> None:
    line.put(question.answer(data=question.data() + b"\x12\x34"))


def byte_by_byte(line: Line, question: Question) -> None:
    for number, byte in enumerate(question.answer()):
        line.later(number * 0.001, bytes((byte,)))


def spoilt(line: Line, question: Question) -> None:
    answer = bytearray(question.answer())
    answer[-4] ^= 1
    line.put(bytes(answer))


def refusing(line: Line, question: Question) -> None:
    line.put(question.exception(2))


USED: tuple[Behaviour, ...] = (rightly, after_another_unit, byte_by_byte)


@pytest.mark.parametrize("address", PLACES, ids=named)
@pytest.mark.parametrize(
    ("behave", "counted"),
    [
        (byte_by_byte, None),
        (after_another_unit, "wrong_unit"),
        (twice, "stray_answers"),
        (as_another_unit, "wrong_unit"),
        (as_another_function, "mismatched"),
        (longer, "mismatched"),
        (spoilt, "garbage"),
    ],
)
def test_an_answer_is_used_when_it_is_alone_and_of_the_unit_asked(
    address: Address, behave: Behaviour, counted: str | None
) -> None:
    async def read(client: ModbusClient) -> None:
        for first in (5, 6, 7):
            await until(lambda: client.is_connected)
            if behave not in USED:
                with pytest.raises(NoAnswerError, match="unit 9: no answer within"):
                    await client.read(9, "holding", first, 3, SHORT_S)
                continue
            payload = await client.read(9, "holding", first, 3, SHORT_S)
            assert words(payload) == [word(9, a) for a in range(first, first + 3)]

    client, _ = in_virtual_time(address, behave, read)
    if counted:
        assert getattr(client.stats(), counted) >= 3


@pytest.mark.parametrize("address", PLACES, ids=named)
def test_an_exception_says_its_code(address: Address) -> None:
    async def read(client: ModbusClient) -> None:
        with pytest.raises(RefusedError, match="exception 2, illegal data address") as caught:
            await client.read(1, "input", 40, 1, LONG_S)
        assert caught.value.is_lasting

    in_virtual_time(address, refusing, read)


@pytest.mark.parametrize("address", PLACES, ids=named)
def test_after_a_silence_the_unit_is_left_alone_until_its_late_answer_is_over(
    address: Address,
) -> None:
    times: list[tuple[int, float]] = []

    def first_is_late(line: Line, question: Question) -> None:
        times.append((question.unit, asyncio.get_running_loop().time()))
        if len(times) == 1:
            line.later(1.5 * SHORT_S, question.answer())
        else:
            rightly(line, question)

    async def read(client: ModbusClient) -> None:
        with pytest.raises(NoAnswerError):
            await client.read(1, "input", 16, 1, SHORT_S)
        await until(lambda: client.is_connected)
        assert words(await client.read(2, "input", 17, 1, LONG_S)) == [word(2, 17)]
        assert words(await client.read(1, "input", 18, 1, LONG_S)) == [word(1, 18)]

    client, _ = in_virtual_time(address, first_is_late, read)
    assert [unit for unit, _ in times] == [1, 2, 1]
    assert times[2][1] - times[0][1] >= half_duplex.LATEST * SHORT_S - 0.02
    assert client.stats().connects == (2 if isinstance(address, TcpAddress) else 1)


@pytest.mark.parametrize("address", PLACES, ids=named)
def test_a_unit_that_is_waited_for_less_long_than_it_may_take_is_left_alone_as_long(
    address: Address,
) -> None:
    times: list[float] = []

    def late(line: Line, question: Question) -> None:
        times.append(asyncio.get_running_loop().time())
        if len(times) == 1:
            line.later(1.5 * SHORT_S, question.answer())
        else:
            rightly(line, question)

    async def read(client: ModbusClient) -> None:
        with pytest.raises(NoAnswerError):
            await client.submit(1, "input", 16, 1, SHORT_S / 10, SHORT_S)
        assert client.is_left_alone(1)
        assert not client.is_left_alone(2)
        await until(lambda: client.is_connected)
        # Of the same size, so that the late answer could be taken for its.
        assert words(await client.read(1, "input", 18, 1, LONG_S)) == [word(1, 18)]
        assert not client.is_left_alone(1)

    in_virtual_time(address, late, read)
    assert times[1] - times[0] >= half_duplex.LATEST * SHORT_S - 0.02


def test_a_unit_that_is_silent_costs_its_neighbours_no_new_connection_on_a_line() -> None:
    def only_unit_2(line: Line, question: Question) -> None:
        if question.unit == 2:
            rightly(line, question)

    async def read(client: ModbusClient) -> None:
        for _ in range(6):
            with pytest.raises(NoAnswerError):
                await client.read(1, "input", 0, 1, SHORT_S)
            assert words(await client.read(2, "input", 3, 1, SHORT_S)) == [word(2, 3)]

    client, _ = in_virtual_time(TtyAddress(path="p", serial=BAUD), only_unit_2, read)
    assert client.stats().connects == 1


def test_three_silences_in_a_row_open_the_port_anew() -> None:
    async def read(client: ModbusClient) -> None:
        for _ in range(3):
            with pytest.raises(NoAnswerError):
                await client.read(1, "input", 0, 1, SHORT_S)
        await until(lambda: client.connects == 2)

    in_virtual_time(TtyAddress(path="p", serial=BAUD), lambda _line, _question: None, read)


def test_closing_a_stream_after_a_silence_is_no_news_of_the_link() -> None:
    """Else each silence of a unit behind a server would have all silent units asked at once."""
    told: list[float] = []

    async def story() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        loop.device = SerialDevice(lambda _line, _question: None, "rtu")
        client = ModbusClient(STREAM, on_connect=lambda: told.append(loop.time()))
        async with asyncio.TaskGroup() as tasks:
            link = tasks.create_task(client.run(), name="link")
            await until(lambda: client.is_connected)
            for unit in (1, 2, 3):
                with pytest.raises(NoAnswerError):
                    await client.read(unit, "input", 0, 1, SHORT_S)
                await until(lambda: client.is_connected)
            assert client.connects == 4
            link.cancel()

    with pytest.MonkeyPatch.context() as patch, asyncio.Runner(loop_factory=VirtualLoop) as runner:
        patch.setattr(half_duplex, "RUNNING_S", runner.get_loop().time)
        runner.run(story())
    assert len(told) == 1


def test_a_two_wire_adapter_that_hears_itself_changes_nothing() -> None:
    def echoing(line: Line, question: Question) -> None:
        body = struct.pack(
            ">BBHH", question.unit, question.function, question.address, question.number
        )
        line.put(body + crc16(body) + question.answer())

    async def read(client: ModbusClient) -> None:
        assert words(await client.read(1, "holding", 5, 2, LONG_S)) == [word(1, 5), word(1, 6)]

    in_virtual_time(STREAM, echoing, read)


def test_an_echo_that_looks_like_an_answer_is_not_one() -> None:
    """A read of 20 coils from 0x0313: its bytes are those of an answer with three of data."""

    def only_echo(line: Line, question: Question) -> None:
        assert struct.pack(">BH", question.function, question.address) == bytes((1, 3, 0x13))
        line.put(question.answer(data=bytes((0x13, 0, 20))))

    async def read(client: ModbusClient) -> None:
        with pytest.raises(NoAnswerError):
            await client.read(1, "coil", 0x0313, 20, SHORT_S)

    in_virtual_time(STREAM, only_echo, read)


@pytest.mark.parametrize("address", PLACES, ids=named)
def test_an_answer_that_waited_while_we_slept_is_late(address: Address) -> None:
    asleep_s = 0.0

    def while_we_sleep(line: Line, question: Question) -> None:
        nonlocal asleep_s
        asleep_s += 3_600.0
        rightly(line, question)

    async def read(client: ModbusClient) -> None:
        with pytest.raises(NoAnswerError):
            await client.read(1, "holding", 0, 2, LONG_S)

    client, _ = in_virtual_time(address, while_we_sleep, read, asleep_s=lambda: asleep_s)
    assert client.stats().late_answers == 1


@pytest.mark.parametrize("size", [2, 5, 6, 8])
def test_an_ascii_answer_holds_as_many_bytes_as_it_says(size: int) -> None:
    """An RTU frame ends where its third byte says; an ASCII one may end anywhere."""

    def saying_four(line: Line, question: Question) -> None:
        told = bytes((question.unit, question.function, 4)) + bytes(size)
        check = -sum(told) & 0xFF
        line.put(f":{told.hex()}{check:02x}\r\n".encode())

    async def read(client: ModbusClient) -> None:
        with pytest.raises(NoAnswerError):
            await client.read(1, "holding", 5, 2, SHORT_S)

    client, _ = in_virtual_time(PLACES[1], saying_four, read)
    assert client.stats().mismatched == 1


def test_a_line_on_which_something_always_talks_is_given_up_with_a_reason() -> None:
    async def read(client: ModbusClient) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        (line,) = loop.device.lines

        async def chatter() -> None:
            while not client.connects > 1:
                line.put(b"\x55")
                await asyncio.sleep(0.003)

        talking = asyncio.ensure_future(chatter())
        await asyncio.sleep(0.1)
        with pytest.raises(LinkError, match="who else is on this line"):
            await client.read(1, "input", 0, 1, SHORT_S)
        talking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await talking

    in_virtual_time(TtyAddress(path="p", serial=BAUD), rightly, read)


class Mischief:
    """All that was seen of lines, gateways and devices, and what nobody has seen yet."""

    def __init__(self, seed: int, timeout_s: float) -> None:
        self.chance = random.Random(seed)
        self.timeout_s = timeout_s
        self.held: list[bytes] = []
        self.ways: tuple[Behaviour, ...] = (
            *(twice, again_soon, after_another_unit, as_another_unit, as_another_function),
            *(longer, byte_by_byte, spoilt, refusing),
            *(self.late, self.hold, self.hand_over, self.split, self.cut, self.babble),
            *(self.hang_up, self.cut_and_late),
        )

    def __call__(self, line: Line, question: Question) -> None:
        way = self.chance.choice(self.ways) if self.chance.random() < 0.4 else rightly
        way(line, question)

    def late(self, line: Line, question: Question) -> None:
        line.later(self.timeout_s * self.chance.uniform(0.8, 1.8), question.answer())

    def hold(self, _line: Line, question: Question) -> None:
        self.held.append(question.answer())

    def hand_over(self, line: Line, question: Question) -> None:
        late = self.held.pop() if self.held else b""
        line.put(late + question.answer())

    def split(self, line: Line, question: Question) -> None:
        answer = question.answer()
        at = self.chance.randrange(1, len(answer))
        line.put(answer[:at])
        line.later(self.timeout_s * self.chance.uniform(0.0, 0.3), answer[at:])

    def cut(self, line: Line, question: Question) -> None:
        line.put(question.answer()[: -self.chance.randrange(1, 5)])

    def cut_and_late(self, line: Line, question: Question) -> None:
        self.cut(line, question)
        self.late(line, question)

    def babble(self, line: Line, _question: Question) -> None:
        line.put(self.chance.randbytes(self.chance.randrange(1, 30)))

    def hang_up(self, line: Line, question: Question) -> None:
        line.later(self.timeout_s * self.chance.uniform(0.1, 1.5), question.answer())
        line.close()


async def ask_at_random(client: ModbusClient, seed: int, times: int) -> int:
    """Read random registers of few units; gives how many answers were used, all of them right."""
    chance = random.Random(seed)
    used = 0
    for _ in range(times):
        unit, first, number = (
            chance.randrange(1, 4),
            chance.randrange(60000),
            chance.randrange(1, 3),
        )
        try:
            payload = await client.read(unit, "holding", first, number, SHORT_S)
        except RefusedError:
            continue
        except LinkError:
            await until(lambda: client.is_connected, within_s=100.0)
            continue
        assert words(payload) == [word(unit, first + i) for i in range(number)]
        used += 1
    return used


@pytest.mark.parametrize("address", PLACES, ids=named)
@pytest.mark.parametrize(
    "times",
    [
        pytest.param(600, id="600 requests"),
        pytest.param(
            250_000, marks=[pytest.mark.slow, pytest.mark.timeout(3600)], id="250,000 requests"
        ),
    ],
)
def test_no_answer_is_misattributed_whatever_happens_on_the_line(
    address: Address, times: int
) -> None:
    used = 0

    async def read(client: ModbusClient) -> None:
        nonlocal used
        used = await ask_at_random(client, 20260101, times)

    client, _ = in_virtual_time(address, Mischief(20260102, SHORT_S), read)
    stats = client.stats()
    assert stats.requests > 0.9 * times
    assert used > 0.6 * times
    for kind in ("timeouts", "stray_answers", "wrong_unit", "mismatched", "garbage"):
        assert getattr(stats, kind) > 0, kind

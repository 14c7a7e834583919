"""No line of text is taken for the answer to another question, whatever happens on the way."""

import asyncio
import random
from collections.abc import Callable

import pytest

from collector import connection, half_duplex
from collector.address import Address, TcpAddress, TtyAddress
from collector.errors import LinkError, NoAnswerError
from collector.line import LineClient
from devices.transport import Line, Serial
from tests.unit.collector.asking import PAUSE_S, SHORT_S
from tests.unit.collector.responder import until, word
from tests.unit.collector.serial_responder import device_behind_a_server
from tests.unit.collector.text_device import TextDevice, TextLine
from tests.unit.collector.virtual_line import VirtualLoop

pytestmark = pytest.mark.usefixtures("soon_connected_again")


class Mischief:
    """What a line of text was seen to do, and worse."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.held: list[str] = []
        self.ways: tuple[Callable[[TextLine, str], None], ...] = (
            *(self.twice, self.again_soon, self.late, self.hold, self.hand_over, self.split),
            *(self.cut, self.babble, self.hang_up, self.complain),
        )

    def __call__(self, wire: TextLine, text: str) -> None:
        if self.chance.random() < 0.4:
            self.chance.choice(self.ways)(wire, text)
        else:
            wire.put(text.encode())

    def twice(self, wire: TextLine, text: str) -> None:
        wire.put(text.encode() * 2)

    def again_soon(self, wire: TextLine, text: str) -> None:
        wire.put(text.encode())
        wire.text_later(PAUSE_S / 2, text)

    def late(self, wire: TextLine, text: str) -> None:
        wire.text_later(SHORT_S * self.chance.uniform(0.8, 1.8), text)

    def hold(self, _wire: TextLine, text: str) -> None:
        self.held.append(text)

    def hand_over(self, wire: TextLine, text: str) -> None:
        late = self.held.pop() if self.held else ""
        wire.put((late + text).encode())

    def split(self, wire: TextLine, text: str) -> None:
        at = self.chance.randrange(1, len(text))
        wire.put(text[:at].encode())
        wire.text_later(SHORT_S * self.chance.uniform(0.0, 0.3), text[at:])

    def cut(self, wire: TextLine, text: str) -> None:
        wire.put(text[: -self.chance.randrange(2, 5)].encode())

    def babble(self, wire: TextLine, _text: str) -> None:
        wire.put(self.chance.randbytes(self.chance.randrange(1, 30)))

    def hang_up(self, wire: TextLine, text: str) -> None:
        wire.text_later(SHORT_S * self.chance.uniform(0.1, 1.5), text)
        wire.close()

    def complain(self, wire: TextLine, _text: str) -> None:
        wire.put(b"Command error\r\n")


def truth(asked: str) -> str:
    """What the device holds for ``001 Q17?``."""
    unit, question = asked.split()
    return f"{word(int(unit), int(question[1:-1]))}.5"


async def ask_at_random(client: LineClient, times: int) -> int:
    """Ask at random; gives how many answers were used, all of them right."""
    chance = random.Random(20260103)
    used = 0
    for _ in range(times):
        unit, number = chance.randrange(1, 4), chance.randrange(60_000)
        try:
            said = await client.ask(f"Q{number}?", unit, SHORT_S)
        except LinkError:
            await until(lambda: client.is_connected, within_s=100.0)
            continue
        assert said in {truth(f"{unit} Q{number}?"), "Command error"}
        used += 1
    return used


@pytest.mark.parametrize("echoes", [False, True], ids=["plain", "echoing"])
@pytest.mark.parametrize(
    "address",
    [
        TcpAddress(host="127.0.0.1", port=1, pause_s=PAUSE_S),
        TtyAddress(path="p", serial=Serial(baud=9600), pause_s=PAUSE_S),
    ],
    ids=["stream", "line"],
)
def test_no_line_is_taken_for_the_answer_to_another_question(
    address: Address,
    echoes: bool,  # noqa: FBT001 # a parameter of the table above
) -> None:
    device = TextDevice(truth, echoes=echoes)
    device.say = Mischief(20260104)
    spoken = Line(serial=Serial(baud=9600), address="{unit:03d} ", echo=echoes)

    async def story() -> int:
        client = LineClient(address, spoken)
        async with asyncio.TaskGroup() as tasks:
            link = tasks.create_task(client.run(), name="link")
            await until(lambda: client.is_connected)
            used = await ask_at_random(client, 500)
            link.cancel()
        return used

    with pytest.MonkeyPatch.context() as patch, asyncio.Runner(loop_factory=VirtualLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, VirtualLoop)
        for module in (half_duplex, connection):
            patch.setattr(module, "RUNNING_S", loop.time)
        loop.wire(device, patch)
        assert runner.run(story()) > 300


async def test_a_question_that_is_not_answered_says_so() -> None:
    async with device_behind_a_server(TextDevice(lambda _: None)) as device:
        client = LineClient(
            TcpAddress(host="127.0.0.1", port=device.port), Line(serial=Serial(baud=9600))
        )
        async with asyncio.TaskGroup() as tasks:
            link = tasks.create_task(client.run(), name="link")
            await until(lambda: client.is_connected)
            with pytest.raises(NoAnswerError, match=r"no answer within 0\.05 s"):
                await client.ask("TEMPA?", 1, SHORT_S)
            link.cancel()

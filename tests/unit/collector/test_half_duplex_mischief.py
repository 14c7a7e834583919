"""RTU and ASCII against a device that does all that a line was seen to do, and worse."""

import random

import pytest

from collector.address import Address
from collector.errors import LinkError, RefusedError
from collector.modbus import ModbusClient
from tests.unit.collector.asking import PAUSE_S, PLACES, SHORT_S, in_virtual_time, named, words
from tests.unit.collector.line_behaviour import (
    after_another_unit,
    as_another_function,
    as_another_unit,
    byte_by_byte,
    longer,
    refusing,
    spoilt,
    twice,
)
from tests.unit.collector.responder import until, word
from tests.unit.collector.serial_responder import (  # a test's own double
    Behaviour,
    Line,
    Question,
    rightly,
)

pytestmark = pytest.mark.usefixtures("soon_connected_again")


def again_soon(line: Line, question: Question) -> None:
    line.put(question.answer())
    line.later(PAUSE_S / 2, question.answer())


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

"""``culturewatch probe`` against devices that hold the words of the cases."""

import asyncio
import re
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Literal

import pytest

from collector.address import TcpAddress, TtyAddress
from collector.modbus import ModbusClient
from collector.survey import Found, SurveyError, surveying
from culturewatch.probe import Report, Suspect, default_units, known_guesses, probe, rank, tied
from culturewatch.probe_report import fragment, lines
from culturewatch.probe_target import TargetError, target, unit_ids
from culturewatch.site_file import SerialPort, SiteFile
from devices import document
from devices.likeness import Guess
from devices.transport import Serial
from tests.unit.collector import serial_responder
from tests.unit.collector.map_server import CASES, TABLES, cells_of, holding
from tests.unit.collector.responder import Behaviour, Peer, Query, refusing, responding
from tests.unit.collector.serial_responder import Line, Question, SerialDevice
from tests.unit.collector.virtual_line import BAUD, VirtualLoop

pytestmark = [pytest.mark.long, pytest.mark.virtual_time]

TWINS = (
    {"senseair-k30", "senseair-s8", "senseair-sunrise"},
    {"vaisala-gmp251", "vaisala-gmp252"},
)
"""Models whose maps are the same: no reading tells them apart."""
WEAK = {"moxa-iologik-e1210-mains", "oldham-olct-200", *TWINS[0]}
"""One number, or one bit, that may be anything: it proves nothing."""
GOOD = ("at-37-degrees", "by-hand", "celsius", "worked-example", "liquid-nitrogen", "on-battery")
TRIED = sorted({guess.name for guess in known_guesses()})


@cache
def guesses() -> tuple[Guess, ...]:
    return known_guesses()


def some(begin: str) -> tuple[Guess, ...]:
    return tuple(guess for guess in guesses() if guess.name.startswith(begin))


def case_of(name: str) -> Path:
    """The case of a profile in which nothing is the matter, if it has one."""
    paths = sorted((CASES / name).glob("*.toml"))
    return next((path for path in paths if path.stem in GOOD), paths[0])


async def probed(
    behave: Behaviour,
    *,
    introduce: Behaviour = refusing,
    units: Sequence[int] = (1,),
    among: Collection[Guess] | None = None,
    per_second: float = 1e6,
    timeout_s: float = 0.05,
) -> tuple[Report, int]:
    async with responding(behave) as responder:
        responder.introduce = introduce
        async with surveying(
            lambda there: ModbusClient(at(responder.port), on_connect=there),
            per_second=per_second,
            timeout_s=timeout_s,
        ) as surveyor:
            among = guesses() if among is None else among
            report = await probe(surveyor, "here", tuple(among), units=units)
        assert {query.function for query in responder.queries} <= {1, 2, 3, 4}
        return report, len(responder.queries) + len(responder.introductions)


async def only(behave: Behaviour) -> Suspect:
    report, _ = await probed(behave)
    (suspect,) = report.suspects
    return suspect


def matches(name: str, suspect: Suspect) -> None:
    twins = next((group for group in TWINS if name in group), {name})
    assert set(suspect.best) == twins
    assert suspect.is_sure == (name not in WEAK)
    assert suspect.ranked[0].shift == 0


@pytest.mark.parametrize("name", ["vaisala-hmp", "watlow-f4t", "senseair-s8"])
async def test_a_device_is_known_by_what_it_holds(name: str) -> None:
    matches(name, await only(holding(cells_of(case_of(name)))))


@pytest.mark.long
@pytest.mark.parametrize("name", TRIED)
async def test_every_profile_is_ranked_first_for_its_own_device(name: str) -> None:
    matches(name, await only(holding(cells_of(case_of(name)))))


@pytest.mark.long
@pytest.mark.parametrize("fills", [False, True], ids=["refusing", "filling"])
async def test_what_is_wrong_is_never_sure(*, fills: bool) -> None:
    for path in sorted(CASES.glob("*/*.toml")):
        cells = cells_of(path)
        if not cells or path.parent.name not in TRIED:
            continue
        suspect = await only(holding(cells, fills=fills))
        assert not suspect.is_sure or path.parent.name in suspect.best, path


async def test_a_device_that_counts_from_one_is_found_out() -> None:
    cells = cells_of(case_of("watlow-pm-map1"))
    moved = {(table, address + 1): word for (table, address), word in cells.items()}
    suspect = await only(holding(moved))
    assert suspect.best == ("watlow-pm-map1",)
    assert (suspect.ranked[0].shift, suspect.ranked[0].is_flipped) == (1, False)


async def test_a_device_with_its_words_the_other_way_round_is_found_out() -> None:
    # 465.66 ppm is 43E8D47A and 37.0 is 42140000, here high word first.
    cells = {("holding", 0): 0x43E8, ("holding", 1): 0xD47A, ("holding", 4): 0x4214}
    cells |= {("holding", 5): 0} | {("holding", 0x800 + n): 0 for n in range(5)}
    suspect = await only(holding(cells))
    assert set(suspect.best) == TWINS[1]
    assert suspect.ranked[0].word_order == "high-first"
    assert suspect.ranked[0].is_flipped


async def test_what_a_device_says_of_itself_tells_twins_apart() -> None:
    def introduce(peer: Peer, query: Query) -> None:
        # Laid out by hand after 6.21: three objects, no more to follow.
        said = b"\x00\x07Vaisala\x01\x06GMP252\x02\x051.2.3"
        head = bytes((0x2B, 0x0E, query.address, 0x01, 0x00, 0x00, 3))
        peer.send(query.whole(head + said))

    report, _ = await probed(
        holding(cells_of(case_of("vaisala-gmp252"))), introduce=introduce, among=some("vaisala-")
    )
    (suspect,) = report.suspects
    assert suspect.best == ("vaisala-gmp252",)
    assert suspect.is_sure
    said = "\n".join(lines(report, target("tcp://127.0.0.1")))
    assert "says of itself: vendor 'Vaisala', product_code 'GMP252', revision '1.2.3'" in said


@pytest.mark.parametrize("hangs_up", [True, False])
async def test_a_device_that_hangs_up_at_that_question_or_is_silent_is_probed_all_the_same(
    *, hangs_up: bool
) -> None:
    def introduce(peer: Peer, _query: Query) -> None:
        if hangs_up:
            peer.close()

    few = some("hettich-")
    cells = cells_of(case_of("hettich-hettcube"))
    report, _ = await probed(holding(cells), introduce=introduce, among=few)
    assert report.suspects[0].best == ("hettich-hettcube",)
    assert report.suspects[0].identity is None


async def test_units_are_found_and_silent_ones_passed_over() -> None:
    cells = cells_of(case_of("hettich-hettcube"))
    few = [guess for guess in guesses() if guess.name == "hettich-hettcube"]
    report, _ = await probed(
        holding(cells, units={2, 7}), units=range(1, 9), among=few, timeout_s=0.02
    )
    assert [suspect.unit for suspect in report.suspects] == [2, 7]
    assert not report.any_unit


async def test_a_device_that_answers_to_any_unit_is_one_device() -> None:
    report, _ = await probed(holding(cells_of(case_of("ee-ee800"))), units=range(1, 9))
    assert report.any_unit
    assert [suspect.unit for suspect in report.suspects] == [1]


async def test_the_size_of_a_read_that_a_device_gives_is_found() -> None:
    cells = {("input", address): 0 for address in range(200)} | {("input", 0): 0x0172}
    few = [guess for guess in guesses() if guess.name == "hettich-hettcube"]
    report, _ = await probed(holding(cells, most=32), among=few)
    assert report.suspects[0].largest == 32


async def test_questions_are_few_a_second() -> None:
    few = [guess for guess in guesses() if guess.name == "ee-ee800"]
    loop = asyncio.get_running_loop()
    began = loop.time()
    report, asked = await probed(
        holding(cells_of(case_of("ee-ee800"))), among=few, per_second=100.0
    )
    assert asked == report.requests > 5
    assert loop.time() - began >= (asked - 1) / 100.0


async def test_nobody_there_is_said_and_what_to_look_at() -> None:
    async with surveying(
        lambda there: ModbusClient(at(1), on_connect=there),
        per_second=1e6,
        timeout_s=0.05,
        connect_wait_s=0.1,
    ) as surveyor:
        with pytest.raises(SurveyError, match="cannot be reached: cannot connect"):
            await probe(surveyor, "here", (), units=(1,))


@pytest.mark.parametrize(
    "answer", [None, b"HTTP/1.1 400 Bad Request\r\n\r\n", bytes(300), b"\xff" * 300]
)
async def test_what_is_no_modbus_is_told_soon_and_why(answer: bytes | None) -> None:
    def babbles(peer: Peer, query: Query) -> None:  # noqa: ARG001 # whatever it was asked
        if answer is not None:
            peer.send(answer)
        peer.close()

    with pytest.raises(SurveyError, match="perhaps it speaks something else than Modbus"):
        await probed(babbles)


async def test_a_unit_that_falls_silent_ends_the_probe_and_is_named() -> None:
    cells = cells_of(case_of("ee-ee800"))
    held = holding(cells)
    asked = 0

    def dies(peer: Peer, query: Query) -> None:
        nonlocal asked
        asked += 1
        if asked < 4:
            held(peer, query)

    with pytest.raises(SurveyError, match="unit 1 answers no more"):
        await probed(dies, timeout_s=0.005)


async def test_the_lines_for_the_site_say_what_is_not_sure() -> None:
    report, _ = await probed(holding(cells_of(case_of("senseair-s8"))))
    text = "\n".join(lines(report, target("tcp://10.0.0.9")))
    assert '[[endpoint]]\nid = "10-0-0-9"\nhost = "10.0.0.9"\nport = 502\n' in text
    assert "# weak evidence" in text
    assert "# or profile: senseair-s8, senseair-sunrise" in text
    assert re.search(r'profile = "senseair-k30"\nendpoint = "10-0-0-9"\nunit = 1$', text)


def test_the_units_tried_unasked_are_few_and_hold_those_of_the_makers() -> None:
    units = default_units(guesses())
    assert len(units) <= 30
    assert {1, 240} <= set(units)
    assert 0xFE not in units


def test_targets_and_units_are_read_as_they_are_typed() -> None:
    assert target("tcp://10.0.0.9").address == TcpAddress(host="10.0.0.9", port=502)
    assert target("tcp://[::1]:1502").name == "tcp://[::1]:1502"
    server = TcpAddress(host="binder", port=10001, framing="rtu")
    assert target("rtu+tcp://binder:10001").address == server
    line = Serial(baud=19200, parity="even", stop_bits=2)
    typed = target("serial:///dev/ttyUSB0?baud=19200&parity=even&stop_bits=2")
    assert typed.address == TtyAddress(path="/dev/ttyUSB0", serial=line)
    assert target("serial:///dev/ttyS1").address == TtyAddress(
        path="/dev/ttyS1", serial=Serial(baud=9600)
    )
    assert unit_ids("1-3, 240,2") == (1, 2, 3, 240)


@pytest.mark.parametrize(
    "wrong",
    [
        *("10.0.0.9", "http://a", "tcp://", "tcp://a:b", "tcp://a/b", "serial://", "serial:///"),
        *("serial:///dev/a?speed=9600", "serial:///dev/a?parity=mark", "serial:///dev/a?baud=x"),
        *("serial:///dev/a?framing=tcp", "serial://host/dev/a"),
    ],
)
def test_what_is_no_target_is_told_how_to_write_one(wrong: str) -> None:
    with pytest.raises(TargetError, match="write tcp://HOST:PORT, rtu"):
        target(wrong)


@pytest.mark.parametrize("wrong", ["", "a", "3-1", "0-256"])
def test_what_is_no_unit_is_refused(wrong: str) -> None:
    with pytest.raises(TargetError):
        unit_ids(wrong)


def test_the_lines_for_a_serial_port_are_those_that_the_site_file_reads() -> None:
    report = Report(endpoint="x", units_tried=(1,), any_unit=False, suspects=(), requests=2)
    where = target("serial:///dev/ttyUSB0?baud=19200&parity=even&framing=ascii")
    text = "\n".join(fragment(report, where)) + '\n[site]\nid = "a"\nname = "A"\n'
    (endpoint,) = document.parse(text, SiteFile, name="site.toml").endpoint
    assert endpoint.id == "dev-ttyUSB0"
    assert endpoint.framing == "ascii"
    assert endpoint.serial == SerialPort(
        port="/dev/ttyUSB0", baud=19200, data_bits=8, parity="even", stop_bits=1
    )


@pytest.mark.parametrize("framing", ["rtu", "ascii"])
async def test_a_device_on_a_serial_line_is_known_too(
    framing: Literal["rtu", "ascii"], monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = cells_of(case_of("ee-ee872"))
    few = [guess for guess in guesses() if guess.name.startswith("ee-")]
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    loop.wire(SerialDevice(serially(cells), framing), monkeypatch)
    tty = TtyAddress(path="p", serial=BAUD, framing=framing)
    async with surveying(
        lambda there: ModbusClient(tty, on_connect=there), per_second=1e6, timeout_s=0.2
    ) as surveyor:
        report = await probe(surveyor, "p", few, units=(237,))
    assert report.suspects[0].best == ("ee-ee872",)
    assert report.suspects[0].is_sure


def serially(cells: Mapping[tuple[str, int], int]) -> serial_responder.Behaviour:
    """As ``holding``, on a serial line."""

    def behave(line: Line, question: Question) -> None:
        table = TABLES[question.function]
        places = [(table, question.address + n) for n in range(question.number)]
        if all(place in cells for place in places):
            words = (cells[place].to_bytes(2, "big") for place in places)
            line.put(question.answer(data=b"".join(words)))
        else:
            line.put(question.exception(2))

    return behave


def at(port: int) -> TcpAddress:
    return TcpAddress(host="127.0.0.1", port=port)


def test_nothing_that_was_found_fits_nothing() -> None:
    assert tied(()) == ()
    assert rank(guesses(), Found()) == ()

"""Live readings go out before a backlog; against a stub that holds one of them up."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from functools import partial

import pytest

from devices.scan import Layout, Scan
from storage.behind import KEPT, LONGEST
from storage.entry import Entry
from storage.influx import CURSOR, Forwarder, InfluxSettings
from tests.unit.storage.forwarding import BRISK, SOON_S, TOKEN, at_end, until
from tests.unit.storage.forwarding import forwarding as forwarding_by
from tests.unit.storage.short_log import ShortLog
from tests.unit.storage.write_stub import STORED, Answer, Request, WriteStub

PROBE = Layout("p", ("t",), ("temperature",))
BACKLOG = LONGEST + 1_500
REFUSED = Answer(400, '{"message": "unable to parse"}')


forwarding = partial(forwarding_by, batch_lines=500)


def scans(start: int, count: int) -> list[Scan]:
    """Entries from ``start`` on, whose time is their number in the journal."""
    return [Scan(PROBE, at, at, (37.0,), b"\0") for at in range(start, start + count)]


def times(lines: list[str]) -> list[int]:
    return [int(line.rsplit(" ", 1)[1]) for line in lines]


def holding(
    held: asyncio.Event, upto: int, *, after: int = 0
) -> Callable[[Request], Awaitable[Answer]]:
    """Answers what begins in ``(after, upto]`` when ``held`` is set, the rest at once."""

    async def answer(request: Request) -> Answer:
        if after < min(times(request.lines)) <= upto:
            await held.wait()
        return STORED

    return answer


async def test_a_backlog_that_takes_long_holds_no_live_reading_up() -> None:
    held, journal = asyncio.Event(), ShortLog()
    journal.add(*scans(1, BACKLOG))
    async with (
        WriteStub(holding(held, BACKLOG - KEPT)).serving() as stub,
        forwarding(stub, journal) as forwarder,
    ):
        await until(lambda: len(stub.stored) == KEPT)
        journal.add(*scans(BACKLOG + 1, 1))
        await until(lambda: BACKLOG + 1 in times(stub.stored))
        await until(lambda: forwarder.status.behind == BACKLOG - KEPT)
        status = forwarder.status
        assert (journal.cursors, forwarder.seen) == ({}, 0), "the oldest of it is not there yet"
        assert (status.backlog, status.live_ms) == (BACKLOG - KEPT, 0)
        assert status.behind_ms > 0

        held.set()
        await until(at_end(journal))
        await until(lambda: forwarder.seen == journal.last)
        assert (forwarder.status.backlog, forwarder.status.behind_ms) == (0, 0)
    assert sorted(times(stub.stored)) == list(range(1, journal.last + 1)), "each of them once"


async def test_a_server_that_comes_back_gets_what_is_live_before_what_it_missed() -> None:
    back, seen = asyncio.Event(), list[int]()

    async def away(request: Request) -> Answer:
        if not back.is_set():
            return Answer(503)
        seen.extend(times(request.lines))
        return STORED

    journal = ShortLog()
    async with WriteStub(away).serving() as stub, forwarding(stub, journal) as forwarder:
        journal.add(*scans(1, 10))
        await until(lambda: bool(forwarder.status.trouble))
        journal.add(*scans(11, 4 * BACKLOG))
        back.set()
        await until(at_end(journal))
    assert sorted(seen) == list(range(1, journal.last + 1))
    newest = seen.index(journal.last)
    assert len(seen) - newest > BACKLOG, "most of what it missed came after"


async def test_it_stays_away_again_before_it_has_all_and_nothing_is_lost() -> None:
    held, away, journal = asyncio.Event(), asyncio.Event(), ShortLog()
    first, again = BACKLOG, 2 * BACKLOG
    journal.add(*scans(1, first))
    hold = holding(held, 1)

    async def answer(request: Request) -> Answer:
        return Answer(503) if away.is_set() else await hold(request)

    async with (
        WriteStub(answer).serving() as stub,
        forwarding(stub, journal, in_flight=3) as forwarder,
    ):
        await until(lambda: len(stub.stored) > KEPT)
        away.set()
        journal.add(*scans(first + 1, 1))
        await until(lambda: bool(forwarder.status.trouble))
        journal.add(*scans(first + 2, again))
        away.clear()
        await until(lambda: journal.last in times(stub.stored))
        await until(lambda: forwarder.status.behind == first - KEPT)
        assert journal.cursors == {}
        held.set()
        await until(at_end(journal))
    assert sorted(times(stub.stored)) == list(range(1, journal.last + 1))


async def test_the_next_run_sends_all_that_was_left_by_one_that_ended_in_between() -> None:
    held, journal = asyncio.Event(), ShortLog()
    journal.add(*scans(1, BACKLOG))
    hold = holding(held, BACKLOG - KEPT, after=2_000)
    async with WriteStub(hold).serving() as stub:
        async with forwarding(stub, journal):
            await until(lambda: journal.cursors.get(CURSOR) == 2_000)
            journal.add(*scans(BACKLOG + 1, 10))
            await until(lambda: BACKLOG + 10 in times(stub.stored))
        assert journal.cursors[CURSOR] == 2_000
        held.set()
        async with forwarding(stub, journal):
            await until(at_end(journal))
    assert set(times(stub.stored)) == set(range(1, journal.last + 1))


async def test_lines_that_are_refused_are_put_aside_once_of_live_and_of_old() -> None:
    bad = {17, 3_333, BACKLOG - 3}

    async def refuse(request: Request) -> Answer:
        return REFUSED if bad & set(times(request.lines)) else STORED

    journal = ShortLog()
    journal.add(*scans(1, BACKLOG))
    async with WriteStub(refuse).serving() as stub, forwarding(stub, journal):
        await until(at_end(journal))
    assert sorted(times(stub.stored)) == sorted({*range(1, BACKLOG + 1)} - bad)
    assert sorted(times([row.payload.decode() for row in journal.set_aside])) == sorted(bad)


class HolesLog(ShortLog):
    """A journal from which damaged rows were taken out."""

    def __init__(self, holes: set[int]) -> None:
        super().__init__()
        self._holes = holes

    async def follow(
        self, after: int, *, limit: int = 2_000
    ) -> AsyncGenerator[list[tuple[int, Entry]], None]:
        async for logged in super().follow(after, limit=limit):
            if found := [one for one in logged if one[0] not in self._holes]:
                yield found


@pytest.mark.parametrize(
    "holes",
    [
        pytest.param({BACKLOG - KEPT}, id="the last of the backlog"),
        pytest.param(set(range(100, BACKLOG - KEPT + 200)), id="from the backlog into the rest"),
        pytest.param(set(range(1, BACKLOG)), id="nearly all"),
    ],
)
async def test_a_backlog_with_missing_numbers_comes_to_its_end(holes: set[int]) -> None:
    journal = HolesLog(holes)
    journal.add(*scans(1, BACKLOG))
    async with (
        WriteStub(holding(asyncio.Event(), 0)).serving() as stub,
        forwarding(stub, journal) as forwarder,
    ):
        await until(at_end(journal))
        assert forwarder.status.backlog == 0
    assert sorted(times(stub.stored)) == sorted({*range(1, BACKLOG + 1)} - holes)


async def test_one_request_at_a_time_is_enough_for_both() -> None:
    journal = ShortLog()
    journal.add(*scans(1, BACKLOG))
    async with (
        WriteStub(holding(asyncio.Event(), 0)).serving() as stub,
        forwarding(stub, journal, in_flight=1),
    ):
        await until(at_end(journal))
    assert sorted(times(stub.stored)) == list(range(1, BACKLOG + 1))


async def test_a_log_that_is_sent_in_order_is_never_parted() -> None:
    journal = ShortLog()
    journal.add(*scans(1, BACKLOG))
    async with (
        WriteStub(holding(asyncio.Event(), 0)).serving() as stub,
        forwarding(stub, journal, in_flight=1, in_order=True),
    ):
        await until(at_end(journal))
    assert times(stub.stored) == list(range(1, BACKLOG + 1))


async def test_forwarding_ends_with_the_journal_also_beside_a_backlog() -> None:
    held, journal = asyncio.Event(), ShortLog()
    journal.add(*scans(1, BACKLOG))
    async with WriteStub(holding(held, BACKLOG - KEPT)).serving() as stub:
        settings = InfluxSettings(url=stub.url, org="lab", bucket="b", token=TOKEN, batch_lines=500)
        forwarder = Forwarder(settings, journal, site="s", pace=BRISK)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(forwarder.run(), name="forwarder")
            await until(lambda: len(stub.stored) == KEPT)
            journal.close()
            await asyncio.wait_for(running, SOON_S)
        held.set()
    assert forwarder.seen == 0
